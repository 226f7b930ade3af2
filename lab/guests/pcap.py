"""Reads what tcpdump wrote in the lab: nanosecond pcap, Ethernet, IPv4.

Apart from the reader that the lab's captures are meant to test.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TCP, UDP = 6, 17
SYN, ACK = 0x02, 0x10
_MAGIC_NANOSECONDS = 0xA1B23C4D
_ETHERTYPE_IPV4 = 0x0800


class PcapError(ValueError):
    """Not a capture as the lab makes it."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One TCP or UDP packet over IPv4. `payload` is what the snap length left of it."""

    time_ns: int
    mac: str
    proto: int
    src: str
    sport: int
    dst: str
    dport: int
    ttl: int
    ipid: int
    payload_bytes: int
    payload: bytes
    seq: int = 0
    ack: int = 0
    flags: int = 0
    tsval: int | None = None

    @property
    def opens(self) -> bool:
        """A SYN without ACK."""
        return self.proto == TCP and self.flags & (SYN | ACK) == SYN


def read(path: Path) -> Iterator[Packet]:
    """The TCP and UDP packets of a capture, others passed over. Raises PcapError."""
    data = path.read_bytes()
    if len(data) < 24 or struct.unpack_from("<I", data)[0] != _MAGIC_NANOSECONDS:
        raise PcapError(f"{path}: not a nanosecond pcap of this byte order")
    at = 24
    while at + 16 <= len(data):
        seconds, nanoseconds, n_captured = struct.unpack_from("<III", data, at)
        frame = data[at + 16 : at + 16 + n_captured]
        at += 16 + n_captured
        packet = decode(seconds * 1_000_000_000 + nanoseconds, frame)
        if packet:
            yield packet


def decode(time_ns: int, frame: bytes) -> Packet | None:
    """One Ethernet frame; None for what is not TCP or UDP over IPv4, or is cut too short."""
    if len(frame) < 34 or int.from_bytes(frame[12:14], "big") != _ETHERTYPE_IPV4:
        return None
    at = 14 + 4 * (frame[14] & 15)
    proto = frame[23]
    n_needed = {TCP: 20, UDP: 8}.get(proto)
    if n_needed is None or len(frame) < at + n_needed:
        return None
    sport, dport = struct.unpack_from("!HH", frame, at)
    head: tuple[int, int, int, int | None] = (0, 0, 0, None)
    end = at + 8
    if proto == TCP:
        seq, ack, offset, flags = struct.unpack_from("!IIBB", frame, at + 4)
        end = at + 4 * (offset >> 4)
        head = (seq, ack, flags, _tsval(frame[at + 20 : end]))
    return Packet(
        time_ns,
        frame[6:12].hex(":"),
        proto,
        _address(frame[26:30]),
        sport,
        _address(frame[30:34]),
        dport,
        frame[22],
        int.from_bytes(frame[18:20], "big"),
        int.from_bytes(frame[16:18], "big") - (end - 14),
        frame[end:],
        *head,
    )


def _address(raw: bytes) -> str:
    return ".".join(map(str, raw))


def _tsval(options: bytes) -> int | None:
    at = 0
    while at < len(options) and options[at] != 0:
        if options[at] == 1:
            at += 1
            continue
        if at + 1 >= len(options) or options[at + 1] < 2:
            return None
        if options[at] == 8 and at + 10 <= len(options):
            return int.from_bytes(options[at + 2 : at + 6], "big")
        at += options[at + 1]
    return None
