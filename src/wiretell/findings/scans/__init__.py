"""Scans: who asks which machine what, in whose name, and what else it could be.

`gathered` keeps what may be probes, batch by batch; `survey` (read it first) finds scans in it.
"""
