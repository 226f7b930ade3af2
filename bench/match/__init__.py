"""How often machines are found again, and how often wrongly: `python -m bench.match`."""
