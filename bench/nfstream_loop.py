"""Flows of a capture by nfstream: nfstream_loop.py CAPTURE (in the peers' environment)."""

from __future__ import annotations

import sys

from nfstream import NFStreamer


def main() -> None:
    flows = NFStreamer(source=sys.argv[1], n_dissections=0, statistical_analysis=False)
    print(sum(1 for _ in flows))


if __name__ == "__main__":  # it starts processes, which import this file
    main()
