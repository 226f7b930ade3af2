"""Links between groups: how many counters go on from one to the other, of how many there are.

One machine whose flows fall into two groups has links across them about as often as within; two
machines have some by accident, the more the less their links can be trusted: a link of b bits is
an accident with probability 1 / (1 + 2^b). So the number of links across is weighed against how
many there could be: as many as the smaller side has in all, and as often as the groups alternate
in time. Links that are missing speak against one machine only where the counter is one that every
flow steps. It never says more than the links themselves.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.compare import Argument
from wiretell.devices.group import Group
from wiretell.devices.shown import home_of
from wiretell.signal import Link, Links
from wiretell.stats.assignment import distinct, firsts

IntArray = NDArray[np.int64]

ACROSS_IF_ONE, ACROSS_IF_TWO = 0.3, 0.03
"""Share of links that go across two groups of one machine, and of two machines, at least."""
TIED_CAP, APART_CAP = 30.0, -12.0


@dataclass
class _Tie:
    n: int = 0
    n_dense: int = 0
    doubt: float = 0.0
    """Sum of the links' probabilities of being accidents."""
    bits: float = 0.0
    best: Link | None = None

    def add(self, other: _Tie) -> None:
        self.n += other.n
        self.n_dense += other.n_dense
        self.doubt += other.doubt
        self.bits += other.bits
        if other.best is not None and (self.best is None or other.best.bits > self.best.bits):
            self.best = other.best


@dataclass
class Ties:
    """Links between groups (`across`) and within them (`inside`), kept up to date by `merge`."""

    across: dict[int, dict[int, _Tie]] = field(default_factory=lambda: defaultdict(dict))
    inside: dict[int, _Tie] = field(default_factory=lambda: defaultdict(_Tie))
    whole: dict[int, _Tie] = field(default_factory=dict)
    """The sum of both for each group."""
    linked: dict[int, IntArray] = field(default_factory=dict)
    """Sides of each group that have a link to anywhere, in order of time."""

    @classmethod
    def between(cls, groups: Sequence[Group], links: Sequence[Link]) -> Ties:
        """Sort the links of one address into those across and those within groups."""
        ties = cls()
        if not groups:
            return ties
        told = Links.of(links)
        ends = told.ends
        home = home_of([group.sides for group in groups], int(ends.max(initial=0)) + 1)
        linked = np.zeros(len(home), dtype=bool)
        linked[ends] = True
        for i, group in enumerate(groups):
            sides = np.array(group.sides, dtype=np.int64)
            ties.linked[i] = sides[linked[sides]]
        one, other = home[ends].T
        known = np.flatnonzero((one >= 0) & (other >= 0))
        one, other = one[known], other[known]
        n = len(groups)
        pair = np.minimum(one, other) * n + np.maximum(one, other)
        for key, tie in _added(pair, told, known).items():
            a, b = divmod(key, n)
            if a == b:
                ties.inside[a] = tie
            else:
                ties.across[a][b], ties.across[b][a] = tie, replace(tie)
        ties.whole = {i: ties._all(i) for i in range(n)}
        return ties

    def pairs(self) -> set[tuple[int, int]]:
        """Groups with a link between them."""
        return {(min(a, b), max(a, b)) for a, others in self.across.items() for b in others}

    def near(self, a: int) -> list[int]:
        """Groups with a link to group `a`."""
        return list(self.across[a]) if a in self.across else []

    def merge(self, a: int, b: int) -> None:
        """Group `b` is now part of `a`."""
        self.linked[a] = np.sort(np.concatenate([self.linked[a], self.linked.pop(b)]))
        own = self.across[a].pop(b, None)
        self.inside[a].add(self.inside.pop(b, _Tie()))
        if own is not None:
            self.inside[a].add(own)
        for other, tie in self.across.pop(b, {}).items():
            self.across[other].pop(b, None)
            if other == a:
                continue
            for x, y in ((a, other), (other, a)):
                self.across[x].setdefault(y, _Tie()).add(tie)
        self.whole.pop(b)
        self.whole[a] = self._all(a)

    def argument(self, a: int, b: int) -> Argument | None:
        """What the links say for or against groups `a` and `b` being one machine."""
        tie = self.across[a].get(b)
        if tie is None or tie.best is None:
            return None
        fewer = min((self.whole[a], self.whole[b]), key=lambda whole: whole.n)
        false = min(max(ACROSS_IF_TWO, fewer.doubt / fewer.n), ACROSS_IF_ONE)
        gain = math.log2(ACROSS_IF_ONE / false)
        loss = math.log2((1.0 - ACROSS_IF_ONE) / (1.0 - false))
        missing = max(min(fewer.n, fewer.n_dense) - tie.n_dense, 0)
        if missing:
            missing = max(min(self._turns(a, b), fewer.n, fewer.n_dense) - tie.n_dense, 0)
        bits = min(tie.bits, tie.n * gain + missing * loss, TIED_CAP)
        words = tie.best.reason if tie.n == 1 else f"{tie.best.reason} (and {tie.n - 1} more)"
        return Argument(tie.best.signal, max(bits, APART_CAP), words)

    def _turns(self, a: int, b: int) -> int:
        """How often, in order of time, a linked side of one group follows one of the other."""
        fewer, more = sorted((self.linked[a], self.linked[b]), key=len)
        # Runs of the fewer end where some of the others lie between; only the fewer are gone
        # through, as groups that took many others in have many sides.
        place = np.searchsorted(more, fewer)
        between = np.diff(place, prepend=0, append=len(more)) > 0
        return int(2 * np.count_nonzero(between[1:-1]) + between[0] + between[-1])

    def _all(self, a: int) -> _Tie:
        """All links of group `a`, inside and across."""
        whole = _Tie()
        for tie in (self.inside.get(a, _Tie()), *self.across[a].values()):
            whole.add(tie)
        return whole


def _added(pair: IntArray, links: Links, known: IntArray) -> dict[int, _Tie]:
    """Per pair of groups the sum of its links; `pair` is that of each of the `known` links."""
    if not len(known):
        return {}
    bits = links.bits[known]
    keys, at = distinct(pair)
    odds = np.exp2(np.clip(-bits, -1000.0, 1000.0))
    doubt = np.bincount(at, weights=odds / (1.0 + odds))
    total = np.bincount(at, weights=bits)
    n, n_dense = np.bincount(at), np.bincount(at, weights=links.dense[known]).astype(np.int64)
    best, first = firsts(at, -bits), firsts(at)
    # In order of the first link of each pair, as links were told.
    told = np.argsort(first, kind="stable")
    columns = (keys, n, n_dense, doubt, total, known[best])
    return {
        key: _Tie(n_links, n_of_dense, doubted, summed, links[strongest])
        for key, n_links, n_of_dense, doubted, summed, strongest in zip(
            *(column[told].tolist() for column in columns), strict=True
        )
    }
