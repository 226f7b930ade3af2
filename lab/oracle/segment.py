"""Packets of the scenarios, as values and as bytes: IPv4 and IPv6 without a link layer."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from lab.oracle.datagrams import ICMP, ICMPV6, TCP, UDP, Ends, header_sum

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
LINKTYPE_RAW = 101
_TTL = 60
_M = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP segment. ``seq`` and ``ack`` do not wrap here; they do on the wire."""

    seq: int
    ack: int
    flags: int
    window: int = 0
    length: int = 0
    mss: int | None = None
    wscale: int | None = None
    sack_permitted: bool = False
    stamps: tuple[int, int] | None = None
    sack: tuple[tuple[int, int], ...] = ()
    urgent: int = 0
    payload: bytes = b""
    """In place of `length` noughts."""

    @property
    def end(self) -> int:
        """The sequence number that follows; SYN and FIN count."""
        return self.seq + self.length + bool(self.flags & SYN) + bool(self.flags & FIN)


def reverse(ends: Ends) -> Ends:
    return Ends(ends.dst, ends.src, ends.proto, ends.dport, ends.sport)


def _sum(data: bytes) -> bytes:
    return header_sum(data + bytes(len(data) % 2)).to_bytes(2, "big")


def ip_packet(src: bytes, dst: bytes, proto: int, body: bytes) -> bytes:
    """`body` behind an IPv4 or IPv6 header, by the length of the addresses."""
    if len(src) == 16:
        return struct.pack("!IHBB", 6 << 28, len(body), proto, _TTL) + src + dst + body
    head = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(body), 0, 0x4000, _TTL, proto)
    return head + _sum(head + bytes(2) + src + dst) + src + dst + body


def _pseudo(ends: Ends, proto: int, size: int) -> bytes:
    return ends.src + ends.dst + struct.pack("!HH", proto, size)


def _options(segment: Segment) -> bytes:
    out = b""
    if segment.mss is not None:
        out += struct.pack("!BBH", 2, 4, segment.mss)
    if segment.sack_permitted:
        out += b"\x04\x02"
    if segment.stamps is not None:
        out += struct.pack("!BBII", 8, 10, segment.stamps[0] & _M, segment.stamps[1] & _M)
    if segment.wscale is not None:
        out += bytes((3, 3, segment.wscale))
    if segment.sack:
        out += bytes((5, 2 + 8 * len(segment.sack)))
        out += b"".join(struct.pack("!II", left & _M, right & _M) for left, right in segment.sack)
    return out + b"\x01" * (-len(out) % 4)


def tcp_packet(ends: Ends, segment: Segment) -> bytes:
    options = _options(segment)
    head = struct.pack(
        "!HHIIBBH",
        ends.sport,
        ends.dport,
        segment.seq & _M,
        segment.ack & _M,
        (5 + len(options) // 4) << 4,
        segment.flags,
        segment.window,
    )
    tail = struct.pack("!H", segment.urgent) + options + (segment.payload or bytes(segment.length))
    body = head + bytes(2) + tail
    total = _sum(_pseudo(ends, TCP, len(body)) + body)
    return ip_packet(ends.src, ends.dst, TCP, head + total + tail)


def udp_packet(ends: Ends, payload: bytes) -> bytes:
    head = struct.pack("!HHH", ends.sport, ends.dport, 8 + len(payload))
    total = _sum(_pseudo(ends, UDP, 8 + len(payload)) + head + bytes(2) + payload)
    return ip_packet(ends.src, ends.dst, UDP, head + total + payload)


def icmp_packet(src: bytes, dst: bytes, kind: int, code: int, rest: bytes) -> bytes:
    """ICMP or ICMPv6; `rest` is what follows the checksum."""
    v6 = len(src) == 16
    head = bytes((kind, code))
    pseudo = src + dst + struct.pack("!II", 4 + len(rest), ICMPV6) if v6 else b""
    body = head + _sum(pseudo + head + bytes(2) + rest) + rest
    return ip_packet(src, dst, ICMPV6 if v6 else ICMP, body)
