"""Decode and track a capture in one thread: python -m bench.one_thread CAPTURE [CT | totals]."""

from __future__ import annotations

import sys

from wiretell._core import FlowCounter, Reader, Tracker

TOTALS = "totals"
"""In place of the settings of a connection tracker: of flows only the totals, `flows --count`."""


def main() -> None:
    path, ct = sys.argv[1], "".join(sys.argv[2:]) or None
    tracker = FlowCounter(threads=1) if ct == TOTALS else Tracker(threads=1, ct=ct)
    tracker.consume(Reader([path]), 1 << 40)


if __name__ == "__main__":
    main()
