"""IPv4 packets in frames: where they are, who they are between, and how a router rewrites them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from lab.superpose.frames import Frame

ICMP, TCP, UDP = 1, 6, 17
ECHO_REPLY, ECHO = 0, 8
QUERIES = {8: 0, 13: 14, 17: 18}
"""ICMP queries (echo, timestamp, address mask) and their replies (RFC 792, RFC 950)."""
REPLIES = frozenset(QUERIES.values())
ERRORS = frozenset({3, 4, 11, 12})
"""ICMP messages that quote a packet: unreachable, source quench, time exceeded, parameter."""
SYN, ACK = 0x02, 0x10

_ETHERNET, _RAW, _NULL, _LOOP, _SLL, _SLL2 = 1, (12, 14, 101, 228), 0, 108, 113, 276
_IPV4, _TAGS = 0x0800, (0x8100, 0x88A8, 0x9100)
_MAX_TTL = 255


@dataclass(frozen=True, slots=True)
class Datagram:
    """One IPv4 packet, from its header on; link padding is cut off.

    Ports are those of TCP and UDP, the identifier of an ICMP query on its near side; nought for
    fragments after the first and for anything else.
    """

    time_ns: int
    data: bytes
    size: int
    """Total length on the wire; more than `len(data)` if the capture cut it."""
    src_mac: bytes
    dst_mac: bytes
    src: int
    dst: int
    proto: int
    sport: int
    dport: int
    ttl: int
    ip_id: int
    head: int
    """Length of the IPv4 header."""
    fragment: int
    """Fragment offset, in units of eight bytes."""

    @property
    def whole(self) -> bool:
        """Every byte of an unfragmented packet is there."""
        more = self.data[6] & 0x20
        return len(self.data) == self.size and not self.fragment and not more

    @property
    def icmp_type(self) -> int:
        return self.data[self.head] if self.proto == ICMP and not self.fragment else -1

    @property
    def opens(self) -> bool:
        """A SYN without ACK."""
        return self.proto == TCP and not self.fragment and self.flags & (SYN | ACK) == SYN

    @property
    def flags(self) -> int:
        return self.data[self.head + 13] if len(self.data) >= self.head + 14 else 0

    @property
    def seq(self) -> int:
        return int.from_bytes(self.data[self.head + 4 : self.head + 8], "big")

    def tcp_options(self) -> bytes:
        if self.proto != TCP or self.fragment or len(self.data) < self.head + 20:
            return b""
        end = self.head + 4 * (self.data[self.head + 12] >> 4)
        return self.data[self.head + 20 : end]

    def payload(self) -> bytes:
        """What TCP or UDP carries, as far as it was captured."""
        if self.fragment or self.proto not in (TCP, UDP):
            return b""
        if self.proto == UDP:
            return self.data[self.head + 8 :]
        offset = self.data[self.head + 12] >> 4 if len(self.data) > self.head + 12 else 5
        return self.data[self.head + 4 * offset :]


def options_of(raw: bytes) -> list[tuple[int, bytes]]:
    """TCP options as (kind, value); stops at the first that is not well formed."""
    out: list[tuple[int, bytes]] = []
    at = 0
    while at < len(raw):
        kind = raw[at]
        if kind <= 1:
            out.append((kind, b""))
            if kind == 0:
                break
            at += 1
            continue
        size = raw[at + 1] if at + 1 < len(raw) else 0
        if size < 2 or at + size > len(raw):
            break
        out.append((kind, raw[at + 2 : at + size]))
        at += size
    return out


def tsval_of(datagram: Datagram) -> int | None:
    for kind, value in options_of(datagram.tcp_options()):
        if kind == 8 and len(value) == 8:
            return int.from_bytes(value[:4], "big")
    return None


def _ip_at(frame: Frame) -> tuple[int, bytes, bytes] | None:
    """(offset of the IPv4 header, source MAC, destination MAC); MACs empty where there are none."""
    data, none = frame.data, b""
    if frame.link_type in _RAW:
        return 0, none, none
    if frame.link_type in (_NULL, _LOOP):
        return 4, none, none
    at, src, dst = 12, none, none
    if frame.link_type == _ETHERNET:
        src, dst = data[6:12], data[:6]
    elif frame.link_type == _SLL:
        # "Cooked": the sender's address alone.
        at, src = 14, data[6:12]
    elif frame.link_type == _SLL2:
        return (20, data[12:18], none) if data[:2] == b"\x08\x00" else None
    else:
        return None
    kind = int.from_bytes(data[at : at + 2], "big")
    while kind in _TAGS:
        at += 4
        kind = int.from_bytes(data[at : at + 2], "big")
    return (at + 2, src, dst) if kind == _IPV4 else None


def datagram_of(frame: Frame) -> Datagram | None:
    """The IPv4 packet of a frame; None if it has none, or one whose header is not to be trusted."""
    found = _ip_at(frame)
    if found is None:
        return None
    at, src_mac, dst_mac = found
    return _parsed(frame.time_ns, frame.data[at:], src_mac, dst_mac)


def _parsed(
    time_ns: int, data: bytes, src_mac: bytes, dst_mac: bytes, *, quoted: bool = False
) -> Datagram | None:
    if len(data) < 20 or data[0] >> 4 != 4:
        return None
    head = 4 * (data[0] & 15)
    size, ip_id, flags = struct.unpack_from("!HHH", data, 2)
    if head < 20 or size < head or len(data) < head:
        return None
    data = data[:size]
    fragment = flags & 0x1FFF
    proto = data[9]
    src, dst = struct.unpack_from("!II", data, 12)
    sport = dport = 0
    if not fragment and proto in (TCP, UDP):
        needed = 8 if quoted or proto == UDP else 20
        if len(data) < head + needed:
            return None
        sport, dport = struct.unpack_from("!HH", data, head)
    elif not fragment and proto == ICMP:
        if len(data) < head + 8:
            return None
        (number,) = struct.unpack_from("!H", data, head + 4)
        if data[head] in QUERIES:
            sport = number
        elif data[head] in REPLIES:
            dport = number
    return Datagram(time_ns, data, size, src_mac, dst_mac, src, dst, proto, sport, dport,
                    data[8], ip_id, head, fragment)  # fmt: skip


def quoted_in(datagram: Datagram) -> Datagram | None:
    """The packet that an ICMP error quotes."""
    if datagram.icmp_type not in ERRORS:
        return None
    return _parsed(datagram.time_ns, datagram.data[datagram.head + 8 :], b"", b"", quoted=True)


def _sum(data: bytes) -> int:
    """One's complement sum (RFC 1071), as a number modulo 65535 that is nought only for nought."""
    value = int.from_bytes(data + b"\x00" if len(data) % 2 else data, "big")
    return value % 0xFFFF or (0xFFFF if value else 0)


