"""Scenarios of UDP, ICMP, SCTP and the rest: flows one way and both, echoes, errors that quote.

Silences keep away from the table's timeouts (30 s, 120 s), whose ends it tells in whole seconds.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from lab.oracle.datagrams import UDP, Ends
from lab.oracle.segment import (
    ACK,
    SYN,
    Segment,
    icmp_packet,
    ip_packet,
    reverse,
    tcp_packet,
    udp_packet,
)

Timed = tuple[float, bytes]
Maker = Callable[[random.Random, list[Ends], int], list[Timed]]
_TCP = 6
_UNREACHABLE = {4: (3, (0, 1, 2, 3, 4, 9, 13)), 6: (1, (0, 1, 3, 4))}
_OTHER_ERRORS = {4: ((11, 0), (11, 1), (12, 0), (4, 0), (5, 1)), 6: ((2, 0), (3, 0), (4, 1))}
_ECHO = {4: (8, 0), 6: (128, 129)}
_QUERIES = {4: ((13, 14, 16), (15, 16, 4), (17, 18, 8)), 6: ()}


def _version(ends: Ends) -> int:
    return 6 if len(ends.src) == 16 else 4


def _udp_of(pair: Ends) -> Ends:
    return Ends(pair.src, pair.dst, UDP, pair.sport, pair.dport)


def udp(rng: random.Random, pairs: list[Ends], n_packets: int) -> list[Timed]:
    """Flows of one or both directions; silences shorter or much longer than any timeout."""
    both_ways = {pair: rng.random() < 0.6 for pair in pairs}
    out, now = [], 0.0
    for _ in range(n_packets):
        pair = _udp_of(rng.choice(pairs))
        back = (
            rng.random() < 0.4 and both_ways[Ends(pair.src, pair.dst, _TCP, pair.sport, pair.dport)]
        )
        now += rng.choice((0.001, 0.02, 0.3)) if rng.random() < 0.95 else rng.choice((200, 1000))
        out.append((now, udp_packet(reverse(pair) if back else pair, bytes(rng.randrange(600)))))
    return out


def udp_stream(rng: random.Random, pairs: list[Ends], n_packets: int) -> list[Timed]:
    """All flows talk, rest three seconds and talk again: those heard both ways are streams now."""
    out: list[Timed] = []
    now = 0.0
    n_each = max(1, n_packets // (3 * len(pairs)))
    both_ways = {pair: rng.random() < 0.7 for pair in pairs}
    for rest in (0.0, 3.0, rng.choice((40.0, 80.0, 150.0))):
        now += rest
        for _ in range(n_each):
            for pair in map(_udp_of, pairs):
                two = both_ways[Ends(pair.src, pair.dst, _TCP, pair.sport, pair.dport)]
                now += 0.002
                way = reverse(pair) if two and rng.random() < 0.5 else pair
                out.append((now, udp_packet(way, bytes(rng.randrange(100)))))
    return out


def _quote(rng: random.Random, ends: Ends) -> bytes:
    """The head of a packet between these ends, as a router would send it back."""
    if ends.proto == UDP:
        packet = udp_packet(ends, bytes(40))
    else:
        numbers = rng.randrange(1 << 32), rng.randrange(1 << 32)
        packet = tcp_packet(ends, Segment(*numbers, ACK, 1000, 100))
    head = 40 if _version(ends) == 6 else 20
    # RFC 792 asks for eight bytes behind the header, RFC 1812 for as many as there is room.
    return packet[: head + rng.choice((8, 20, 60, 7))]


def _error(rng: random.Random, about: Ends, src: bytes, dst: bytes) -> bytes:
    version = _version(about)
    kind, codes = _UNREACHABLE[version]
    code = rng.choice(codes)
    if rng.random() < 0.3:
        kind, code = rng.choice(_OTHER_ERRORS[version])
    rest = struct.pack("!HH", 0, 1280) + _quote(rng, about)
    return icmp_packet(src, dst, kind, code, rest)


def icmp(rng: random.Random, pairs: list[Ends], n_packets: int) -> list[Timed]:
    """Echoes, queries, and errors about what is in the table, was there, or never was."""
    out: list[Timed] = []
    now, alive = 0.0, list[Ends]()
    while len(out) < n_packets:
        pair = rng.choice(pairs)
        now += rng.choice((0.001, 0.05)) if rng.random() < 0.97 else 500.0
        what = rng.choice(
            ("echo", "echo", "query", "flow", "flow", "error", "error", "stray", "other")
        )
        out.extend((now, packet) for packet in _packets(rng, what, pair, alive))
    return out[:n_packets]


def _packets(rng: random.Random, what: str, pair: Ends, alive: list[Ends]) -> list[bytes]:
    version = _version(pair)
    if what in ("echo", "query"):
        ask, answer = _ECHO[version]
        extra = 0
        if what == "query" and _QUERIES[version]:
            ask, answer, extra = rng.choice(_QUERIES[version])
        rest = struct.pack("!HH", rng.randrange(4), rng.randrange(9)) + bytes(extra)
        sent = icmp_packet(pair.src, pair.dst, ask, 0, rest)
        back = icmp_packet(pair.dst, pair.src, answer, 0, rest)
        return rng.choice(([sent, back], [sent], [sent, back, back], [back]))
    if what == "other":
        # Neighbour discovery, multicast listeners, router messages; and types that nobody uses.
        kind = rng.choice((130, 131, 132, 133, 134, 135, 136, 137, 138, 143, 200, 9, 10, 0, 40))
        return [icmp_packet(pair.src, pair.dst, kind, rng.randrange(2), bytes(24))]
    if what == "flow":
        flow = _udp_of(pair) if rng.random() < 0.5 else pair
        alive.append(flow)
        if flow.proto == UDP:
            return [udp_packet(flow, b"?")]
        return [tcp_packet(flow, Segment(rng.randrange(1 << 32), 0, SYN, 1000, mss=1460))]
    about = rng.choice(alive) if alive and what == "error" else pair
    if rng.random() < 0.3:
        about = reverse(about)
    # Errors come from the far end or from a router on the way, to whom sent what is quoted.
    router = bytes([about.src[0]]) + bytes(len(about.src) - 2) + b"\x01"
    return [
        _error(
            rng, about, rng.choice((about.dst, router)), rng.choice((about.src, about.src, router))
        )
    ]


_SCTP, _GRE, _ESP, _AH, _IPIP, _UDPLITE = 132, 47, 50, 51, 4, 136
_CHUNKS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14)
_SCTP_OPENING = ((0, 1), (1, 2), (0, 10), (1, 11))
"""INIT, INIT ACK, COOKIE ECHO, COOKIE ACK (RFC 9260, 5.1) and who sends them."""


def sctp_packet(ends: Ends, tag: int, chunks: tuple[int, ...], init_tag: int) -> bytes:
    """Chunks by type; INIT and INIT ACK carry `init_tag`. The checksum is left at nought."""
    body = struct.pack("!HHII", ends.sport, ends.dport, tag, 0)
    for kind in chunks:
        value = struct.pack("!IIHHI", init_tag, 65_535, 10, 10, 1) if kind in (1, 2) else bytes(12)
        body += struct.pack("!BBH", kind, 0, 4 + len(value)) + value
    return ip_packet(ends.src, ends.dst, _SCTP, body)


def sctp(rng: random.Random, pairs: list[Ends], n_packets: int) -> list[Timed]:
    """Associations that open as they should, and chunks of any kind with right and wrong tags."""
    tags = {pair: (rng.randrange(1, 1 << 32), rng.randrange(1, 1 << 32)) for pair in pairs}
    opening = {pair: list(_SCTP_OPENING) if rng.random() < 0.7 else [] for pair in pairs}
    out: list[Timed] = []
    now = 0.0
    for _ in range(n_packets):
        pair = rng.choice(pairs)
        scripted = bool(opening[pair])
        side, kind = opening[pair].pop(0) if scripted else (rng.randrange(2), rng.choice(_CHUNKS))
        own, peer = tags[pair][side], tags[pair][1 - side]
        tag = 0 if kind == 1 else peer
        if not scripted and rng.random() < 0.15:
            tag = rng.choice((0, own, rng.randrange(1 << 32)))
        chunks = (kind, rng.choice((0, 3, 4))) if rng.random() < 0.1 and not scripted else (kind,)
        now += rng.choice((0.001, 0.1)) if rng.random() < 0.97 else 400.0
        out.append((now, sctp_packet(pair if side == 0 else reverse(pair), tag, chunks, own)))
    return out


def protocols(rng: random.Random, pairs: list[Ends], n_packets: int) -> list[Timed]:
    """Protocols that have ports and no states, keys, or neither: GRE, ESP, AH, UDP-Lite, ..."""
    out: list[Timed] = []
    now = 0.0
    for _ in range(n_packets):
        pair = rng.choice(pairs)
        ends = reverse(pair) if rng.random() < 0.4 else pair
        # Behind an authentication header IPv6 has the next protocol's header, and here is none.
        ah = _AH if _version(ends) == 4 else _ESP
        proto = rng.choice((_GRE, _GRE, _ESP, ah, _IPIP, _UDPLITE, _UDPLITE, 103, 255))
        now += rng.choice((0.001, 0.1)) if rng.random() < 0.97 else rng.choice((20.0, 900.0))
        if proto == _GRE:
            flags = rng.choice((0x0000, 0x2000, 0x2001, 0x3001, 0x0001, 0x0002))
            body = struct.pack("!HHHH", flags, 0x880B, 40, rng.randrange(3)) + bytes(40)
        elif proto == _UDPLITE:
            # The third word is how much is covered, in bytes; 1 to 7 may not be (RFC 3828).
            cover, total = rng.choice((0, 8, 8, 48, 48, 3, 200)), rng.choice((0, 1, 1, 1))
            body = struct.pack("!HHHH", ends.sport, ends.dport, cover, total) + bytes(40)
        else:
            body = struct.pack("!II", rng.randrange(4), len(out)) + bytes(24)
        out.append((now, ip_packet(ends.src, ends.dst, proto, body)))
    return out


MAKERS: dict[str, Maker] = {
    "udp": udp,
    "udp_stream": udp_stream,
    "icmp": icmp,
    "sctp": sctp,
    "protocols": protocols,
}
