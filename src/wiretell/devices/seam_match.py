"""Which group of one window is which of the next: one to one, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

LEAST_BITS = 8.0
"""Less than this puts no two groups together: they are compared as parts are anywhere."""
SCALE = 0.5
"""Bits of flows and links at a seam come in chains, of which one mistake makes several wrong."""


@dataclass(frozen=True)
class Match:
    """Groups `one` and `other` of two windows (their numbers) are one machine.

    `bits` speak for it. `sure` is the probability that it is so, and that neither is another's
    (`exchanged` is the probability of the likeliest exchange, with the match of `rival`, its place
    in the list of matches; -1: there is none).
    """

    one: int
    other: int
    bits: float
    sure: float
    rival: int = -1
    exchanged: float = 0.0


def matches(one: IntArray, other: IntArray, bits: FloatArray) -> list[Match]:
    """The matches of greatest sum of bits; each pair (one, other) of groups is given once.

    Cost: cubic in the groups that evidence ties together, of one window.
    """
    found: list[Match] = []
    rows, i = np.unique(one, return_inverse=True)
    columns, j = np.unique(other, return_inverse=True)
    n = len(rows) + len(columns)
    graph = csr_array((np.ones(len(i)), (i, j + len(rows))), shape=(n, n))
    n_parts, label = connected_components(graph, directed=False)
    order = np.argsort(label[i], kind="stable")
    for part in np.split(order, np.searchsorted(label[i][order], np.arange(1, n_parts))):
        found += _matched(one[part], other[part], bits[part], len(found))
    return found


def _matched(one: IntArray, other: IntArray, bits: FloatArray, base: int) -> list[Match]:
    """Matches of groups that evidence ties together; the first will have the number `base`."""
    rows, i = np.unique(one, return_inverse=True)
    columns, j = np.unique(other, return_inverse=True)
    table = np.zeros((len(rows), len(columns)))
    table[i, j] = np.maximum(bits, 0.0)
    at, to = linear_sum_assignment(-table)
    kept = table[at, to] >= LEAST_BITS
    at, to = at[kept], to[kept]
    best = table[at, to]
    # Two matches that change partners; a partner that is left over may take one's place.
    lost = best[:, None] + best[None, :] - table[np.ix_(at, to)] - table[np.ix_(at, to)].T
    np.fill_diagonal(lost, np.inf)
    free = np.ones(len(rows), bool), np.ones(len(columns), bool)
    free[0][at], free[1][to] = False, False
    others = [
        best[:, None] - table[np.ix_(at, np.flatnonzero(free[1]))],
        best[:, None] - table[np.ix_(np.flatnonzero(free[0]), to)].T,
    ]
    instead = np.exp2(-SCALE * np.concatenate([lost, best[:, None], *others], axis=1))
    total = 1.0 + instead.sum(axis=1)
    found: list[Match] = []
    for k in range(len(at)):
        rival = int(instead[k, : len(at)].argmax())
        chance = float(instead[k, rival] / total[k])
        found.append(
            Match(
                int(rows[at[k]]),
                int(columns[to[k]]),
                float(best[k]),
                float(1.0 / total[k]),
                base + rival if chance > 0.0 else -1,
                chance,
            )
        )
    return found
