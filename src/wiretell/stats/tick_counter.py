"""Counters that chance moves on as time passes: is there one, and which item goes on from which?

Linux takes the identification of a datagram without a socket of its own from a counter for each
pair of addresses and protocol, and adds to it a number drawn evenly from 1 to the timer ticks
since the last one (`ip_idents_reserve`, since 3.16; RFC 7739 section 5.3 describes the idea). So
a step says nothing of how many datagrams were sent, only that it is no longer than the time: 250
a second and 65,536 values leave 6 bits after 4 seconds, 2 after a minute.

Whether there is such a counter is told by direction, as in `chain_fit`: it only rises, and chance
falls as often as it rises.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wiretell.stats.assignment import log_odds, path_cover

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

TICKS_HZ = (100, 250, 300, 1000)
"""Timer rates that kernels are built with."""
MOST_SILENCE_S = 120.0
N_BEFORE = 48
"""Items before one, of its counter, that are looked at."""
KEPT = 8
"""Of these, the latest that it may go on from."""
CLEAR_BITS = 4.0
"""An item goes on somewhere if the best candidate's step is worth this."""
LEAST_SHARE, N_SD, FEWEST = 0.4, 4.5, 6
"""What is believed: an excess of such a share of the items that could show one, of so many
standard errors of chance, of so many items. Steps of one item's neighbours overlap, and several
rates are tried: hence so many."""
ROUNDS = 3
PRIOR_BITS = (-2.0, 8.0)
PRUNE_BITS = -6.0


@dataclass(frozen=True)
class Meetings:
    """Meetings with such counters: values in [0, modulus), times in seconds, `goal`: which one."""

    start_s: FloatArray
    end_s: FloatArray
    first: IntArray
    last: IntArray
    goal: IntArray
    modulus: int

    def __len__(self) -> int:
        """Number of items."""
        return len(self.first)


@dataclass(frozen=True)
class TickChains:
    """Links tail -> head of the best path cover; `bits` are log2 odds among all rivals.

    `share` is how many of the items are on such a counter, as far as direction tells.
    """

    tail: IntArray
    head: IntArray
    step: IntArray
    dt_s: FloatArray
    bits: FloatArray
    ticks_hz: int
    share: float


@dataclass(frozen=True)
class _Edges:
    tail: IntArray
    head: IntArray
    step: IntArray
    dt_s: FloatArray

    def of(self, kept: NDArray[np.bool_] | IntArray) -> _Edges:
        return _Edges(self.tail[kept], self.head[kept], self.step[kept], self.dt_s[kept])


def tick_chains(items: Meetings) -> TickChains | None:
    """The chains of the timer rate that explains most; None where no counter shows."""
    n = len(items)
    if n <= FEWEST:
        return None
    before = _before(items)
    best: tuple[float, int, float] | None = None
    for hz in TICKS_HZ:
        share, worth = _share(items, before, hz)
        if share > 0.0 and (best is None or worth > best[0]):
            best = (worth, hz, share)
    if best is None:
        return None
    _, hz, share = best
    edges = before.of(_fits(before, hz))
    hazard_s, prior = max(float(np.median(edges.dt_s)), 1.0), 0.0
    for turn in range(ROUNDS):
        gain = (
            _step_bits(edges, hz, items.modulus)
            + math.log2(share)
            + prior
            - np.log2(1.0 + edges.dt_s / hazard_s)
        )
        odds = log_odds(n, edges.tail, edges.head, gain)
        likely = np.flatnonzero((odds > PRUNE_BITS) & (gain > 0.0))
        taken = likely[path_cover(n, edges.tail[likely], edges.head[likely], gain[likely])]
        if turn + 1 == ROUNDS or len(taken) < 3:
            break
        hazard_s = max(float(np.median(edges.dt_s[taken])), 1.0)
        span_s = max(float(items.end_s.max() - items.start_s.min()), 1.0)
        prior = math.log2(span_s / max(n * share - len(taken), 1.0) / hazard_s)
        prior = min(max(prior, PRIOR_BITS[0]), PRIOR_BITS[1])
    chosen = edges.of(taken)
    return TickChains(chosen.tail, chosen.head, chosen.step, chosen.dt_s, odds[taken], hz, share)


