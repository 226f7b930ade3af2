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

N_BELOW = 20
"""Marks next below a value that are looked at, whatever their times."""
N_EXACT, N_TURNS = 8, 2
"""Steps for which the latest marks of exactly that value are looked at: on a counter that went
round many times the marks next below are all of one value."""
CROWDED = 0.125
"""Beyond this many marks for each value, the marks next below are those of recent windows."""
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
    """Both ends of all items, sorted by (goal and window, value, time); `key` packs these.

    A mark is known by its `code`, item * 2 + is end. Marks near the top of the circle stand there
    twice, the second time below zero: a step over the top is a step like any other. With
    windows of time, each mark stands in its own and in the next, so that who begins in a window
    sees what was last met.
    """

    code: IntArray
    key: IntArray
    times: FloatArray
    edges: FloatArray
    drop: int
    shift: int

    @classmethod
    def of(cls, items: Items, most: int, n_windows: int = 1) -> _Marks:
        n = len(items)
        long = np.flatnonzero(items.end_s > items.start_s)
        code = np.concatenate([2 * np.arange(n, dtype=np.int64) + 1, 2 * long])
        value = np.concatenate([items.last, items.first[long]])
        again = np.flatnonzero(value >= items.modulus - most)
        code = np.concatenate([code, code[again]])
        value = np.concatenate([value, value[again] - items.modulus])
        item, is_end = code // 2, code % 2 == 1
        time_s = np.where(is_end, items.end_s[item], items.start_s[item])
        times = np.unique(time_s)
        edges = np.quantile(times, np.arange(1, n_windows) / n_windows)
        window = np.searchsorted(edges, time_s, side="right")
        if n_windows > 1:
            code, value = np.tile(code, 2), np.tile(value, 2)
            time_s, window = np.tile(time_s, 2), np.concatenate([window, window + 1])
        place = items.goal[code // 2] * (n_windows + 1) + window
        place_bits = int(place.max(initial=0)).bit_length()
        time_bits = len(times).bit_length()
        # Beyond two million items times are told apart less finely, among equal values only.
        drop = max(0, place_bits + VALUE_BITS + time_bits - 62)
        shift = time_bits - drop
        key = _packed(place, value, np.searchsorted(times, time_s) >> drop, shift)
        order = np.argsort(key, kind="stable")
        return cls(code[order], key[order], times, edges, drop, shift)

    def below(self, goal: IntArray, value: IntArray, at_s: FloatArray, early_s: float) -> IntArray:
        """How many marks lie below (goal, value, the moment just after `at_s` and `early_s`)."""
        place = goal * (len(self.edges) + 2) + np.searchsorted(self.edges, at_s, side="right")
        rank = np.searchsorted(self.times, at_s + early_s, side="right").astype(np.int64)
        wanted = _packed(place, value, rank >> self.drop, self.shift)
        return np.searchsorted(self.key, wanted).astype(np.int64)

    def codes(self, index: IntArray) -> IntArray:
        """Codes of the marks at `index`; -1 where there is none."""
        return np.where(index >= 0, self.code[np.maximum(index, 0)], -1)


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
    marks = recent = _Marks.of(items, weights.rule.most)
    crowd = len(marks.key) / (int(items.goal.max(initial=0)) + 1) / items.modulus
    if crowd > CROWDED:
        recent = _Marks.of(items, weights.rule.most, round(crowd / CROWDED) + 1)
    wanted = wanted[np.lexsort((items.first[wanted], items.goal[wanted]))]
    parts = [
        _below(items, marks, recent, weights, wanted[i : i + BLOCK], kept)
        for i in range(0, len(wanted), BLOCK)
    ]
    if not parts:
        none = np.empty(0, dtype=np.int64)
        return Candidates(none, none, none, np.empty(0), np.empty(0))
    tail, head, step = (np.concatenate([part[k] for part in parts]) for k in (0, 1, 2))
    dt_s, gain = (np.concatenate([part[k] for part in parts]) for k in (3, 4))
    return Candidates(tail, head, step, dt_s, gain)


_Columns = tuple[IntArray, IntArray, IntArray, FloatArray, FloatArray]


def _below(
    items: Items, marks: _Marks, recent: _Marks, weights: Weights, heads: IntArray, kept: int
) -> _Columns:
    rule = weights.rule
    goal, value, at_s = items.goal[heads], items.first[heads], items.start_s[heads]
    here = recent.below(goal, value, at_s, rule.early_s)
    columns = [recent.codes(here - k) for k in range(1, min(N_BELOW, len(recent.key)) + 1)]
    for k in range(1, N_EXACT + 1):
        if k * rule.every > rule.most:
            break
        there = marks.below(goal, value - k * rule.every, at_s, rule.early_s)
        columns += [marks.codes(there - turn) for turn in range(1, N_TURNS + 1)]
    code: IntArray = np.sort(np.stack(columns, axis=1), axis=1)
    n_columns = len(columns)
    fresh = code >= 0
    fresh[:, 1:] &= np.diff(code, axis=1) != 0
    row, column = np.nonzero(fresh)
    mark = code[row, column]
    tail, head, ends = mark // 2, heads[row], mark % 2 == 1
    met = np.where(ends, items.last[tail], items.first[tail])
    step = (items.first[head] - met) % items.modulus
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
