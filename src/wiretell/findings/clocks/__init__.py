"""Clocks read off the wire: how fast, how sure, disciplined or free, and what hides them.

`report.clock_report` is the way in. A *unit* is a set of readings with one offset (a clock line,
or a flow alone); a *subject* (a flow side, an address, a machine) has the units of one rate.
"""
