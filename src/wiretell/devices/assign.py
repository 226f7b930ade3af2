"""Sides -> groups: agglomeration by the bits that links and comparison give together.

Strong links first tie sides into chains; chains are then merged, best pair first, as long as the
sum of their links and of `compare` is positive. Comparing chains instead of flows keeps one
argument from being counted once per flow.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from wiretell.devices.compare import Argument, compare
from wiretell.devices.group import Group, groups_of
from wiretell.devices.interleave import Interleaving, agreement
from wiretell.devices.ties import Ties
from wiretell.signal import Clock, Counter, Label, LabelRule, Link

CHAIN_MARKS = 4
"""Chains this long are asked whether their counters run side by side before one link joins them."""
CHAIN_BITS = 9.0
"""A link this strong makes a chain unless handwriting contradicts it."""
MAX_DENSE = 600
"""Up to this many chains every pair is compared; beyond, pairs with a link or label in common."""


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


@dataclass
class Partition:
    """Groups, and for every pair still apart the bits for merging them (the near misses)."""

    groups: list[Group]
    between: dict[tuple[int, int], tuple[float, list[Argument]]] = field(default_factory=dict)
    weakest: list[tuple[float, list[Argument]]] = field(default_factory=list)
    """Per group: the least certain of the merges that made it, and its arguments."""


def chains(evidence: Evidence) -> list[list[int]]:
    """All sides, tied by strong links into chains (most are single sides)."""
    return _chains(evidence, range(evidence.n_sides))


def partition(evidence: Evidence, parts: Sequence[Sequence[int]]) -> Partition:
    """Groups of the sides in `parts`; a part is never taken apart."""
    sides = [side for part in parts for side in part]
    labels, clocks = _of(evidence.labels, sides), _clocks_of(evidence.clocks, sides)
    groups = groups_of(parts, labels, clocks, evidence.peers)
    return _agglomerate(groups, evidence)


def _of(labels: Sequence[Label], sides: Sequence[int]) -> list[Label]:
    wanted = set(sides)
    return [label for label in labels if label.side in wanted]


def _clocks_of(clocks: Sequence[Clock], sides: Sequence[int]) -> list[Clock]:
    wanted = set(sides)
    kept = [replace(clock, sides=tuple(s for s in clock.sides if s in wanted)) for clock in clocks]
    return [clock for clock in kept if clock.sides]


def _chains(evidence: Evidence, sides: Sequence[int]) -> list[list[int]]:
    """Sides tied by strong links, strongest first, never against a certain contradiction."""
    parent = {side: side for side in sides}
    marks: dict[int, dict[str, set[str]]] = defaultdict(dict)
    certain = {rule.kind for rule in evidence.rules.values() if rule.bits_other <= -5.0}
    for label in evidence.labels:
        if label.side in parent and label.kind in certain:
            marks[label.side].setdefault(label.kind, set()).add(label.text)

    def root(side: int) -> int:
        while parent[side] != side:
            parent[side] = parent[parent[side]]
            side = parent[side]
        return side

    line_of = {
        side: i
        for i, clock in enumerate(evidence.clocks)
        if clock.scope == "host"
        for side in clock.sides
    }
    interleaving = Interleaving([[side] for side in range(evidence.n_sides)], evidence.counters)
    lines = {side: {line_of[side]} if side in line_of else set() for side in sides}
    for link in sorted(evidence.links, key=lambda link: (-link.bits, link.a, link.b)):
        if link.a not in parent or link.b not in parent:
            continue
        a, b = root(link.a), root(link.b)
        if a == b:
            continue
        ours, theirs = marks[a], marks[b]
        apart = [kind for kind in ours.keys() & theirs.keys() if not ours[kind] & theirs[kind]]
        bits = link.bits + sum(evidence.rules[kind].bits_other for kind in apart)
        if bits + agreement(link, evidence.counters) < CHAIN_BITS:
            continue
        if len(lines[a] | lines[b]) > 1:
            continue
        if interleaving.argument(a, b, least=CHAIN_MARKS) is not None:
            continue
        parent[b] = a
        interleaving.merge(a, b)
        lines[a] |= lines[b]
        for kind, texts in theirs.items():
            ours.setdefault(kind, set()).update(texts)
    chains: dict[int, list[int]] = defaultdict(list)
    for side in sides:
        chains[root(side)].append(side)
    return list(chains.values())


def _agglomerate(groups: list[Group], evidence: Evidence) -> Partition:
    ties = Ties.between(groups, evidence.links)
    interleaving = Interleaving([group.sides for group in groups], evidence.counters)
    alive = dict(enumerate(groups))
    version = dict.fromkeys(alive, 0)
    weakest: dict[int, tuple[float, list[Argument]]] = {}
    scores: dict[int, dict[int, tuple[float, list[Argument]]]] = defaultdict(dict)
    heap: list[tuple[float, int, int, int, int]] = []

    def weigh(a: int, b: int) -> None:
        a, b = min(a, b), max(a, b)
        bits, arguments = compare(alive[a], alive[b], evidence.rules)
        for argument in (ties.argument(a, b), interleaving.argument(a, b)):
            if argument is not None:
                bits += argument.bits
                arguments = [*arguments, argument]
        scores[a][b] = scores[b][a] = (bits, arguments)
        if bits > 0.0:
            heapq.heappush(heap, (-bits, a, b, version[a], version[b]))

    for a, b in _pairs(groups, ties):
        weigh(a, b)
    while heap:
        negative, a, b, version_a, version_b = heapq.heappop(heap)
        if version.get(a) != version_a or version.get(b) != version_b:
            continue
        merge = (-negative, scores[a][b][1])
        alive[a].absorb(alive.pop(b))
        version[a] += 1
        del version[b]
        weakest[a] = min((weakest.get(a, merge), weakest.get(b, merge), merge), key=lambda c: c[0])
        ties.merge(a, b)
        interleaving.merge(a, b)
        near = sorted((scores[a].keys() | scores.pop(b).keys()) - {a, b})
        scores[a].clear()
        for other in near:
            scores[other].pop(b, None)
            weigh(a, other)
    kept = sorted(alive)
    number = {old: new for new, old in enumerate(kept)}
    between = {(number[a], number[b]): scores[a][b] for a in kept for b in scores[a] if a < b}
    certain: tuple[float, list[Argument]] = (float("inf"), [])
    return Partition([alive[i] for i in kept], between, [weakest.get(i, certain) for i in kept])


def _pairs(groups: list[Group], ties: Ties) -> list[tuple[int, int]]:
    if len(groups) <= MAX_DENSE:
        return [(a, b) for a in range(len(groups)) for b in range(a + 1, len(groups))]
    pairs = ties.pairs()
    blocks: dict[tuple[str, str], int] = {}
    for i, group in enumerate(groups):
        for kind, texts in group.labels.items():
            for text in texts:
                last = blocks.get((kind, text))
                if last is not None:
                    pairs.add((last, i))
                blocks[kind, text] = i
    return sorted(pairs)
