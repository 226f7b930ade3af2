"""Dense counters of two groups, side by side in time: one counter, or two?

If both groups are one machine, then whenever its flows alternate between them the counter goes
on from one to the other by a step that the time between allows. Two machines have counters that
run side by side, far apart.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.compare import Argument
from wiretell.devices.shown import home_of
from wiretell.signal import Counter, Link, Links

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

AGREES_BITS, CROSSES_BITS = 4.0, -8.0
"""What another counter of both sides adds to a link: it goes on as well, or is elsewhere."""
APART_BITS, APART_CAP = -3.0, -30.0
"""Per step between two groups that one counter cannot make, and in all."""
JUMP_BITS = -5.0
"""One step that is too long, from the end of one group to the beginning of the other: a restart,
or a burst that went elsewhere, may have made it."""
ONE_COUNTER_SHARE = 0.5
"""If this share of the steps between is believable, the counter does not tell them apart."""
MAX_STEPS = 256
STRAY_MARKS, STRAY_SHARE = 3, 0.05
"""So many marks in a row, and no larger a share of a group's, that its counter cannot have made
are of flows that strayed into it: of the counter of another."""
FEW_MARKS = 16
"""Marks of so few are gone through one by one: arrays take longer to set up."""

Mark = tuple[tuple[float, int], tuple[float, int]]


def believable(counter: Counter, before: Mark, after: Mark) -> tuple[bool, float]:
    """May one counter go from `before` to `after`, and would how large a share of values do?"""
    (start_s, value), (end_s, last) = before
    next_s, following = after[0]
    at_s, at = (end_s, last) if end_s <= next_s else (start_s, value)
    reach = counter.slack + counter.per_second * abs(next_s - at_s)
    step = (following - at) % counter.modulus
    share = min(2.0 * reach / counter.modulus, 1.0)
    return min(step, counter.modulus - step) <= reach, share


def agreement(link: Link, counters: Sequence[Counter]) -> float:
    """What the other counters of both sides say to a link: it may be two counters that cross."""
    bits = 0.0
    for counter in counters:
        marks = counter.marks
        if counter.signal == link.signal or link.a not in marks or link.b not in marks:
            continue
        within, share = believable(counter, marks[link.a], marks[link.b])
        bits += min(-math.log2(share), AGREES_BITS) if within else CROSSES_BITS * (1.0 - share)
    return bits


@dataclass(frozen=True)
class _Marks:
    """Marks of one counter in order of time, as columns: a mark is known by its row."""

    counter: Counter
    side: IntArray
    start_s: FloatArray
    first: IntArray
    end_s: FloatArray
    last: IntArray

    @classmethod
    def of(cls, counter: Counter) -> _Marks:
        """All of a counter."""
        return cls(counter, *counter.columns)

    @cached_property
    def marks(self) -> list[Mark]:
        """The same as objects: of a few they are asked sooner than columns."""
        columns = (self.start_s, self.first, self.end_s, self.last)
        return [((a, b), (c, d)) for a, b, c, d in zip(*(x.tolist() for x in columns), strict=True)]

    def believable(self, before: IntArray, after: IntArray) -> tuple[BoolArray, FloatArray]:
        """`believable` of each pair of rows."""
        modulus = self.counter.modulus
        next_s = self.start_s[after]
        ended = self.end_s[before] <= next_s
        at_s = np.where(ended, self.end_s[before], self.start_s[before])
        at = np.where(ended, self.last[before], self.first[before])
        reach = self.counter.slack + self.counter.per_second * np.abs(next_s - at_s)
        step = (self.first[after] - at) % modulus
        return np.minimum(step, modulus - step) <= reach, np.minimum(2.0 * reach / modulus, 1.0)


def agreements(links: Sequence[Link], counters: Sequence[Counter]) -> FloatArray:
    """`agreement` of each link."""
    bits = np.zeros(len(links))
    if not counters or not links:
        return bits
    told = Links.of(links)
    signals = np.array(told.signals)
    for counter in counters:
        known, place = _Marks.of(counter), np.full(int(told.ends.max()) + 1, -1, dtype=np.int64)
        rows = np.flatnonzero(known.side < len(place))
        place[known.side[rows]] = rows
        before, after = place[told.ends].T
        asked = np.flatnonzero((before >= 0) & (after >= 0) & (signals != counter.signal))
        within, share = known.believable(before[asked], after[asked])
        agrees = np.minimum(-np.log2(share), AGREES_BITS)
        bits[asked] += np.where(within, agrees, CROSSES_BITS * (1.0 - share))
    return bits


class Interleaving:
    """Marks of every counter by group, in order of time, kept up to date by `merge`."""

    def __init__(self, groups: Sequence[Sequence[int]] | None, counters: Sequence[Counter]) -> None:
        """Sort the marks of `groups`, each the numbers of its sides; None: each side is one."""
        self._known: list[_Marks] = []
        self._rows: list[dict[int, list[int]]] = []
        self._arrays: list[dict[int, IntArray]] = []
        """The rows of groups that were asked since they last grew, as an array."""
        self._own: list[dict[int, list[int]]] = []
        """The rows of large groups, likewise, without those that strayed into them."""
        if not counters:
            return
        last = max(int(x.columns.side.max(initial=-1)) for x in counters)
        home = np.arange(1 + last) if groups is None else home_of(groups, 1 + last)
        for counter in counters:
            known = _Marks.of(counter)
            self._known.append(known)
            of_group: dict[int, list[int]] = {}
            for row, g in enumerate(home[known.side].tolist()):
                if g >= 0:
                    of_group.setdefault(g, []).append(row)
            self._rows.append(of_group)
            self._arrays.append({})
            self._own.append({})

    def merge(self, a: int, b: int) -> None:
        """Group `b` is now part of `a`."""
        for rows, arrays, without in zip(self._rows, self._arrays, self._own, strict=True):
            own = rows.pop(b, None)
            if own is None:
                continue
            for of_group in (arrays, without):
                of_group.pop(a, None)
                of_group.pop(b, None)
            if a not in rows:
                rows[a] = own
            elif len(own) == 1:
                insort(rows[a], own[0])
            else:
                rows[a] = sorted(rows[a] + own)

    def argument(self, a: int, b: int, least: int = 1) -> Argument | None:
        """What counters say against `a` and `b` being one machine, if any does; the worst's words.

        Only counters of which both have `least` marks are asked. Different counters are
        independent: what they say adds up.
        """
        worst: Argument | None = None
        total = 0.0
        for n, (known, rows) in enumerate(zip(self._known, self._rows, strict=True)):
            mine, theirs = rows.get(a), rows.get(b)
            if mine is None or theirs is None or min(len(mine), len(theirs)) < least:
                continue
            one, other = (a, self._own_of(n, a, mine)), (b, self._own_of(n, b, theirs))
            bits, words = _apart(known, one, other, self._arrays[n])
            total += bits
            if bits < 0.0 and (worst is None or bits < worst.bits):
                worst = Argument(known.counter.signal, bits, words)
        return worst and worst._replace(bits=max(total, APART_CAP))

    def _own_of(self, n: int, group: int, rows: list[int]) -> list[int]:
        """Rows of a group in counter number `n`, without those that strayed into it."""
        if len(rows) * STRAY_SHARE < 1.0:
            return rows
        own = self._own[n].get(group)
        if own is None:
            own = self._own[n][group] = _own(self._known[n], rows)
        return own


def _own(known: _Marks, rows: list[int]) -> list[int]:
    """The marks of a group that its counter can have made."""
    marks = np.array(rows, dtype=np.int64)
    within, _ = known.believable(marks[:-1], marks[1:])
    run = np.concatenate([[0], np.cumsum(~within)])
    size = np.bincount(run)[run]
    own: list[int] = marks[(size > STRAY_MARKS) | (size > STRAY_SHARE * len(rows))].tolist()
    return own or rows


def _apart(
    known: _Marks,
    one: tuple[int, list[int]],
    other: tuple[int, list[int]],
    arrays: dict[int, IntArray],
) -> tuple[float, str]:
    """What a counter says against two groups (number and rows of marks), and in words.

    `arrays` keeps the rows of large groups as such.
    """
    mine, theirs = one[1], other[1]
    if mine[-1] < theirs[0] or theirs[-1] < mine[0]:
        ends = (mine[-1], theirs[0]) if mine[-1] < theirs[0] else (theirs[-1], mine[0])
        goes_on, share = believable(known.counter, known.marks[ends[0]], known.marks[ends[1]])
        return (0.0, "") if goes_on else (JUMP_BITS * (1.0 - share), "its counter would jump")
    fewer, more = sorted((one, other), key=lambda of: len(of[1]))
    if len(fewer[1]) <= FEW_MARKS:
        steps = _few_turns(fewer[1], more[1])
        marks = known.marks
        told = [believable(known.counter, marks[i], marks[j]) for i, j in steps[:MAX_STEPS]]
        n_steps, doubts = len(told), [1.0 - share for goes_on, share in told if not goes_on]
        weights = np.array(doubts)
    else:
        for group, rows in (fewer, more):
            if group not in arrays:
                arrays[group] = np.array(rows, dtype=np.int64)
        before, after = _turns(arrays[fewer[0]], arrays[more[0]])
        within, shares = known.believable(before[:MAX_STEPS], after[:MAX_STEPS])
        n_steps, weights = len(within), 1.0 - shares[~within]
    if n_steps < 2 or n_steps - len(weights) >= ONE_COUNTER_SHARE * n_steps:
        return 0.0, ""
    bits = max(APART_BITS * float(weights.sum()), APART_CAP)
    return bits, "counters run side by side, far apart"


def _few_turns(few: Sequence[int], many: Sequence[int]) -> list[tuple[int, int]]:
    """As `_turns`, of few marks."""
    steps: list[tuple[int, int]] = []
    last, end = -1, 0
    for row in few:
        place = bisect_left(many, row, end)
        if place > end or (last < 0 and place):
            if last >= 0:
                steps.append((last, many[end]))
            steps.append((many[place - 1], row))
        last, end = row, place
    if end < len(many):
        steps.append((last, many[end]))
    return steps


def _turns(few: IntArray, many: IntArray) -> tuple[IntArray, IntArray]:
    """Marks that follow one another and are not of one group: before and after, in order of time.

    Runs of the fewer end where some of the others lie between.
    """
    place = np.searchsorted(many, few)
    last = np.flatnonzero(np.diff(place))
    to_others = np.stack([few[last], many[place[last]]])
    back = np.stack([many[place[last + 1] - 1], few[last + 1]])
    between = np.stack([to_others, back], axis=2).reshape(2, -1)
    first = [[many[place[0] - 1]], [few[0]]] if place[0] else [[], []]
    rest = [[few[-1]], [many[place[-1]]]] if place[-1] < len(many) else [[], []]
    before, after = np.concatenate([first, between, rest], axis=1).astype(np.int64)
    return before, after
