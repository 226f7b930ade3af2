"""Write a large TCP capture: python -m bench.generate OUT.pcap --packets 5000000 --snaplen 74.

OUT may be -: standard output.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import BinaryIO

from bench.pcap import encode, file_header
from bench.traffic import packets

HEADER_ONLY_SNAPLEN = 74
"""Ethernet, IPv4 and TCP with the 20 bytes of options that a SYN carries."""
FULL_SNAPLEN = 65535
N_ROWS = 100_000


def generate(path: Path, n_packets: int, snaplen: int, seed: int = 1) -> None:
    """Write the capture; memory does not grow with `n_packets`."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        write(file, n_packets, snaplen, seed)
    part.replace(path)


def write(file: BinaryIO, n_packets: int, snaplen: int, seed: int = 1) -> None:
    """The same into an open file."""
    file.write(file_header(snaplen))
    for batch in packets(n_packets, seed):
        for start in range(0, len(batch), N_ROWS):
            file.write(encode(batch[start : start + N_ROWS], snaplen).data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--packets", type=int, default=5_000_000)
    parser.add_argument("--snaplen", type=int, default=HEADER_ONLY_SNAPLEN)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.out == Path("-"):
        write(sys.stdout.buffer, arguments.packets, arguments.snaplen, arguments.seed)
        return
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    generate(arguments.out, arguments.packets, arguments.snaplen, arguments.seed)


if __name__ == "__main__":
    main()
