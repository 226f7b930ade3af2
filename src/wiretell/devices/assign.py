"""Sides -> groups: agglomeration by the bits that links and comparison give together.

Strong links first tie sides into chains; chains are then merged, best pair first, as long as the
sum of their links and of `compare` is positive. Comparing chains instead of flows keeps one
argument from being counted once per flow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np

from wiretell.devices.agglomerate import Partition, agglomerate
from wiretell.devices.chain_clocks import ChainClocks
from wiretell.devices.group import Group, groups_of
from wiretell.devices.interleave import Interleaving, agreements
from wiretell.devices.shown import shown_by
from wiretell.signal import Clock, Counter, Hold, Label, LabelRule, Labels, Link, Links

CHAIN_MARKS = 4
"""Chains this long are asked whether their counters run side by side before one link joins them."""
CHAIN_BITS = 9.0
"""A link this strong makes a chain unless handwriting contradicts it."""


@dataclass(frozen=True)
class Evidence:
    """All that the signals said of one address."""

    n_sides: int
    peers: Sequence[str]
    services: Sequence[str]
    starts: Sequence[float]
    links: Sequence[Link]
    labels: Sequence[Label]
    clocks: Sequence[Clock]
    counters: Sequence[Counter]
    rules: Mapping[str, LabelRule]
    holds: Sequence[Hold] = ()


def chains(evidence: Evidence) -> list[list[int]]:
    """All sides, tied by strong links into chains (most are single sides)."""
    return _chains(evidence, range(evidence.n_sides))


def grouped(evidence: Evidence, parts: Sequence[Sequence[int]]) -> list[Group]:
    """What is known of each of `parts`, sets of sides that may leave others out."""
    clocks = _clocks_of(evidence.clocks, {side for part in parts for side in part})
    return groups_of(parts, evidence.labels, clocks, evidence.peers, evidence.holds)


def partition(
    evidence: Evidence, parts: Sequence[Sequence[int]], *, near_misses: bool = True
) -> Partition:
    """Groups of the sides in `parts`; a part is never taken apart."""
    return agglomerate(
        grouped(evidence, parts),
        evidence.links,
        evidence.counters,
        evidence.rules,
        evidence.starts,
        near_misses=near_misses,
    )


def _clocks_of(clocks: Sequence[Clock], wanted: AbstractSet[int]) -> list[Clock]:
    kept: list[Clock] = []
    for clock in clocks:
        own = tuple(side for side in clock.sides if side in wanted)
        if own:
            kept.append(clock if len(own) == len(clock.sides) else replace(clock, sides=own))
    return kept


NO_TEXT: frozenset[str] = frozenset()
NOTHING: Mapping[str, frozenset[str]] = {}


def _certain(evidence: Evidence) -> dict[int, Mapping[str, frozenset[str]]]:
    """Side -> its labels that forbid others. Sides that write alike share one object."""
    kinds = {rule.kind for rule in evidence.rules.values() if rule.bits_other <= -5.0}
    labels = Labels.of(evidence.labels)
    certain = np.array([kind in kinds for kind, _ in labels.shown], dtype=bool)[labels.code]
    if not certain.any():
        return {}
    labels = Labels(labels.side[certain], labels.code[certain], labels.shown)
    sides = np.unique(labels.side)
    home = np.full(int(sides[-1]) + 1, -1, dtype=np.int64)
    home[sides] = np.arange(len(sides))
    told = shown_by(home, len(sides), labels)
    looks: dict[int, Mapping[str, frozenset[str]]] = {}
    for shown in told:
        if id(shown) not in looks:
            looks[id(shown)] = {kind: frozenset(texts) for kind, texts in shown.items()}
    return {side: looks[id(shown)] for side, shown in zip(sides.tolist(), told, strict=True)}


def _strongest(evidence: Evidence) -> list[tuple[Link, float]]:
    """Links that may make a chain, strongest first, and what other counters say of each.

    Handwriting only takes from them.
    """
    links = Links.of(evidence.links)
    agreed = agreements(links, evidence.counters)
    order = np.lexsort((links.ends[:, 1], links.ends[:, 0], -links.bits))
    order = order[(links.bits + agreed)[order] >= CHAIN_BITS]
    return [(links[i], float(agreed[i])) for i in order.tolist()]


def _chains(evidence: Evidence, sides: Sequence[int]) -> list[list[int]]:
    """Sides tied by strong links, strongest first, never against a certain contradiction."""
    parent = {side: side for side in sides}
    marks = _certain(evidence)

    def root(side: int) -> int:
        while parent[side] != side:
            parent[side] = parent[parent[side]]
            side = parent[side]
        return side

    clocks = ChainClocks(evidence.clocks)
    interleaving = Interleaving([[side] for side in range(evidence.n_sides)], evidence.counters)
    size = dict.fromkeys(parent, 1)
    for link, agreed in _strongest(evidence):
        if link.a not in parent or link.b not in parent:
            continue
        a, b = root(link.a), root(link.b)
        if a == b:
            continue
        ours, theirs = marks.get(a, NOTHING), marks.get(b, NOTHING)
        bits = link.bits
        if ours is not theirs:
            apart = [kind for kind in ours.keys() & theirs.keys() if not ours[kind] & theirs[kind]]
            bits += sum(evidence.rules[kind].bits_other for kind in apart)
        if bits + agreed < CHAIN_BITS:
            continue
        if clocks.apart(a, b):
            continue
        if min(size[a], size[b]) >= CHAIN_MARKS and interleaving.argument(a, b, CHAIN_MARKS):
            continue
        parent[b] = a
        size[a] += size[b]
        interleaving.merge(a, b)
        clocks.merge(a, b)
        if ours is not theirs:
            marks[a] = {
                k: ours.get(k, NO_TEXT) | theirs.get(k, NO_TEXT) for k in {**ours, **theirs}
            }
    chains: dict[int, list[int]] = defaultdict(list)
    for side in sides:
        chains[root(side)].append(side)
    return list(chains.values())
