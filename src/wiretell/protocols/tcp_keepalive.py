"""Segments that ask a connected peer for its timestamp: keep-alives with one garbage octet.

RFC 1122 section 4.2.3.6: a segment whose sequence number lies one before the next makes the peer
acknowledge at once, and the acknowledgement carries its TSval (RFC 7323). With the octet, that is
allowed there, a host does not count it as an empty segment out of the window, whose answers Linux
holds back to two in a second.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

from wiretell.protocols.internet_checksum import internet_checksum

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
_WINDOW = 512
_HEAD = struct.Struct("!HHIIBBHHH")
_TCP = 6


@dataclass(frozen=True, slots=True)
class Segment:
    """What a segment says that matters here; `timestamps` are (TSval, TSecr)."""

    source_port: int
    destination_port: int
    sequence: int
    acknowledgement: int
    flags: int
    n_payload: int
    timestamps: tuple[int, int] | None

    @property
    def next_sequence(self) -> int:
        """The sequence number behind it."""
        n = self.n_payload + bool(self.flags & SYN) + bool(self.flags & FIN)
        return (self.sequence + n) % 2**32


@dataclass(frozen=True, slots=True)
class Connection:
    """Addresses and ports of an open connection, as its near end sees them."""

    near: str
    near_port: int
    far: str
    far_port: int


def keepalive(
    connection: Connection, sequence: int, acknowledgement: int, tsval: int, tsecr: int
) -> bytes:
    """The segment to send, without IP header; `sequence` is one before the next of the near end."""
    options = struct.pack("!BBBBII", 1, 1, 8, 10, tsval % 2**32, tsecr % 2**32)
    offset = (_HEAD.size + len(options)) // 4 << 4
    fields = (connection.near_port, connection.far_port, sequence % 2**32, acknowledgement % 2**32)
    head = _HEAD.pack(*fields, offset, ACK, _WINDOW, 0, 0)
    segment = head + options + b"\0"
    checksum = internet_checksum(_pseudo_header(connection, len(segment)) + segment)
    return segment[:16] + checksum.to_bytes(2, "big") + segment[18:]


def _pseudo_header(connection: Connection, n_bytes: int) -> bytes:
    near, far = (ipaddress.ip_address(each).packed for each in (connection.near, connection.far))
    width = "!HH" if len(near) == 4 else "!II"  # zero and protocol, then the length; or reversed
    last = (_TCP, n_bytes) if len(near) == 4 else (n_bytes, _TCP)
    return near + far + struct.pack(width, *last)


def parse(data: bytes) -> Segment | None:
    """Reads a segment, IP header removed; None where it is cut."""
    if len(data) < _HEAD.size:
        return None
    source, destination, sequence, acknowledgement, offset, flags, *_ = _HEAD.unpack_from(data)
    n_head = (offset >> 4) * 4
    if n_head < _HEAD.size or n_head > len(data):
        return None
    stamps = _timestamps(data[_HEAD.size : n_head])
    return Segment(
        source, destination, sequence, acknowledgement, flags, len(data) - n_head, stamps
    )


def _timestamps(options: bytes) -> tuple[int, int] | None:
    at = 0
    while at < len(options) and options[at] != 0:
        if options[at] == 1:
            at += 1
            continue
        n = options[at + 1] if at + 1 < len(options) else 0
        if n < 2:
            return None
        if options[at] == 8 and n == 10 and at + 10 <= len(options):
            tsval, tsecr = struct.unpack_from("!II", options, at + 2)
            return tsval, tsecr
        at += n
    return None
