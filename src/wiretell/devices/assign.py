"""Sides -> groups: agglomeration by the bits that links and comparison give together.

Strong links first tie sides into chains; chains are then merged, best pair first, as long as the
sum of their links and of `compare` is positive. Comparing chains instead of flows keeps one
argument from being counted once per flow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    return _chains(evidence)


def grouped(evidence: Evidence, parts: Sequence[Sequence[int]]) -> list[Group]:
    """What is known of each of `parts`, sets of sides that may leave others out."""
    clocks = _clocks_of(evidence.clocks, {side for part in parts for side in part})
    return groups_of(parts, evidence.labels, clocks, evidence.peers, evidence.holds)


def partition(
    evidence: Evidence,
    parts: Sequence[Sequence[int]],
    *,
    near_misses: bool = True,
    history: bool = True,
) -> Partition:
    """Groups of the sides in `parts`; a part is never taken apart."""
    return agglomerate(
        grouped(evidence, parts),
        evidence.links,
        evidence.counters,
        evidence.rules,
        evidence.starts,
        near_misses=near_misses,
        history=history,
    )


def _clocks_of(clocks: Sequence[Clock], wanted: AbstractSet[int]) -> list[Clock]:
    kept: list[Clock] = []
    for clock in clocks:
        own = tuple(side for side in clock.sides if side in wanted)
        if own:
            kept.append(clock if len(own) == len(clock.sides) else replace(clock, sides=own))
    return kept


_Look = Mapping[str, frozenset[str]]


class _Looks:
    """Labels that forbid others, by side: what each chain shows of them."""

    def __init__(self, evidence: Evidence) -> None:
        kinds = {rule.kind for rule in evidence.rules.values() if rule.bits_other <= -5.0}
        labels = Labels.of(evidence.labels)
        certain = np.array([kind in kinds for kind, _ in labels.shown], dtype=bool)[labels.code]
        labels = Labels(labels.side[certain], labels.code[certain], labels.shown)
        sides = np.flatnonzero(np.bincount(labels.side))
        home = np.full(int(sides.max(initial=-1)) + 1, -1, dtype=np.int64)
        home[sides] = np.arange(len(sides))
        told = shown_by(home, len(sides), labels)
        # Sides that write alike share a number.
        self._number: dict[_Key, int] = {}
        self._looks: list[_Look] = []
        known: dict[int, int] = {}
        for shown in told:
            if id(shown) not in known:
                look = {kind: frozenset(texts) for kind, texts in shown.items()}
                known[id(shown)] = self._numbered(look)
        none = self._numbered({})
        self.of = [none] * evidence.n_sides
        """Number of what each chain shows, by the side that stands for it."""
        for side, shown in zip(sides.tolist(), told, strict=True):
            self.of[side] = known[id(shown)]
        self._rules = evidence.rules
        self._against: dict[tuple[int, int], float] = {}
        self._together: dict[tuple[int, int], int] = {}

    def _numbered(self, look: _Look) -> int:
        number = self._number.setdefault(frozenset(look.items()), len(self._looks))
        if number == len(self._looks):
            self._looks.append(look)
        return number

    def against(self, a: int, b: int) -> float:
        """Bits that contradictions of chains `a` and `b` cost."""
        pair = self.of[a], self.of[b]
        if pair[0] == pair[1]:
            return 0.0
        bits = self._against.get(pair)
        if bits is None:
            ours, theirs = self._looks[pair[0]], self._looks[pair[1]]
            apart = [kind for kind in ours.keys() & theirs.keys() if not ours[kind] & theirs[kind]]
            bits = self._against[pair] = sum(self._rules[kind].bits_other for kind in apart)
        return bits

    def merge(self, a: int, b: int) -> None:
        """Chain `b` is now part of `a`."""
        pair = self.of[a], self.of[b]
        if pair[0] == pair[1]:
            return
        if pair not in self._together:
            ours, theirs = self._looks[pair[0]], self._looks[pair[1]]
            nothing: frozenset[str] = frozenset()
            both = {k: ours.get(k, nothing) | theirs.get(k, nothing) for k in {**ours, **theirs}}
            self._together[pair] = self._numbered(both)
        self.of[a] = self._together[pair]


_Key = frozenset[tuple[str, frozenset[str]]]


def _strongest(evidence: Evidence) -> Iterator[tuple[float, int, int, float]]:
    """Links that may make a chain, strongest first: bits, ends, and what other counters say.

    Handwriting only takes from them.
    """
    links = Links.of(evidence.links)
    agreed = agreements(links, evidence.counters)
    order = np.lexsort((links.ends[:, 1], links.ends[:, 0], -links.bits))
    order = order[(links.bits + agreed)[order] >= CHAIN_BITS]
    columns = (links.bits, links.ends[:, 0], links.ends[:, 1], agreed)
    return zip(*(column[order].tolist() for column in columns), strict=True)


def _chains(evidence: Evidence) -> list[list[int]]:
    """Sides tied by strong links, strongest first, never against a certain contradiction."""
    parent = list(range(evidence.n_sides))
    size = [1] * evidence.n_sides
    marks = _Looks(evidence)
    looks = marks.of
    clocks = ChainClocks(evidence.clocks)
    clocked = clocks.clocked
    interleaving = Interleaving(None, evidence.counters)
    # Tens of thousands of links, most of which tie: what is seldom needed is asked last.
    for bits, side, other, agreed in _strongest(evidence):
        a, b = side, other
        while parent[a] != a:
            parent[a] = a = parent[parent[a]]
        while parent[b] != b:
            parent[b] = b = parent[parent[b]]
        if a == b:
            continue
        alike = looks[a] == looks[b]
        if not alike and bits + marks.against(a, b) + agreed < CHAIN_BITS:
            continue
        if b in clocked and a in clocked and clocks.apart(a, b):
            continue
        if size[a] >= CHAIN_MARKS <= size[b] and interleaving.argument(a, b, CHAIN_MARKS):
            continue
        parent[b] = a
        size[a] += size[b]
        interleaving.merge(a, b)
        if b in clocked:
            clocks.merge(a, b)
        if not alike:
            marks.merge(a, b)
    chains: dict[int, list[int]] = {}
    for side in range(evidence.n_sides):
        root = side
        while parent[root] != root:
            parent[root] = root = parent[parent[root]]
        chains.setdefault(root, []).append(side)
    return list(chains.values())
