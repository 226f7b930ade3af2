"""IP packets of a capture, made fit to be forwarded by a kernel, or the reason why they cannot be.

Only what no verdict hangs on is changed: bytes that the snap length cut become zeros (a kernel
drops packets shorter than they say), the IPv4 header sum is made right, a TTL below 2 becomes 64.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lab.superpose.frames import Frame

_ETHERNET, _SLL, _SLL2 = 1, 113, 276
_RAW = (12, 14, 101, 228, 229)
_NULL, _LOOP = 0, 108
_TAGS = (0x8100, 0x88A8, 0x9100)
_IPV4, _IPV6 = 0x0800, 0x86DD
_FORWARDED_TTL = 64
_FRAGMENT_HEADER = 44
_EXTENSIONS = (0, 43, 60)
"""Hop-by-hop, routing, destination options."""
TCP, UDP, ICMP, ICMPV6, GRE = 6, 17, 1, 58, 47
_PPP = b"\x88\x0b"
_PORTS = (TCP, UDP, 132, 136)
_ERRORS = {ICMP: (3, 4, 5, 11, 12), ICMPV6: (1, 2, 3, 4)}
_REPLIES = {ICMP: {8: 0, 13: 14, 15: 16, 17: 18}, ICMPV6: {128: 129, 139: 140}}


EntryKey = tuple[bytes, bytes, int, int, int]


@dataclass(frozen=True, slots=True)
class Ends:
    """Who a packet is between: packed addresses, protocol, ports.

    For ICMP `sport` is the identifier and `dport` type and code, as conntrack keys it; protocols
    without ports have noughts.
    """

    src: bytes
    dst: bytes
    proto: int
    sport: int
    dport: int

    @property
    def entry_key(self) -> EntryKey:
        """The same for all packets of one entry, whichever way they go."""
        if self.proto in _REPLIES:
            asked = {reply: ask for ask, reply in _REPLIES[self.proto].items()}
            kind = self.dport >> 8
            if kind in asked:
                return self.dst, self.src, self.proto, self.sport, asked[kind]
            return self.src, self.dst, self.proto, self.sport, kind
        near, far = sorted(((self.src, self.sport), (self.dst, self.dport)))
        return near[0], far[0], self.proto, near[1], far[1]


@dataclass(frozen=True, slots=True)
class Datagram:
    """One frame's IP packet; `data` is empty where it has none that a kernel would take.

    `trouble` says why it was not fed, or why what a kernel says of it is not comparable.
    """

    number: int
    """Of the frame in its capture, from 1."""
    time_ns: int
    data: bytes
    trouble: str
    ends: Ends | None = None
    quoted: Ends | None = None
    """Of the packet that an ICMP error is about."""


def datagrams(frames: Iterable[Frame]) -> Iterator[Datagram]:
    for number, frame in enumerate(frames, 1):
        yield datagram(number, frame)


def datagram(number: int, frame: Frame) -> Datagram:
    found = _ip(frame)
    if found is None:
        return Datagram(number, frame.time_ns, b"", "not_ip")
    version = found[0] >> 4 if found else 0
    if version == 4:
        return _v4(number, frame.time_ns, found)
    if version == 6:
        return _v6(number, frame.time_ns, found)
    return Datagram(number, frame.time_ns, b"", "not_ip")


def _ip(frame: Frame) -> bytes | None:
    data = frame.data
    if frame.link_type in _RAW:
        return data
    if frame.link_type in (_NULL, _LOOP):
        return data[4:]
    at = {_ETHERNET: 12, _SLL: 14, _SLL2: 0}.get(frame.link_type)
    if at is None:
        return None
    kind = int.from_bytes(data[at : at + 2], "big")
    while kind in _TAGS:
        at += 4
        kind = int.from_bytes(data[at : at + 2], "big")
    if kind not in (_IPV4, _IPV6):
        return None
    return data[20 if frame.link_type == _SLL2 else at + 2 :]


def header_sum(head: bytes) -> int:
    """RFC 1071 over an even number of bytes."""
    value = int.from_bytes(head, "big")
    return 0xFFFF - (value % 0xFFFF or (0xFFFF if value else 0))


def _v4(number: int, time_ns: int, data: bytes) -> Datagram:
    head = 4 * (data[0] & 15)
    size = int.from_bytes(data[2:4], "big")
    if head < 20 or len(data) < head or size < head:
        return Datagram(number, time_ns, b"", "bad_ip_header")
    packet = bytearray(data[:size].ljust(size, b"\0"))
    packet[8] = packet[8] if packet[8] >= 2 else _FORWARDED_TTL
    packet[10:12] = b"\0\0"
    packet[10:12] = header_sum(bytes(packet[:head])).to_bytes(2, "big")
    src, dst, proto = bytes(packet[12:16]), bytes(packet[16:20]), packet[9]
    trouble = _trouble_v4(src, dst)
    if not trouble and int.from_bytes(packet[6:8], "big") & 0x3FFF:
        trouble = "fragment"
    ends = None if trouble else _ends(src, dst, proto, bytes(packet[head : head + 8]))
    quoted = None if trouble else _quoted(proto, bytes(packet[head:]))
    return Datagram(number, time_ns, bytes(packet), trouble, ends, quoted)


def _trouble_v4(src: bytes, dst: bytes) -> str:
    """Why a router would not let it through; empty if it does."""
    if dst[0] & 0xF0 == 0xE0 or src[0] & 0xF0 == 0xE0:
        return "multicast"
    if b"\xff\xff\xff\xff" in (src, dst):
        return "broadcast"
    if 0 in (src[0], dst[0]):
        return "no_address"
    return ""


def _v6(number: int, time_ns: int, data: bytes) -> Datagram:
    size = 40 + int.from_bytes(data[4:6], "big")
    if len(data) < 40:
        return Datagram(number, time_ns, b"", "bad_ip_header")
    packet = bytearray(data[:size].ljust(size, b"\0"))
    packet[7] = packet[7] if packet[7] >= 2 else _FORWARDED_TTL
    src, dst = bytes(packet[8:24]), bytes(packet[24:40])
    trouble, proto, at = _trouble_v6(src, dst), packet[6], 40
    while proto in _EXTENSIONS and at + 8 <= size:
        proto, at = packet[at], at + 8 * (1 + packet[at + 1])
    if not trouble and proto == _FRAGMENT_HEADER:
        trouble = "fragment"
    ends = None if trouble else _ends(src, dst, proto, bytes(packet[at : at + 8]))
    quoted = None if trouble else _quoted(proto, bytes(packet[at:]))
    return Datagram(number, time_ns, bytes(packet), trouble, ends, quoted)


def _trouble_v6(src: bytes, dst: bytes) -> str:
    if 0xFF in (src[0], dst[0]):
        return "multicast"
    loopback, none = bytes(15) + b"\1", bytes(16)
    if loopback in (src, dst):
        return "loopback"
    if none in (src, dst):
        return "no_address"
    if b"\xfe\x80" in (src[:2], dst[:2]):
        return "link_local"
    return ""


def _ends(src: bytes, dst: bytes, proto: int, head: bytes) -> Ends | None:
    if proto == GRE and len(head) >= 8 and head[1] & 7 == 1 and head[2:4] == _PPP:
        # PPTP (RFC 2637): the call identifier stands for the port of the far end.
        return Ends(src, dst, proto, 0, int.from_bytes(head[6:8], "big"))
    if proto not in _PORTS and proto not in _REPLIES:
        return Ends(src, dst, proto, 0, 0)
    # Of a quoted packet there may be little more.
    if len(head) < (4 if proto in _PORTS else 8):
        return None
    first, second = struct.unpack_from("!HH", head)
    if proto in _PORTS:
        return Ends(src, dst, proto, first, second)
    kind, (identifier,) = head[0], struct.unpack_from("!H", head, 4)
    if kind in _REPLIES[proto] or kind in _REPLIES[proto].values():
        return Ends(src, dst, proto, identifier, first)
    return None


def _quoted(proto: int, body: bytes) -> Ends | None:
    """Who the packet is between that an error quotes."""
    if proto not in _ERRORS or not body or body[0] not in _ERRORS[proto]:
        return None
    inner = body[8:]
    if proto == ICMP and len(inner) >= 20 and inner[0] >> 4 == 4:
        at = 4 * (inner[0] & 15)
        return _ends(inner[12:16], inner[16:20], inner[9], inner[at : at + 8])
    if proto == ICMPV6 and len(inner) >= 40:
        return _ends(inner[8:24], inner[24:40], inner[6], inner[40:48])
    return None
