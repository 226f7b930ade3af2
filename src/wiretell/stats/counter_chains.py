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

from wiretell.stats.assignment import order_of
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
    moments: Moments | None = None
    """Both ends in order of time, where they are known already."""

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
        bits = size + np.log2(items.on * n_values).take(head)
        if rule.same_bits is not None:
            bits = np.where(step == 0, rule.same_bits, bits)
        bits = bits + self.prior_bits - np.log2(1.0 + np.maximum(dt_s, 0.0) / self.hazard_s)
        for k, cost in enumerate(items.look_bits):
            if cost > 0.0:
                look = items.look[:, k]
                mine, other = look.take(tail), look.take(head)
                unlike = mine != other
                if np.any(look == ANY):
                    unlike &= (mine != ANY) & (other != ANY)
                bits = bits - cost * unlike
        result: FloatArray = bits
        return result


@dataclass(frozen=True)
class Moments:
    """Both ends of items in order of time; an item that lasts no time has its end alone.

    A mark is known by its `code`, item * 2 + is end. Made once for all readings of the items.
    """

    code: IntArray
    time_s: FloatArray

    @classmethod
    def of(cls, start_s: FloatArray, end_s: FloatArray) -> Moments:
        """A mark for each end."""
        long = np.flatnonzero(end_s > start_s)
        code = np.concatenate([2 * np.arange(len(end_s), dtype=np.int64) + 1, 2 * long])
        time_s = np.concatenate([end_s, start_s[long]])
        order = np.argsort(time_s, kind="stable")
        return cls(code[order], time_s[order])


