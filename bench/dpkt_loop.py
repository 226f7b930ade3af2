"""Headers and TCP options of every packet by dpkt: dpkt_loop.py CAPTURE."""

from __future__ import annotations

import sys
from pathlib import Path

import dpkt


def main() -> None:
    n_options = 0
    with Path(sys.argv[1]).open("rb") as file:
        for _, data in dpkt.pcap.Reader(file):
            ip = dpkt.ethernet.Ethernet(data).data
            segment = getattr(ip, "data", None)
            if isinstance(segment, dpkt.tcp.TCP):
                n_options += len(dpkt.tcp.parse_opts(segment.opts))
    print(n_options)


if __name__ == "__main__":
    main()
