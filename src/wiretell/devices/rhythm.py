"""What moments say: connections of one page load go to several servers within a second.

A person at a machine opens many connections at once and then reads. Two groups of one machine so
begin flows at the same moments more often than two machines do, whose moments are independent.
Both numbers are Poisson: by chance `2 * WINDOW_S * n_a * n_b / seconds`, and for one machine more
by the share of its moments that the groups make up.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.compare import Argument
from wiretell.devices.group import Group

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

WINDOW_S = 1.5
MOST_COMPANIONS = 1.0
"""Companions that a moment of one machine has, at most: how many is measured on the address."""
USUAL_MOMENTS = 30.0
"""Moments a machine is taken to have at least: small groups say little."""
DEPENDENCE = 0.6
"""Moments follow one another in the same visit: they are not that many independent arguments."""
RHYTHM_BITS = (-2.0, 4.0)
"""Moments apart say little: many programs call one server at a time."""
LEAST_BITS = 0.5
"""Less is not worth words."""
MOST_PAIRS = 4_000_000
"""Pairs of near moments that are counted; a busier address has no rhythm to speak of."""


class Rhythm:
    """Moments at which groups begin flows, and how often two groups share one."""

    def __init__(self, groups: Sequence[Group], starts: Sequence[float]) -> None:
        """`starts` are the times (s) of all sides."""
        n = len(groups)
        begun = np.asarray(starts, dtype=np.float64)
        times, owners = [], []
        self._first, self._last = np.zeros(n), np.zeros(n)
        for g, group in enumerate(groups):
            own = np.sort(begun[group.sides])
            apart = own[np.concatenate([[True], np.diff(own) > WINDOW_S])]
            times.append(apart)
            owners.append(np.full(len(apart), g))
            self._first[g], self._last[g] = own[0], own[-1]
        self._moments = np.array([len(x) for x in times], dtype=np.float64)
        self._shared = _shared(np.concatenate(times), np.concatenate(owners), n) if n else None
        self._companions = self._measured(float(np.ptp(begun)) if len(begun) else 0.0)

    def _measured(self, seconds: float) -> float:
        """Companions of a moment beyond those by chance, on the whole address."""
        if self._shared is None or seconds <= 0.0:
            return 0.0
        n = float(self._moments.sum())
        apart = n * n - float(np.sum(self._moments**2))
        chance = 2.0 * WINDOW_S * apart / max(seconds, 10.0 * WINDOW_S)
        return min(max((float(self._shared.sum()) - chance) / n, 0.0), MOST_COMPANIONS)

    def bits(self, a: int, others: IntArray | slice = slice(None)) -> FloatArray:
        """Bits for group `a` and each of `others` (all, if not given) being one machine."""
        if self._shared is None or self._companions == 0.0:
            return np.zeros_like(self._moments[others])
        first, last = self._first[others], self._last[others]
        both = np.minimum(last, self._last[a]) - np.maximum(first, self._first[a])
        whole = np.maximum(last, self._last[a]) - np.minimum(first, self._first[a])
        moments = self._moments[others]
        product = moments * self._moments[a]
        chance = 2.0 * WINDOW_S * product / np.maximum(whole, 10.0 * WINDOW_S) + 1e-3
        together = np.maximum(moments + self._moments[a], USUAL_MOMENTS)
        more = self._companions * product / together
        bits = self._shared[a, others] * np.log2(1.0 + more / chance) - more / np.log(2.0)
        result: FloatArray = np.where(both > 0.0, np.clip(DEPENDENCE * bits, *RHYTHM_BITS), 0.0)
        return result

    def argument(self, a: int, b: int) -> Argument | None:
        """What the moments of groups `a` and `b` say, if anything."""
        bits = float(self.bits(a, np.array([b]))[0])
        if abs(bits) < LEAST_BITS:
            return None
        often = "at the same moments" if bits > 0.0 else "at moments of their own"
        return Argument("activity", bits, f"both begin flows {often}")

    def merge(self, a: int, b: int) -> None:
        """Group `b` is now part of `a`."""
        self._first[a] = min(self._first[a], self._first[b])
        self._last[a] = max(self._last[a], self._last[b])
        self._moments[a] += self._moments[b]
        self._moments[b] = 0.0
        if self._shared is not None:
            self._shared[a] += self._shared[b]
            self._shared[:, a] += self._shared[:, b]
            self._shared[b] = 0.0
            self._shared[:, b] = 0.0


def _shared(times: FloatArray, owners: IntArray, n: int) -> FloatArray | None:
    """Pairs of moments of two groups within the window, as a symmetric matrix; None if too many."""
    order = np.argsort(times, kind="stable")
    times, owners = times[order], owners[order]
    until = np.searchsorted(times, times + WINDOW_S, side="right")
    near = until - np.arange(1, len(times) + 1)
    if near.sum() > MOST_PAIRS:
        return None
    left = np.repeat(np.arange(len(times)), near)
    right = left + 1 + np.arange(near.sum()) - np.repeat(np.cumsum(near) - near, near)
    counts = np.zeros((n, n))
    np.add.at(counts, (owners[left], owners[right]), 1.0)
    counts += counts.T
    np.fill_diagonal(counts, 0.0)
    return counts
