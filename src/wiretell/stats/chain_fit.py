"""Counters in a heap of values: is there one at all, and which item goes on from which?

Whether there is one is told by direction. A counter only rises, chance falls as often as it
rises: so the items that go on a little above an earlier value are held against those that do with
the circle of values turned round. That level of chance is exact at any density of values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wiretell.stats.assignment import log_odds, path_cover
from wiretell.stats.counter_chains import Candidates, Items, Weights, candidates
from wiretell.stats.step_model import StepModel, fitted

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

MOST_ASKED = 5_000
"""Items asked whether they rise or fall; of more, every k-th: enough to know a share to 2 %."""
CLEAR_BITS = 4.0
"""An item goes on somewhere if the best candidate is worth this."""
FEWEST = 4
"""Fewer that go on than this are no counter."""
NEAR_STEPS = 64
"""About as many steps are that clear."""
N_SD, N_SD_CHANCE = 2.0, 3.5
"""Standard errors taken off an excess before it is believed."""
PLAIN_SHARE = 0.7
"""Share of items on a counter taken for granted while the question is asked."""
SURE_BITS = 3.0
"""Links this sure teach the model of steps."""
QUICK_ROUNDS = (8, 12)
"""Rounds of belief propagation before each new fit of the laws: rough odds do."""
PRUNE_BITS = -6.0
"""Candidates with odds below this are left out of the cover: that keeps its parts small."""
PRIOR_BITS = (-6.0, 8.0)
QUANTILE, MARGIN, BURST_S = 0.99, 2.0, 5.0
"""What nearly all steps keep within, how far beyond is allowed, and how long a burst lasts."""


@dataclass(frozen=True)
class Chains:
    """Links tail -> head of the best path cover; `bits` are the log2 odds among all rivals.

    `rivals` are all candidates that were weighed, with what each is worth by itself.
    """

    tail: IntArray
    head: IntArray
    step: IntArray
    dt_s: FloatArray
    bits: FloatArray
    steps: StepModel
    rivals: Candidates


@dataclass(frozen=True)
class Share:
    """Share of items that go on from an earlier one above chance, of those that might.

    Best guess and lower bound; `n_least` is how many items that bound stands for.
    """

    guess: float
    least: float
    n_least: float


NONE = Share(0.0, 0.0, 0.0)


def counter_share(
    items: Items,
    weights: Weights,
    *,
    heads: IntArray | None = None,
    abroad: bool = False,
    least: float = 0.0,
    n_least: float = 0.0,
) -> Share:
    """How many items go on from an earlier one, above what chance makes of these values.

    `heads`: the items asked; all if None. `abroad`: only items that go on from one with another
    look in the last column are counted. Where the bound is no more than `least`, or stands for
    fewer items than `n_least`, it may be `NONE`, which is sooner found out.
    """
    return Directions(items, weights, heads).share(abroad=abroad, least=least, n_least=n_least)


class Directions:
    """What items go on from as values rise, and as they would fall: found once, counted twice."""

    def __init__(self, items: Items, weights: Weights, heads: IntArray | None = None) -> None:
        """`heads` are the items asked; all if None."""
        n = len(items)
        heads = np.arange(n, dtype=np.int64) if heads is None else heads
        self._every = max(1, -(-len(heads) // MOST_ASKED))
        self._heads = heads[:: self._every]
        # What is seen out of order would count for both directions.
        self._weights = replace(weights, rule=replace(weights.rule, early_s=0.0))
        self._items, self._turned = items, items.reversed()

    @cached_property
    def _rises(self) -> Candidates:
        return candidates(self._items, self._weights, self._heads)

    @cached_property
    def _falls(self) -> Candidates:
        return candidates(self._turned, self._weights, self._heads)

    @cached_property
    def _able(self) -> int:
        able = _may_go_on(self._items, self._weights)[self._heads]
        return max(int(np.count_nonzero(able)), 1)

    def share(self, *, abroad: bool = False, least: float = 0.0, n_least: float = 0.0) -> Share:
        """As of `counter_share`; also `NONE` where it would not reach these.

        That is, where its `least` is no more than this one, or its `n_least` less.
        """
        n = len(self._items)
        if n < 3 or len(self._heads) < FEWEST or self._every * len(self._heads) < n_least:
            return NONE
        if abroad and not np.any(np.diff(self._items.look[:, -1])):
            return NONE
        rises = _best(self._rises, n, self._items, abroad=abroad)
        # What falls only takes away from these.
        n_clear = int(np.count_nonzero(rises >= CLEAR_BITS))
        if n_clear < FEWEST or n_clear <= least * self._able or self._every * n_clear < n_least:
            return NONE
        falls = _best(self._falls, n, self._turned, abroad=abroad)
        n_rise = int(np.count_nonzero((rises >= CLEAR_BITS) & (rises > falls)))
        n_fall = int(np.count_nonzero((falls >= CLEAR_BITS) & (falls > rises)))
        able, excess = self._able, n_rise - n_fall
        # The error of the share, and what two equal numbers would differ by with so few falls:
        # none seen may yet be a few, but no more than that many values this near one another bring.
        spread = sum(k * max(1.0 - k / able, 0.0) for k in (n_rise, n_fall))
        unseen = min(2.0 * able * n * NEAR_STEPS / self._items.modulus, 4.0)
        doubt = max(N_SD * math.sqrt(spread), N_SD_CHANCE * math.sqrt(2.0 * n_fall + unseen))
        if excess <= max(doubt, FEWEST - 1):
            return NONE
        sure = excess - doubt
        return Share(min(excess / able, 1.0), min(sure / able, 1.0), self._every * sure)


def _may_go_on(items: Items, weights: Weights) -> BoolArray:
    """Items with an earlier one on the same counter, not too long before."""
    order = np.lexsort((items.start_s, items.goal))
    may = np.zeros(len(items), dtype=bool)
    near = np.diff(items.start_s[order]) <= weights.rule.silence_s
    may[order[1:]] = near & (np.diff(items.goal[order]) == 0)
    return may


def _best(found: Candidates, n: int, items: Items, *, abroad: bool) -> FloatArray:
    best = np.full(n, -np.inf)
    keep = slice(None)
    if abroad:
        keep = items.look[found.tail, -1] != items.look[found.head, -1]
    np.maximum.at(best, found.head[keep], found.gain[keep])
    return best


def fit_chains(items: Items, weights: Weights) -> Chains:
    """The best path cover, with the law of steps and of silences fitted to these items."""
    found = candidates(items, weights)
    for rounds in QUICK_ROUNDS:
        odds = log_odds(len(items), found.tail, found.head, found.gain, rounds)
        taken = _cover(len(items), found, odds)
        weights = _refitted(items, weights, found, taken, odds)
        gain = weights.gain(items, found.tail, found.head, found.step, found.dt_s)
        found = replace(found, gain=gain)
    odds = log_odds(len(items), found.tail, found.head, found.gain)
    e = _cover(len(items), found, odds)
    chosen = (found.tail[e], found.head[e], found.step[e], found.dt_s[e], odds[e])
    return Chains(*chosen, weights.steps, found)


def _cover(n: int, found: Candidates, odds: FloatArray) -> IntArray:
    likely = np.flatnonzero((odds > PRUNE_BITS) & (found.gain > 0.0))
    return likely[path_cover(n, found.tail[likely], found.head[likely], found.gain[likely])]


def _refitted(
    items: Items, weights: Weights, found: Candidates, taken: IntArray, odds: FloatArray
) -> Weights:
    """Weights with what the links so far teach of steps, silences and the number of chains."""
    sure = taken[(odds[taken] >= SURE_BITS) & (found.step[taken] > 0)]
    if len(sure) < 3:
        return weights
    every = weights.rule.every
    step, dt_s = found.step[sure] // every, np.maximum(found.dt_s[sure], 0.0)
    trust = 1.0 / (1.0 + np.exp2(-odds[sure]))
    steps = fitted(step, dt_s, trust, weights.steps)
    hazard_s = max(float(np.median(dt_s)), 1.0)
    n_chains = max(float(items.on.sum()) - len(taken), 1.0)
    span_s = float(items.end_s.max() - items.start_s.min())
    prior = math.log2(max(span_s, 1.0) / n_chains / hazard_s)
    return replace(
        weights,
        steps=steps,
        hazard_s=hazard_s,
        prior_bits=min(max(prior, PRIOR_BITS[0]), PRIOR_BITS[1]),
    )


def reach(chains: Chains) -> tuple[int, float]:
    """(slack, per second): what nearly all sure steps keep within, with a margin."""
    sure = (chains.bits >= SURE_BITS) & (chains.step > 0)
    if not sure.any():
        return 1, 0.0
    step, dt_s = chains.step[sure].astype(np.float64), np.maximum(chains.dt_s[sure], 0.0)
    slack = MARGIN * float(np.quantile(step[dt_s <= float(np.median(dt_s))], QUANTILE)) + 1.0
    # Bursts are in the slack; what is left grows with time.
    beyond = np.maximum(step - slack, 0.0) / np.maximum(dt_s, BURST_S)
    rate = max(float(np.quantile(beyond, QUANTILE)), chains.steps.per_second)
    return math.ceil(slack), MARGIN * rate
