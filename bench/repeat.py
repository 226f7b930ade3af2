"""A capture again and again, later each time, to standard output:
python -m bench.repeat CAPTURE.pcap --packets 100000000 | wiretell flows - --count

Long captures are measured so without being stored. Flows begin anew each time, so there are no
more of them at once than in the capture.
"""

from __future__ import annotations

import argparse
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE_HEADER_BYTES, RECORD_HEADER_BYTES = 24, 16
MAGICS = (0xA1B2C3D4, 0xA1B23C4D)
"""Of pcap in little-endian order, with microseconds and nanoseconds."""


def record_offsets(data: bytes) -> NDArray[np.int64]:
    """Where records begin, and where the last ends. Raises ValueError: no plain pcap of ours."""
    if len(data) < FILE_HEADER_BYTES or struct.unpack_from("<I", data)[0] not in MAGICS:
        raise ValueError("not a plain little-endian pcap file")
    length_at = struct.Struct("<8xI").unpack_from
    offsets = [FILE_HEADER_BYTES]
    while (at := offsets[-1]) + RECORD_HEADER_BYTES <= len(data):
        end = at + RECORD_HEADER_BYTES + length_at(data, at)[0]
        if end > len(data):
            break
        offsets.append(end)
    return np.array(offsets)


def repeated(data: bytes, n_packets: int) -> Iterator[bytes]:
    """The file header, then the capture's records until there are `n_packets` of them, each time
    moved by the span of the capture and a second. Raises ValueError.
    """
    offsets = record_offsets(data)
    n_each = len(offsets) - 1
    if n_each < 1:
        raise ValueError("no packet to repeat")
    yield data[:FILE_HEADER_BYTES]
    records = np.frombuffer(data, "u1")[: offsets[-1]].copy()
    second_bytes = offsets[:-1, None] + np.arange(4)
    seconds = records[second_bytes].view("<u4")[:, 0]
    span_s = int(seconds.max()) - int(seconds.min()) + 1
    for nth in range(-(-n_packets // n_each)):
        later = (seconds.astype("i8") + nth * span_s).astype("<u4")
        records[second_bytes] = later[:, None].view("u1")
        n = min(n_each, n_packets - nth * n_each)
        yield records[FILE_HEADER_BYTES : offsets[n]].tobytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--packets", type=int, required=True)
    arguments = parser.parse_args()
    try:
        for part in repeated(arguments.capture.read_bytes(), arguments.packets):
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # whoever reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
