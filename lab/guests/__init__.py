"""Real machines behind a real NAT, captured outside, with the truth from inside.

`python -m lab.guests SCENARIO.toml -o OUTDIR` builds the network, runs the machines, captures on
both sides of the NAT and writes the outside capture with its truth. `record.py` is the whole way
on one screen. Needs root and Linux; what else is missing is named (`needs.py`).
"""
