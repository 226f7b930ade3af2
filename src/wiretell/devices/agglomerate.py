"""Groups -> machines: best pair first, as long as the bits for one machine are positive.

Two stages keep it fast. What is cheap (prior, handwriting, rates, links) is known for one group
against all others as a few array operations. What is dear and speaks against (clock lines that
exclude one another, counters that run side by side) is asked only of a pair about to be merged.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.compare import (
    ONE_MACHINE_BITS,
    Argument,
    discounted,
    held_bits,
    labels_bits,
    lines_bits,
    skew_bits,
    skews_bits,
)
from wiretell.devices.exclusive import holds_bits, windows_bits
from wiretell.devices.group import Group
from wiretell.devices.interleave import Interleaving
from wiretell.devices.meeting import Clocks, meeting
from wiretell.devices.rhythm import Rhythm
from wiretell.devices.ties import Ties
from wiretell.devices.writing import Writing
from wiretell.signal import Counter, LabelRule, Link

FloatArray = NDArray[np.float64]

NEAREST = 8
"""Near misses that are kept for each group, with their arguments."""
HOPELESS_BITS = -40.0
"""Pairs below this by what is cheap are not looked at more closely."""
QUEUE_STEP = 32
"""Candidates of one group that are taken from their arrays at a time."""
LINES_AT_MOST = 12.0
"""What clock lines that go on say for one machine, at most: looked at although cheap says no."""

Scored = tuple[float, list[Argument]]


@dataclass(frozen=True)
class _Dear:
    """What clock lines, connections kept at once and counters say of a pair."""

    lines: list[Argument]
    counter: Argument | None

    @property
    def bits(self) -> float:
        return sum(x.bits for x in (*self.lines, *filter(None, (self.counter,))))


@dataclass(frozen=True)
class Merge:
    """Part `b` joined part `a` (numbers of the round's parts), with what spoke for and against."""

    a: int
    b: int
    bits: float
    arguments: list[Argument]


@dataclass(frozen=True)
class Round:
    """One agglomeration: the parts (sets of sides) it began with, and its merges in order."""

    parts: list[list[int]]
    merges: list[Merge]


@dataclass
class Partition:
    """Groups, and for pairs still apart the bits for merging them (the near misses)."""

    groups: list[Group]
    between: dict[tuple[int, int], Scored] = field(default_factory=dict)
    weakest: list[Scored] = field(default_factory=list)
    """Per group: the least certain of the merges that made it, and its arguments."""
    history: list[Round] = field(default_factory=list)
    """How the groups came about."""


class _Agglomeration:
    def __init__(
        self,
        groups: Sequence[Group],
        links: Sequence[Link],
        counters: Sequence[Counter],
        rules: Mapping[str, LabelRule],
        starts: Sequence[float],
        history: bool = True,
    ) -> None:
        self.alive = dict(enumerate(groups))
        self.weakest: dict[int, Scored] = {}
        self._round = Round([group.sides for group in groups], []) if history else None
        self._rules = rules
        self._ties = Ties.between(groups, links)
        self._interleaving = Interleaving([group.sides for group in groups], counters)
        self._writing = Writing(groups, rules)
        self._rhythm = Rhythm(groups, starts)
        self._skews = np.array([group.rate_row() for group in groups]).reshape(-1, 4)
        self._lined = np.array(
            [any(c.scope == "host" for c in g.lines) for g in groups], dtype=bool
        )
        self._standing = np.ones(len(groups), dtype=bool)
        self._version = np.zeros(len(groups), dtype=np.int32)
        self._heap: list[tuple[float, int, int, int, int, bool, int]] = []
        self._queues: dict[int, Iterator[tuple[float, int, int]]] = {}
        self._asked: dict[tuple[int, int], tuple[tuple[int, int], _Dear]] = {}
        """Pair -> versions and what was dear: asked when a pair is found, and when it is told."""
        self._clocks: dict[int, Clocks] = {}

    def cheap(self, a: int, first: int = 0) -> FloatArray:
        """Bits of group `a` against the groups from `first` on from what array operations give.

        Of a group before, of `a` itself and of what was merged away they are -inf.
        """
        others = first + np.flatnonzero(self._standing[first:])
        written = self._writing.bits(a, others)
        near = ONE_MACHINE_BITS + written + skews_bits(self._skews, a, others)
        # Moments tell alike machines apart; where handwriting differs they meet by chance.
        alike = np.flatnonzero(written > 0.0)
        near[alike] += self._rhythm.bits(a, others[alike])
        bits = np.full(len(self._standing), -np.inf)
        bits[others] = near
        for b in self._ties.near(a):
            argument = self._ties.argument(a, b) if b >= first else None
            if argument is not None:
                bits[b] += argument.bits
        bits[a] = -np.inf
        return bits

    def dear(self, a: int, b: int) -> _Dear:
        """What is asked of a pair only where it matters."""
        a, b = min(a, b), max(a, b)
        now = (int(self._version[a]), int(self._version[b]))
        known = self._asked.get((a, b))
        if known is None or known[0] != now:
            mine, theirs = (self._clocks_of(g) for g in (a, b))
            found = lines_bits(self.alive[a], self.alive[b], meeting(mine, theirs))
            found += holds_bits(self.alive[a], self.alive[b])
            found += windows_bits(self.alive[a], self.alive[b])
            known = now, _Dear(found, self._interleaving.argument(a, b))
            self._asked[a, b] = known
        return known[1]

    def _clocks_of(self, a: int) -> Clocks:
        """The clocks of a group as it is now."""
        known = self._clocks.get(a)
        if known is None:
            known = self._clocks[a] = Clocks(self.alive[a])
        return known

    def arguments(self, a: int, b: int) -> list[Argument]:
        """Everything that speaks for or against a pair."""
        a, b = min(a, b), max(a, b)
        mine, theirs, dear = self.alive[a], self.alive[b], self.dear(a, b)
        written = labels_bits(mine, theirs, self._rules)
        found = written + skew_bits(mine, theirs) + dear.lines
        alike = discounted(written) > 0.0
        more = (
            self._ties.argument(a, b),
            dear.counter,
            self._rhythm.argument(a, b) if alike else None,
        )
        return [*found, *(x for x in more if x is not None)]

    def push(self, a: int, later: bool) -> None:
        """Candidates of group `a`: all others, or only those with a higher number (`later`)."""
        bits = self.cheap(a, a + 1 if later else 0)
        promising = bits > 0.0
        if self._lined[a]:
            promising |= self._lined & (bits > -LINES_AT_MOST)
        others = np.flatnonzero(promising)
        others = others[np.argsort(-bits[others], kind="stable")]
        versions = self._version[others]
        self._queues[a] = _few_at_a_time(bits[others], others.astype(np.int32), versions)
        self._next(a)

    def _next(self, a: int) -> None:
        """The best candidate of group `a` that is left goes on the heap: the others wait."""
        for bits, b, version in self._queues[a]:
            if self._version[b] == version:
                lower, higher = min(a, b), max(a, b)
                versions = (int(self._version[lower]), int(self._version[higher]))
                entry = (-bits, lower, higher, *versions)
                heapq.heappush(self._heap, (*entry, False, a))
                return

    def run(self) -> None:
        """Merge until no pair is more probably one machine than two."""
        for a in range(len(self._version)):
            self.push(a, later=True)
        while self._heap:
            negative, a, b, version_a, version_b, refined, of = heapq.heappop(self._heap)
            if not refined and self._version[of] == (version_a if of == a else version_b):
                self._next(of)
            if self._version[a] != version_a or self._version[b] != version_b:
                continue
            if not refined:
                bits = -negative + self.dear(a, b).bits
                if bits > 0.0:
                    heapq.heappush(self._heap, (-bits, a, b, version_a, version_b, True, of))
                continue
            bits = -negative + held_bits(self._skews[a], self._skews[b])
            if bits > 0.0:
                self.merge(a, b, bits)
                self.push(a, later=False)

    def merge(self, a: int, b: int, bits: float) -> None:
        """Group `b` becomes part of `a`."""
        known = [self.weakest[g] for g in (a, b) if g in self.weakest]
        weaker = all(bits < other for other, _ in known)
        if weaker or self._round is not None:
            merge = (bits, self.arguments(a, b))
            known.append(merge)
            if self._round is not None:
                self._round.merges.append(Merge(a, b, *merge))
        self.weakest[a] = min(known, key=lambda c: c[0])
        self.alive[a].absorb(self.alive.pop(b))
        for g in (a, b):
            self._clocks.pop(g, None)
        self._ties.merge(a, b)
        self._interleaving.merge(a, b)
        self._writing.merge(a, b)
        self._rhythm.merge(a, b)
        self._skews[a] = self.alive[a].rate_row()
        self._lined[a] |= self._lined[b]
        self._standing[b] = False
        self._asked.pop((a, b), None)
        self._queues.pop(b, None)
        self._version[a] += 1
        self._version[b] = -1

    def result(self, *, near_misses: bool) -> Partition:
        """What is left, numbered anew, with the nearest misses of each group if asked for."""
        kept = sorted(self.alive)
        number = {old: new for new, old in enumerate(kept)}
        pairs: dict[tuple[int, int], float] = {}
        for a in kept if near_misses else ():
            bits = self.cheap(a)
            for b in np.argsort(-bits, kind="stable")[:NEAREST].tolist():
                if bits[b] > HOPELESS_BITS or len(kept) <= NEAREST:
                    pairs[min(a, b), max(a, b)] = float(bits[b])
        between: dict[tuple[int, int], Scored] = {}
        for (a, b), cheap in sorted(pairs.items()):
            if a == b or not np.isfinite(cheap):
                continue
            full = cheap + self.dear(a, b).bits + held_bits(self._skews[a], self._skews[b])
            between[number[a], number[b]] = (full, self.arguments(a, b))
        certain: Scored = (float("inf"), [])
        weakest = [self.weakest.get(i, certain) for i in kept]
        history = [] if self._round is None else [self._round]
        return Partition([self.alive[i] for i in kept], between, weakest, history)


def _few_at_a_time(
    bits: FloatArray, others: NDArray[np.int32], versions: NDArray[np.int32]
) -> Iterator[tuple[float, int, int]]:
    """(bits, group, its version): as arrays those that wait take a tenth of the memory."""
    for i in range(0, len(bits), QUEUE_STEP):
        part = slice(i, i + QUEUE_STEP)
        columns = (bits[part].tolist(), others[part].tolist(), versions[part].tolist())
        yield from zip(*columns, strict=True)


def agglomerate(
    groups: Sequence[Group],
    links: Sequence[Link],
    counters: Sequence[Counter],
    rules: Mapping[str, LabelRule],
    starts: Sequence[float],
    *,
    near_misses: bool = True,
    history: bool = True,
) -> Partition:
    """Merge groups, best pair first. The groups given are changed. Cost: O(groups^2) at worst.

    Without `near_misses` nothing is said between the groups that are left; without `history` not
    how they came about, which takes words for every merge.
    """
    work = _Agglomeration(groups, links, counters, rules, starts, history)
    work.run()
    return work.result(near_misses=near_misses)
