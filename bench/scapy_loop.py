"""Every packet of a capture by scapy: scapy_loop.py CAPTURE (in the peers' environment)."""

from __future__ import annotations

import sys

from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether  # noqa: F401 - knows what is inside a frame
from scapy.utils import PcapReader


def main() -> None:
    with PcapReader(sys.argv[1]) as packets:
        print(sum(len(packet[TCP].options) for packet in packets if TCP in packet))


if __name__ == "__main__":
    main()
