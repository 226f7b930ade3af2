"""Addresses used at one moment: connections that one program opened to both address families.

A program that knows an IPv4 and an IPv6 address of a server tries both, 250 ms apart (Happy
Eyeballs, RFC 8305); a kernel that counts source ports counts both families with one counter.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from wiretell.findings.match.arguments import TOGETHER, Argument
from wiretell.model.profiles import Opening, Profile

EYEBALLS_S = 0.3
"""RFC 8305 recommends 250 ms between attempts; the path adds some."""
MOST_BITS = 14.0
NEVER_BITS = -1.0
PORT_STEP = 16
PORT_RANGE = 16_384
GOES_ON = 0.4
"""Chance that a counter of both goes on in such a step: other sockets are opened in between."""
LEAST_TURNS = 3
PORT_BITS = (-10.0, 16.0)


def together_arguments(a: Profile, b: Profile) -> list[Argument]:
    """What the first connections of both say: one name at one moment, one port counter."""
    found = []
    if a.opened and b.opened:
        found += _eyeballs(a, b)
        if a.port_regime == b.port_regime == "sequential":
            found += _ports(a, b)
    return found


def _eyeballs(a: Profile, b: Profile) -> list[Argument]:
    first = max(a.opened[0].time_ns, b.opened[0].time_ns)
    last = min(a.opened[-1].time_ns, b.opened[-1].time_ns)
    span_s = (last - first) / 1e9 + 2.0 * EYEBALLS_S
    if span_s <= 2.0 * EYEBALLS_S:
        return []
    mine, theirs = _by_name(a.opened, first, last), _by_name(b.opened, first, last)
    hits, chance = 0, 0.0
    for name in sorted(mine.keys() & theirs.keys()):
        times = theirs[name]
        for at in mine[name]:
            reach = EYEBALLS_S * 1e9
            hits += bisect_right(times, at + reach) > bisect_left(times, at - reach)
        chance += len(mine[name]) * len(times) * 2.0 * EYEBALLS_S / span_s
    chance = max(chance, 0.01)
    more = max(hits - chance, 0.0)
    if more <= 0.0:
        return []
    bits = hits * math.log2(hits / chance) - more / math.log(2.0)
    words = f"{hits} times both asked for one name within {EYEBALLS_S:g} s; by chance {chance:.2g}"
    return [Argument(TOGETHER, "happy eyeballs", min(bits, MOST_BITS), words)]


def _by_name(opened: Sequence[Opening], first_ns: int, last_ns: int) -> dict[str, list[int]]:
    reach = round(EYEBALLS_S * 1e9)
    found: dict[str, list[int]] = defaultdict(list)
    for each in opened:
        if each.asked and first_ns - reach <= each.time_ns <= last_ns + reach:
            found[each.asked].append(each.time_ns)
    return {name: sorted(times) for name, times in found.items()}


def _ports(a: Profile, b: Profile) -> list[Argument]:
    """Where one family's connection follows the other's, does the port counter go on?"""
    both = sorted(
        [(x.time_ns, x.port, 0) for x in a.opened] + [(x.time_ns, x.port, 1) for x in b.opened]
    )
    turns = [
        (later[1] - earlier[1]) % 65_536
        for earlier, later in pairwise(both)
        if earlier[2] != later[2]
    ]
    if len(turns) < LEAST_TURNS:
        return []
    hits = sum(0 < step <= PORT_STEP for step in turns)
    chance = PORT_STEP / PORT_RANGE
    bits = hits * math.log2(GOES_ON / chance)
    bits += (len(turns) - hits) * math.log2((1.0 - GOES_ON) / (1.0 - chance))
    words = f"source ports go on from one to the other in {hits} of {len(turns)} turns"
    return [Argument(TOGETHER, "port counter", min(max(bits, PORT_BITS[0]), PORT_BITS[1]), words)]
