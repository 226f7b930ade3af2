"""What a machine's TCP timestamp offsets are common to, measured on what it sent.

Not read off the kernel's version: distributions backport the rule. Linux has hashed the addresses
since 4.13, and the ports, too, only in later stable kernels, so two kernels that call themselves
6.1 can differ.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable

from lab.guests.pcap import Packet

HZ = 1000
"""The timestamp clock of every stack of the lab."""
GAP_TICKS = 1000
"""Offsets further apart are of two lines; a line wanders by its skew and by late packets."""
SHARE_ALONE = 0.9
"""Offsets drawn for each connection are nearly all alone; a few agree by chance."""


def scope(packets: Iterable[Packet]) -> str:
    """In words: what shares an offset among the connections that the packets open.

    An address with one connection tells nothing of whether the next would have another offset.
    """
    by_pair: dict[tuple[str, str], list[int]] = collections.defaultdict(list)
    for pair, offset in _connections(packets):
        by_pair[pair].append(offset)
    offsets = [offset for each in by_pair.values() for offset in each]
    again = [each for each in by_pair.values() if len(each) > 1]
    if not offsets:
        return "no TCP timestamps"
    if not again:
        return "too few connections to tell what timestamp offsets are common to"
    if n_lines(offsets) == 1:
        return "one timestamp offset" + (" for all servers" if len(by_pair) > 1 else "")
    if all(n_lines(each) == 1 for each in by_pair.values()):
        return "timestamp offset per address pair"
    if sum(map(n_lines, again)) >= SHARE_ALONE * sum(map(len, again)):
        return "timestamp offset per connection"
    return "timestamp offsets of mixed scope"


def n_lines(offsets: list[int]) -> int:
    """How many groups of offsets there are around the circle of 32 bits."""
    ordered = sorted(offsets)
    steps = [b - a for a, b in zip(ordered, [*ordered[1:], ordered[0] + 2**32], strict=True)]
    return max(1, sum(step > GAP_TICKS for step in steps))


def _connections(packets: Iterable[Packet]) -> Iterable[tuple[tuple[str, str], int]]:
    """The addresses and offset (ticks at the capture's time nought) of each SYN not sent before."""
    seen = set()
    for packet in packets:
        connection = (packet.src, packet.sport, packet.dst, packet.dport, packet.seq)
        if packet.opens and packet.tsval is not None and connection not in seen:
            seen.add(connection)
            elapsed = packet.time_ns * HZ // 1_000_000_000
            yield (packet.src, packet.dst), (packet.tsval - elapsed) % 2**32
