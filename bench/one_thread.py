"""Decode and track a capture in one thread: python -m bench.one_thread CAPTURE [CT]."""

from __future__ import annotations

import sys

from wiretell._core import Reader, Tracker


def main() -> None:
    path, ct = sys.argv[1], "".join(sys.argv[2:]) or None
    Tracker(threads=1, ct=ct).consume(Reader([path]), 1 << 40)


if __name__ == "__main__":
    main()
