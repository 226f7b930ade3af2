"""Which meetings with a counter follow one another? Candidates, weights, posterior, chains.

An *item* met a counter at its start and was last seen on it at its end. Candidates for "j goes on
where i was" are looked for on the circle of values: whatever lies between in time, the items just
below j's value are the ones it may continue. What a candidate is worth is a likelihood ratio; how
sure it is depends on its rivals, those of its tail and of its head (`assignment.log_odds`).
Cost: O(n log n) time, O(n) memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wiretell.stats.step_model import StepModel

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

N_BELOW = 16
"""Marks next below a value that are looked at, whatever their times."""
N_EXACT, N_TURNS = 8, 2
"""Steps for which the latest marks of exactly that value are looked at: on a counter that went
round many times the marks next below are all of one value."""
KEPT = 6
"""Candidates kept of one item."""
BLOCK = 16_384
"""Items worked on at a time: bounds memory."""
LEAST_BITS = -4.0
"""Candidates worth less than this are no rivals to anything."""
ANY = -1
"""A look that differs from nothing."""
VALUE_BITS = 18
"""Values lie within +-2**17."""


@dataclass(frozen=True)
class Items:
    """Meetings with counters of one kind, in any order.

    `first` at `start_s`, `last` at `end_s`, both in [0, modulus). Items of different `goal` are
    on different counters. `on` is the chance of each item to be on a counter at all. `look` is
    handwriting, one row per item: what differs in column k makes a common machine less likely by
    `look_bits[k]`; `ANY` differs from nothing.
    """

    start_s: FloatArray
    end_s: FloatArray
    first: IntArray
    last: IntArray
    goal: IntArray
    modulus: int
    on: FloatArray
    look: IntArray
    look_bits: FloatArray

    def __len__(self) -> int:
        """Number of items."""
        return len(self.first)

    def reversed(self) -> Items:
        """The same with the circle turned round: what chance alone makes of these values."""
        return replace(self, first=-self.first % self.modulus, last=-self.last % self.modulus)


@dataclass(frozen=True)
class Rule:
    """What steps are allowed, and how they are weighed.

    `most`: longest step; `silence_s`: longest time between; `every`: steps are multiples of it;
    `uniform`: all allowed steps are alike, else `steps` says; `same`: bits of meeting the same
    value again (None: never); `early_s`: how much out of order packets that left in order are seen.
    """

    most: int
    silence_s: float
    every: int = 1
    uniform: bool = False
    same_bits: float | None = None
    early_s: float = 0.02


@dataclass(frozen=True)
class Candidates:
    """Edges tail -> head between items, with step and time between, sorted by head."""

    tail: IntArray
    head: IntArray
    step: IntArray
    dt_s: FloatArray
    gain: FloatArray

    def __len__(self) -> int:
        """Number of edges."""
        return len(self.tail)


@dataclass(frozen=True)
class Weights:
    """Gain of a candidate in bits: step against a value by chance, less silence and look."""

    rule: Rule
    steps: StepModel
    hazard_s: float
    """Shape of the silences: a chain goes on with rate 1 / (hazard_s + silence)."""
    prior_bits: float
    """log2 of that rate at no silence against the rate at which new chains appear."""

    def gain(
        self, items: Items, tail: IntArray, head: IntArray, step: IntArray, dt_s: FloatArray
    ) -> FloatArray:
        """Bits of each edge tail -> head with this step after so many seconds."""
        rule = self.rule
        n_values = items.modulus / rule.every
        if rule.uniform:
            size = np.full(step.shape, np.log2(rule.every / rule.most))
        else:
            size = self.steps.log2(np.maximum(step // rule.every, 1), dt_s)
        bits = size + np.log2(items.on[head] * n_values)
        if rule.same_bits is not None:
            bits = np.where(step == 0, rule.same_bits, bits)
        bits = bits + self.prior_bits - np.log2(1.0 + np.maximum(dt_s, 0.0) / self.hazard_s)
        for k, cost in enumerate(items.look_bits):
            if cost > 0.0:
                mine, other = items.look[tail, k], items.look[head, k]
                bits = bits - cost * ((mine != other) & (mine != ANY) & (other != ANY))
        result: FloatArray = bits
        return result


@dataclass(frozen=True)
class _Marks:
    """Both ends of all items, sorted by (goal, value, time); `key` packs these three.

    Marks near the top of the circle stand there twice, the second time below zero: a step over
    the top is a step like any other.
    """

    items: Items
    item: IntArray
    value: IntArray
    is_end: BoolArray
    key: IntArray
    times: FloatArray
    drop: int
    shift: int

    @classmethod
    def of(cls, items: Items, most: int) -> _Marks:
        n = len(items)
        number = np.arange(n, dtype=np.int64)
        long = np.flatnonzero(items.end_s > items.start_s)
        item = np.concatenate([number, long])
        value = np.concatenate([items.last, items.first[long]])
        is_end = np.concatenate([np.ones(n, dtype=bool), np.zeros(len(long), dtype=bool)])
        again = np.flatnonzero(value >= items.modulus - most)
        item = np.concatenate([item, item[again]])
        value = np.concatenate([value, value[again] - items.modulus])
        is_end = np.concatenate([is_end, is_end[again]])
        time_s = np.where(is_end, items.end_s[item], items.start_s[item])
        times = np.unique(time_s)
        goal_bits = int(items.goal.max(initial=0)).bit_length()
        time_bits = len(times).bit_length()
        # Beyond two million items times are told apart less finely, among equal values only.
        drop = max(0, goal_bits + VALUE_BITS + time_bits - 62)
        shift = time_bits - drop
        rank = np.searchsorted(times, time_s) >> drop
        key = _packed(items.goal[item], value, rank, shift)
        order = np.argsort(key, kind="stable")
        return cls(items, item[order], value[order], is_end[order], key[order], times, drop, shift)

    def rank(self, time_s: FloatArray) -> IntArray:
        """Place in time among all marks, of the moment just after `time_s`."""
        return np.searchsorted(self.times, time_s, side="right").astype(np.int64) >> self.drop

    def place(self, goal: IntArray, value: IntArray, rank: IntArray) -> IntArray:
        """How many marks lie below (goal, value, rank)."""
        wanted = _packed(goal, value, rank, self.shift)
        return np.searchsorted(self.key, wanted).astype(np.int64)


def _packed(goal: IntArray, value: IntArray, rank: IntArray, shift: int) -> IntArray:
    packed: IntArray = (((goal << VALUE_BITS) + value + (1 << (VALUE_BITS - 1))) << shift) + rank
    return packed


def candidates(
    items: Items, weights: Weights, heads: IntArray | None = None, kept: int = KEPT
) -> Candidates:
    """For each item (or each of `heads`) the likeliest items that it may continue.

    At most `kept` per item, each worth more than nothing before its rivals are asked.
    """
    wanted = np.arange(len(items), dtype=np.int64) if heads is None else heads
    marks = _Marks.of(items, weights.rule.most)
    wanted = wanted[np.lexsort((items.first[wanted], items.goal[wanted]))]
    parts = [
        _below(items, marks, weights, wanted[i : i + BLOCK], kept)
        for i in range(0, len(wanted), BLOCK)
    ]
    if not parts:
        none = np.empty(0, dtype=np.int64)
        return Candidates(none, none, none, np.empty(0), np.empty(0))
    tail, head, step = (np.concatenate([part[k] for part in parts]) for k in (0, 1, 2))
    dt_s, gain = (np.concatenate([part[k] for part in parts]) for k in (3, 4))
    return Candidates(tail, head, step, dt_s, gain)


_Columns = tuple[IntArray, IntArray, IntArray, FloatArray, FloatArray]


def _below(items: Items, marks: _Marks, weights: Weights, heads: IntArray, kept: int) -> _Columns:
    rule = weights.rule
    goal, value, at_s = items.goal[heads], items.first[heads], items.start_s[heads]
    rank = marks.rank(at_s + rule.early_s)
    here = marks.place(goal, value, rank)
    columns = [here - k for k in range(1, min(N_BELOW, len(marks.key)) + 1)]
    for k in range(1, N_EXACT + 1):
        if k * rule.every > rule.most:
            break
        there = marks.place(goal, value - k * rule.every, rank)
        columns += [there - turn for turn in range(1, N_TURNS + 1)]
    index: IntArray = np.sort(np.stack(columns, axis=1), axis=1)
    n_columns = len(columns)
    fresh = index >= 0
    fresh[:, 1:] &= np.diff(index, axis=1) != 0
    row, column = np.nonzero(fresh)
    mark = index[row, column]
    tail, head, ends = marks.item[mark], heads[row], marks.is_end[mark]
    step = items.first[head] - marks.value[mark]
    own_s = items.start_s[head]
    seen_s = np.where(ends, items.end_s[tail], items.start_s[tail])
    dt_s = own_s - seen_s
    good = (tail != head) & (items.goal[tail] == items.goal[head])
    good &= (step >= 0) & (step <= rule.most) & (dt_s <= rule.silence_s)
    # While an item lasts, only its beginning is known to be before.
    good &= (dt_s >= -rule.early_s) & (ends | (items.end_s[tail] > own_s + rule.early_s))
    if rule.every > 1:
        good &= step % rule.every == 0
    again = (step == 0) & ((rule.same_bits is None) | (dt_s < 0.0) | (dt_s == 0.0) & (tail > head))
    good &= ~again
    row, column, tail, head, step, dt_s = (x[good] for x in (row, column, tail, head, step, dt_s))
    gain = weights.gain(items, tail, head, step, dt_s)
    worth = np.full((len(heads), n_columns), -np.inf)
    worth[row, column] = gain
    if kept < n_columns:
        least = np.partition(worth, n_columns - kept, axis=1)[:, n_columns - kept]
        keep = (gain > LEAST_BITS) & (gain >= least[row])
    else:
        keep = gain > LEAST_BITS
    return tail[keep], head[keep], step[keep], dt_s[keep], gain[keep]
