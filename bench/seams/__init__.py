"""Addresses judged in windows, beside the same judged whole: python -m bench.seams."""
