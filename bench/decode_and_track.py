"""Decode and track a capture in the core alone: python -m bench.decode_and_track CAPTURE."""

from __future__ import annotations

import sys

from wiretell._core import Reader, Tracker

BATCH = 262_144


def main() -> None:
    reader, tracker = Reader([sys.argv[1]]), Tracker()
    while tracker.consume(reader, BATCH):
        tracker.drain_flows()
        tracker.drain_samples()
    tracker.finish()
    tracker.drain_flows()
    tracker.drain_samples()
    counters = tracker.counters()
    print(counters["packets"], "packets", counters["flows"], "flows")


if __name__ == "__main__":
    main()