@dataclass(frozen=True)
class _Marks:
    """Both ends of all items, sorted by (goal and window, value, time); `key` packs these.

    `code` is as of `Moments`; `value` and `time_s` are a mark's own, `until_s` is how long it may
    be stepped on from: a beginning until the item's end. Marks near the top of the circle stand
    there twice, the second time below zero: a step over the top is a step like any other. With
    windows of time, each mark stands in its own and in the next, so that who begins in a window
    sees what was last met.
    """

    code: IntArray
    key: IntArray
    value: IntArray
    time_s: FloatArray
    until_s: FloatArray
    times: FloatArray
    edges: FloatArray
    drop: int
    shift: int

    @classmethod
    def of(cls, items: Items, most: int, n_windows: int = 1) -> _Marks:
        moments = items.moments or Moments.of(items.start_s, items.end_s)
        code, times = moments.code, moments.time_s
        item, is_end = code // 2, code % 2 == 1
        value = np.where(is_end, items.last[item], items.first[item])
        edges = np.empty(0)
        if n_windows > 1:
            fresh = times[np.diff(times, prepend=-np.inf) > 0.0]
            edges = np.quantile(fresh, np.arange(1, n_windows) / n_windows)
        until_s = np.where(is_end, np.inf, items.end_s[item])
        at, rest = np.arange(len(code)), value
        place = items.goal[item] * (n_windows + 1)
        if n_windows > 1:
            window = np.searchsorted(edges, times, side="right")
            at, rest = np.tile(at, 2), np.tile(value, 2)
            place = np.concatenate([place + window, place + (window + 1)])
        # What stands twice is below all others: each half is sorted by its values.
        top = np.flatnonzero(rest >= items.modulus - most)
        low = rest[top] - items.modulus
        first, then = order_of(low - low.min(initial=0)), order_of(rest)
        value = np.concatenate([low[first], rest[then]])
        order = np.concatenate([top[first], then])
        if place.any():
            by_place = order_of(place[order])
            order, value = order[by_place], value[by_place]
        place, at = place[order], at[order]
        place_bits = int(place[-1]).bit_length() if len(place) else 0
        time_bits = len(times).bit_length()
        # Beyond two million items times are told apart less finely, among equal values only.
        drop = max(0, place_bits + VALUE_BITS + time_bits - 62)
        shift = time_bits - drop
        key = _packed(place, value, at >> drop, shift)
        return cls(code[at], key, value, times[at], until_s[at], times, edges, drop, shift)

    def places(self, goal: IntArray, at_s: FloatArray) -> IntArray:
        """Where an item of this goal looks that begins at `at_s`."""
        return goal * (len(self.edges) + 2) + np.searchsorted(self.edges, at_s, side="right")

    def below(self, place: IntArray, value: IntArray, rank: IntArray) -> IntArray:
        """How many marks lie below (place, value, moment)."""
        return np.searchsorted(self.key, _packed(place, value, rank, self.shift))


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
    # How many marks are met until each begins: asked in order of time, as items mostly are.
    at_s = items.start_s[wanted] + weights.rule.early_s
    met = np.searchsorted(marks.times, at_s, side="right")
    order = order_of(items.goal[wanted] * items.modulus + items.first[wanted])
    wanted, met = wanted[order], met[order]
    parts = [
        _below(items, marks, recent, weights, wanted[i : i + BLOCK], met[i : i + BLOCK], kept)
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
    items: Items,
    marks: _Marks,
    recent: _Marks,
    weights: Weights,
    heads: IntArray,
    met: IntArray,
    kept: int,
) -> _Columns:
    rule = weights.rule
    goal, value, at_s = items.goal[heads], items.first[heads], items.start_s[heads]
    place, rank = recent.places(goal, at_s), met >> recent.drop
    here = recent.below(place, value, rank)
    least = recent.below(place, value - rule.most, np.zeros_like(place))
    n_near = np.minimum(here - least, N_BELOW)
    row = np.repeat(np.arange(len(heads)), n_near)
    there = np.arange(len(row)) + np.repeat(here - np.cumsum(n_near), n_near)
    found = [_steps(items, rule, recent, (row, there), value, at_s)]
    n_exact = min(N_EXACT, rule.most // rule.every)
    asked = np.arange(len(heads))
    if marks is not recent:
        place, rank = marks.places(goal, at_s), met >> marks.drop
        least = marks.below(place, value - rule.most, np.zeros_like(place))
    else:
        # Most have seen all that lies so near among the marks next below.
        last = recent.below(place, value - n_exact * rule.every, rank)
        asked = np.flatnonzero(last - N_TURNS < here - N_BELOW)
    if len(asked):
        place, rank, values = place[asked], rank[asked], value[asked]
        exact = [
            marks.below(place, values - k * rule.every, rank)[:, None] - np.arange(1, N_TURNS + 1)
            for k in range(1, n_exact + 1)
        ]
        more = np.concatenate(exact, axis=1)
        at, column = np.nonzero(more >= least[asked, None])
        found.append(_steps(items, rule, marks, (asked[at], more[at, column]), value, at_s))
    # A mark may be found both ways.
    every = np.sort(np.concatenate(found), kind="stable")  # of two sorted runs
    every = every[np.diff(every, prepend=-1) > 0]
    bits = _code_bits(items)
    row, code = every >> bits, every & ((1 << bits) - 1)
    tail, head, ends = code >> 1, heads.take(row), (code & 1) == 1
    begun = np.flatnonzero(~ends)
    stepped, since_s = items.last.take(tail), items.end_s.take(tail)
    stepped[begun], since_s[begun] = items.first[tail[begun]], items.start_s[tail[begun]]
    step = (value.take(row) - stepped) % items.modulus
    dt_s = at_s.take(row) - since_s
    good = tail != head
    none = (step == 0) & ((rule.same_bits is None) | (dt_s < 0.0) | (dt_s == 0.0) & (tail > head))
    good &= ~none
    row, tail, head, step, dt_s = (x[good] for x in (row, tail, head, step, dt_s))
    gain = weights.gain(items, tail, head, step, dt_s)
    keep = (gain > LEAST_BITS) & (gain >= _least_kept(row, gain, kept, len(heads))[row])
    return tail[keep], head[keep], step[keep], dt_s[keep], gain[keep]


def _steps(
    items: Items,
    rule: Rule,
    marks: _Marks,
    pairs: tuple[IntArray, IntArray],
    value: IntArray,
    at_s: FloatArray,
) -> IntArray:
    """Of `pairs` (row of an item that looks, mark) those that may be stepped on from.

    As row and code, packed. The marks lie below the item's own place, value and moment, and no
    further from its value than a step is long.
    """
    row, there = pairs
    at = at_s.take(row)
    dt_s = at - marks.time_s.take(there)
    good = dt_s <= rule.silence_s
    # While an item lasts, only its beginning is known to be before.
    good &= (dt_s >= -rule.early_s) & (marks.until_s.take(there) > at + rule.early_s)
    if rule.every > 1:
        good &= (value.take(row) - marks.value.take(there)) % rule.every == 0
    found: IntArray = (row[good] << _code_bits(items)) + marks.code.take(there[good])
    return found


def _code_bits(items: Items) -> int:
    """Bits that a mark's code takes."""
    return (2 * len(items)).bit_length()


def _least_kept(row: IntArray, gain: FloatArray, kept: int, n: int) -> FloatArray:
    """Per row (of `n`, in order) the gain of its `kept`-th best, or less where it has fewer."""
    least = np.full(n, -np.inf)
    counts = np.bincount(row, minlength=n)
    many = np.flatnonzero(counts >= kept)
    if len(many):
        own = (counts >= kept).take(row)
        row, gain = row[own], gain[own]
        sizes = counts[many]
        place = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        table = np.full((len(many), int(sizes.max())), -np.inf)
        table[np.repeat(np.arange(len(many)), sizes), place] = gain
        least[many] = np.partition(table, -kept, axis=1)[:, -kept]
    return least
