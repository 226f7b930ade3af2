"""A capture as a file of one Ethernet interface with nanosecond times: pcapng, or classic pcap."""

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_SECTION, _INTERFACE, _ENHANCED_PACKET = 0x0A0D0D0A, 1, 6
_BYTE_ORDER_MAGIC = 0x1A2B3C4D
_ETHERNET = 1
_IF_TSRESOL = 9
_PCAP_NANOSECONDS, _LONGEST = 0xA1B23C4D, 262_144
_NANOSECONDS = 9
"""if_tsresol: the power of ten, negated."""


class CapturedPacket(NamedTuple):
    """Bytes kept of one frame, when it passed the tap, and its length on the wire."""

    time_ns: int
    data: bytes
    n_wire_bytes: int


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + size + body + size


def write_pcapng(path: Path | str, packets: Iterable[CapturedPacket], snaplen: int = 0) -> None:
    """Write ``packets`` in their order; ``snaplen`` 0 means that frames are whole."""
    section = struct.pack("<IHHq", _BYTE_ORDER_MAGIC, 1, 0, -1)
    resolution = struct.pack("<HHB3xI", _IF_TSRESOL, 1, _NANOSECONDS, 0)
    interface = struct.pack("<HHI", _ETHERNET, 0, snaplen) + resolution
    with Path(path).open("wb") as file:
        file.write(_block(_SECTION, section) + _block(_INTERFACE, interface))
        for time_ns, data, n_wire_bytes in packets:
            high, low = time_ns >> 32, time_ns & 0xFFFFFFFF
            head = struct.pack("<IIIII", 0, high, low, len(data), n_wire_bytes)
            file.write(_block(_ENHANCED_PACKET, head + data))


def write_pcap(path: Path | str, packets: Iterable[CapturedPacket]) -> None:
    """Write ``packets`` in their order as a nanosecond pcap file."""
    with Path(path).open("wb") as file:
        file.write(struct.pack("<IHHiIII", _PCAP_NANOSECONDS, 2, 4, 0, 0, _LONGEST, _ETHERNET))
        for time_ns, data, n_wire_bytes in packets:
            seconds, fraction = divmod(time_ns, 10**9)
            file.write(struct.pack("<IIII", seconds, fraction, len(data), n_wire_bytes) + data)


def write_capture(path: Path | str, packets: Iterable[CapturedPacket]) -> None:
    """Write a pcap file if the name ends so, else pcapng."""
    write = write_pcap if Path(path).suffix == ".pcap" else write_pcapng
    write(path, packets)
