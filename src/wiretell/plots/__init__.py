"""Bokeh figures of a report: what the counters and clocks of each machine did."""
