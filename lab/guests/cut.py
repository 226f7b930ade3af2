"""A part of a recording: some addresses, some of the time, headers alone.

`python -m lab.guests.cut IN.pcap OUT.pcap --host ADDRESS... --from S --to S --snap BYTES` keeps the
packets of the addresses (none: all) between two times after the first packet.
"""

from __future__ import annotations

import argparse
import struct
from collections.abc import Collection
from pathlib import Path

from lab.guests.pcap import PcapError

_HEAD_BYTES, _RECORD_BYTES = 24, 16
_MAGIC_NANOSECONDS = 0xA1B23C4D
_ETHERNET_BYTES, _IPV4_BYTES = 14, 20


def cut(
    data: bytes, hosts: Collection[str], from_s: float, to_s: float, snaplen: int = 65535
) -> bytes:
    """The part of a nanosecond pcap; packets that are no IPv4 go too. Raises PcapError."""
    if len(data) < _HEAD_BYTES or struct.unpack_from("<I", data)[0] != _MAGIC_NANOSECONDS:
        raise PcapError("not a nanosecond pcap of this byte order")
    kept = [data[:_HEAD_BYTES]]
    at, start_ns = _HEAD_BYTES, None
    while at + _RECORD_BYTES <= len(data):
        seconds, nanoseconds, n_captured, n_bytes = struct.unpack_from("<IIII", data, at)
        frame = data[at + _RECORD_BYTES : at + _RECORD_BYTES + n_captured]
        at += _RECORD_BYTES + n_captured
        time_ns = seconds * 1_000_000_000 + nanoseconds
        start_ns = time_ns if start_ns is None else start_ns
        if from_s <= (time_ns - start_ns) / 1e9 < to_s and _is_of(frame, hosts):
            frame = frame[:snaplen]
            kept += [struct.pack("<IIII", seconds, nanoseconds, len(frame), n_bytes), frame]
    return b"".join(kept)


def _is_of(frame: bytes, hosts: Collection[str]) -> bool:
    if len(frame) < _ETHERNET_BYTES + _IPV4_BYTES or frame[12:14] != b"\x08\x00":
        return False
    ends = [".".join(map(str, frame[at : at + 4])) for at in (26, 30)]
    return not hosts or any(end in hosts for end in ends)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.guests.cut", description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--host", action="append", default=[], dest="hosts")
    parser.add_argument("--from", type=float, default=0.0, dest="from_s")
    parser.add_argument("--to", type=float, default=float("inf"), dest="to_s")
    parser.add_argument("--snap", type=int, default=65535, help="bytes kept of each packet")
    options = parser.parse_args(arguments)
    part = cut(
        options.recording.read_bytes(), options.hosts, options.from_s, options.to_s, options.snap
    )
    options.out.write_bytes(part)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
