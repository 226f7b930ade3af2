"""Headers and TCP options of every packet by dpkt: python -m bench.dpkt_loop CAPTURE."""

from __future__ import annotations

import sys
from pathlib import Path

import dpkt


def main() -> None:
    n_options = 0
    with Path(sys.argv[1]).open("rb") as file:
        for _, data in dpkt.pcap.Reader(file):
            ip = dpkt.ethernet.Ethernet(data).data
            n_options += len(dpkt.tcp.parse_opts(ip.data.opts))
    print(n_options)


if __name__ == "__main__":
    main()
