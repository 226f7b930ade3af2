"""Scores of pairs -> figures with bootstrap intervals over machines."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

N_RESAMPLES = 400
SEED = 1


@dataclass(frozen=True)
class Figure:
    """A value and its bootstrap interval of 95 %; NaN where nothing could be measured."""

    value: float
    low: float
    high: float

    def words(self, decimals: int = 3) -> str:
        if not math.isfinite(self.value):
            return "-"
        n = decimals
        return f"{self.value:.{n}f} ({self.low:.{n}f}-{self.high:.{n}f})"


def equal_error_rate(genuine: FloatArray, wrong: FloatArray) -> float:
    """Where as large a share of right pairs is below a threshold as of wrong pairs is above it."""
    both = np.unique(np.concatenate([genuine, wrong]))
    missed = np.searchsorted(np.sort(genuine), both, side="left") / len(genuine)
    taken = 1.0 - np.searchsorted(np.sort(wrong), both, side="left") / len(wrong)
    at = int(np.abs(missed - taken).argmin())
    return float((missed[at] + taken[at]) / 2.0)


def bootstrapped(n: int, figure: Callable[[IntArray], float]) -> Figure:
    """`figure` of machines 0..n-1, and its interval over resamples of them (Efron 1979)."""
    rng = np.random.default_rng(SEED)
    value = figure(np.arange(n))
    drawn = np.array([figure(rng.integers(0, n, n)) for _ in range(N_RESAMPLES)])
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return Figure(value, math.nan, math.nan)
    low, high = np.percentile(known, [2.5, 97.5])
    return Figure(value, float(low), float(high))


def eer_of(scores: list[FloatArray]) -> Figure:
    """EER over square score matrices whose diagonals are the right pairs, machines resampled."""
    n = scores[0].shape[0]

    def figure(rows: IntArray) -> float:
        right = np.concatenate([s.diagonal()[rows] for s in scores])
        wrong = [s[np.ix_(rows, rows)][rows[:, None] != rows[None, :]] for s in scores]
        return equal_error_rate(right, np.concatenate(wrong))

    return bootstrapped(n, figure)


def rank_one_of(scores: list[FloatArray]) -> Figure:
    """Share of machines whose best candidate, of all, is themselves."""
    right = [s.argmax(axis=1) == np.arange(len(s)) for s in scores]
    return bootstrapped(
        len(scores[0]), lambda rows: float(np.mean(np.concatenate([r[rows] for r in right])))
    )


def matthews(tp: float, fp: float, tn: float, fn: float) -> float:
    """Matthews' correlation coefficient; NaN where a row or column is empty."""
    below = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / math.sqrt(below) if below else math.nan