def _before(items: Meetings) -> _Edges:
    """Each item with those before it on its counter, `step` modulo the circle."""
    order = np.lexsort((items.start_s, items.goal))
    parts: list[_Edges] = []
    for k in range(1, min(N_BEFORE, len(items) - 1) + 1):
        tail, head = order[:-k], order[k:]
        dt_s = items.start_s[head] - items.end_s[tail]
        near = (items.goal[tail] == items.goal[head]) & (dt_s >= 0.0) & (dt_s <= MOST_SILENCE_S)
        if not (near & (dt_s < MOST_SILENCE_S)).any():
            continue
        tail, head, dt_s = tail[near], head[near], dt_s[near]
        step = (items.first[head] - items.last[tail]) % items.modulus
        possible = (step > 0) & (step <= _reach(dt_s, TICKS_HZ[-1]))
        falls = (step > 0) & (items.modulus - step <= _reach(dt_s, TICKS_HZ[-1]))
        parts.append(_Edges(tail, head, step, dt_s).of(possible | falls))
    if not parts:
        none = np.empty(0, np.int64)
        return _Edges(none, none, none, np.empty(0))
    return _Edges(
        np.concatenate([part.tail for part in parts]),
        np.concatenate([part.head for part in parts]),
        np.concatenate([part.step for part in parts]),
        np.concatenate([part.dt_s for part in parts]),
    )


def _reach(dt_s: FloatArray, hz: int) -> FloatArray:
    """The longest step after so many seconds; a tick more, as ticks do not begin with packets."""
    reach: FloatArray = np.floor(dt_s * hz) + 2.0
    return reach


def _fits(edges: _Edges, hz: int) -> NDArray[np.bool_]:
    fits: NDArray[np.bool_] = edges.step <= _reach(edges.dt_s, hz)
    return fits


def _step_bits(edges: _Edges, hz: int, modulus: int) -> FloatArray:
    bits: FloatArray = np.log2(modulus / _reach(edges.dt_s, hz))
    return bits


def _share(items: Meetings, before: _Edges, hz: int) -> tuple[float, float]:
    """Share of items that go on from an earlier one above chance, and the bits it explains."""
    n = len(items)
    turned = _Edges(before.tail, before.head, items.modulus - before.step, before.dt_s)
    rises, falls = (_clearest(edges, n, hz, items.modulus) for edges in (before, turned))
    n_rise = int(np.count_nonzero((rises >= CLEAR_BITS) & (rises > falls)))
    n_fall = int(np.count_nonzero((falls >= CLEAR_BITS) & (falls > rises)))
    excess = n_rise - n_fall
    share = excess / max(n_rise + n_fall, 1)
    # Where a few are on some counter among many that are on none, links would be of these, too.
    able = int(np.count_nonzero(_since_s(items) <= items.modulus / 2.0**CLEAR_BITS / hz))
    if excess < LEAST_SHARE * max(able, 1) or excess <= max(
        N_SD * math.sqrt(2.0 * n_fall + 2.0), FEWEST - 1
    ):
        return 0.0, 0.0
    return share, float(rises.sum() - falls.sum())


def _since_s(items: Meetings) -> FloatArray:
    """Seconds since the item before on the same counter began; infinite for the first."""
    order = np.lexsort((items.start_s, items.goal))
    since = np.full(len(items), np.inf)
    same = np.diff(items.goal[order]) == 0
    since[order[1:][same]] = np.diff(items.start_s[order])[same]
    return since


def _clearest(edges: _Edges, n: int, hz: int, modulus: int) -> FloatArray:
    fits = edges.of(_fits(edges, hz))
    best = np.zeros(n)
    np.maximum.at(best, fits.head, _step_bits(fits, hz, modulus))
    return best
