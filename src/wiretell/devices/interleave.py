"""Dense counters of two groups, side by side in time: one counter, or two?

If both groups are one machine, then whenever its flows alternate between them the counter goes
on from one to the other by a step that the time between allows. Two machines have counters that
run side by side, far apart.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from wiretell.devices.compare import Argument
from wiretell.signal import Counter, Link

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
FEW = 8
"""Marks are put in one by one where they are so many times fewer than those they join."""

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


class Interleaving:
    """Marks of every counter by group, in order of time, kept up to date by `merge`."""

    def __init__(self, groups: Sequence[Sequence[int]], counters: Sequence[Counter]) -> None:
        """Sort the marks of `groups`, each the numbers of its sides."""
        self._counters = counters
        self._marks: list[dict[int, list[Mark]]] = []
        home = {side: i for i, sides in enumerate(groups) for side in sides}
        for counter in counters:
            of_group: dict[int, list[Mark]] = {}
            for side, mark in counter.marks.items():
                if side in home:
                    of_group.setdefault(home[side], []).append(mark)
            for marks in of_group.values():
                marks.sort()
            self._marks.append(of_group)

    def merge(self, a: int, b: int) -> None:
        """Group `b` is now part of `a`."""
        for marks in self._marks:
            if b not in marks:
                continue
            fewer, more = sorted((marks.get(a, []), marks.pop(b)), key=len)
            if len(fewer) * FEW < len(more):
                for mark in fewer:
                    bisect.insort(more, mark)
                marks[a] = more
            else:
                marks[a] = sorted(fewer + more)

    def argument(self, a: int, b: int, least: int = 1) -> Argument | None:
        """What counters say against `a` and `b` being one machine, if any does; the worst's words.

        Only counters of which both have `least` marks are asked. Different counters are
        independent: what they say adds up.
        """
        worst: Argument | None = None
        total = 0.0
        for counter, marks in zip(self._counters, self._marks, strict=True):
            if min(len(marks.get(a, ())), len(marks.get(b, ()))) < max(least, 1):
                continue
            bits, words = self._apart(counter, marks[a], marks[b])
            total += bits
            if bits < 0.0 and (worst is None or bits < worst.bits):
                worst = Argument(counter.signal, bits, words)
        return worst and replace(worst, bits=max(total, APART_CAP))

    @staticmethod
    def _apart(counter: Counter, mine: list[Mark], theirs: list[Mark]) -> tuple[float, str]:
        if mine[-1] < theirs[0] or theirs[-1] < mine[0]:
            ends = (mine[-1], theirs[0]) if mine[-1] < theirs[0] else (theirs[-1], mine[0])
            within, share = believable(counter, *ends)
            return (0.0, "") if within else (JUMP_BITS * (1.0 - share), "its counter would jump")
        n_steps = n_within = 0
        weight = 0.0
        for before, mark in _turns(mine, theirs):
            within, share = believable(counter, before, mark)
            n_steps += 1
            n_within += within
            weight += 0.0 if within else 1.0 - share
            if n_steps >= MAX_STEPS:
                break
        if n_steps < 2 or n_within >= ONE_COUNTER_SHARE * n_steps:
            return 0.0, ""
        return max(APART_BITS * weight, APART_CAP), "counters run side by side, far apart"


def _turns(mine: list[Mark], theirs: list[Mark]) -> Iterator[tuple[Mark, Mark]]:
    """Marks that follow one another and are not of one group: (before, after), in order of time.

    Found by bisection, so a long chain costs no more than the turns that are asked for. Of equal
    marks `mine` come first.
    """
    at, ours = (mine[0], True) if mine[0] <= theirs[0] else (theirs[0], False)
    while True:
        own, others = (mine, theirs) if ours else (theirs, mine)
        i = bisect.bisect_left(others, at) if ours else bisect.bisect_right(others, at)
        if i == len(others):
            return
        after = others[i]
        k = bisect.bisect_right(own, after) if ours else bisect.bisect_left(own, after)
        yield own[k - 1], after
        at, ours = after, not ours
