"""Accuracy of wiretell beside published methods, on drawn captures with known truth.

`python -m bench.accuracy` draws, analyses, scores and prints one table; README.md in bench/ says
how to read it.
"""