def _updated(checksum: int, old: bytes, new: bytes) -> int:
    """RFC 1624, equation 3."""
    total = (~checksum & 0xFFFF) + sum(
        (~a & 0xFFFF) + b for a, b in zip(_words(old), _words(new), strict=True)
    )
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _words(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"!{len(data) // 2}H", data)


_CHECKSUM_AT = {TCP: 16, UDP: 6, ICMP: 2}


def readdressed(
    p: Datagram,
    *,
    src: int,
    dst: int,
    sport: int,
    dport: int,
    ttl: int,
    quote: bytes | None = None,
    is_quote: bool = False,
) -> bytes:
    """The packet's bytes with other ends and another TTL, its checksums right.

    Whole packets get new checksums, cut ones and fragments theirs updated (RFC 1624). `quote`
    replaces what an ICMP error quotes.
    """
    out = bytearray(p.data)
    ends = struct.pack("!II", src, dst)
    out[8] = ttl
    out[12:20] = ends
    out[10:12] = bytes(2)
    out[10:12] = (0xFFFF - _sum(bytes(out[: p.head]))).to_bytes(2, "big")
    if p.fragment or p.proto not in _CHECKSUM_AT:
        return bytes(out)
    old, new = _place_ends(out, p, sport, dport)
    if p.proto == ICMP:
        old_ends = new_ends = b""
    else:
        old_ends, new_ends = p.data[12:20], ends
    if quote is not None:
        start = p.head + 8
        old += p.data[start:] + bytes(-len(p.data[start:]) % 2)
        out[start:] = quote
        new += quote + bytes(-len(quote) % 2)
    at = p.head + _CHECKSUM_AT[p.proto]
    if at + 2 > len(out):
        return bytes(out)
    before = int.from_bytes(out[at : at + 2], "big")
    if p.proto == UDP and not before:  # none computed
        return bytes(out)
    if p.whole and not is_quote:
        out[at : at + 2] = bytes(2)
        pseudo = b"" if p.proto == ICMP else ends + struct.pack("!HH", p.proto, p.size - p.head)
        total = 0xFFFF - _sum(pseudo + bytes(out[p.head :]))
    else:
        total = _updated(before, old_ends + old, new_ends + new)
    if p.proto == UDP and not total:
        total = 0xFFFF
    out[at : at + 2] = total.to_bytes(2, "big")
    return bytes(out)


def _place_ends(out: bytearray, p: Datagram, sport: int, dport: int) -> tuple[bytes, bytes]:
    """Write the ports, or the identifier of a query; the bytes there before and after."""
    if p.proto == ICMP:
        if p.icmp_type not in QUERIES and p.icmp_type not in REPLIES:
            return b"", b""
        at, new = p.head + 4, (sport or dport).to_bytes(2, "big")
    else:
        at, new = p.head, struct.pack("!HH", sport, dport)
    old = bytes(out[at : at + len(new)])
    out[at : at + len(new)] = new
    return old, new


def outward_ttl(ttl: int) -> int:
    """After the router; nought or less means that it goes no further."""
    return ttl - 1


def inward_ttl(ttl: int) -> int:
    """Before the router."""
    return min(_MAX_TTL, ttl + 1)
