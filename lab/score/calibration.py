"""Are probabilities true? Of what is said with 80 %, 80 % should be so."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

N_BINS = 10


@dataclass(frozen=True)
class Reliability:
    """What was said and what was so, in bins of equal width over [0, 1]; sums can be added up.

    Each array has shape (bins,): statements, sum of their probabilities, how many were so.
    """

    n: NDArray[np.int64]
    said: NDArray[np.float64]
    so: NDArray[np.int64]

    def __add__(self, other: "Reliability") -> "Reliability":
        return Reliability(self.n + other.n, self.said + other.said, self.so + other.so)

    def ece(self) -> float:
        """Expected calibration error (Naeini, Cooper & Hauskrecht 2015); NaN of nothing said.

        The mean over statements of how far the share that was so is from the mean probability of
        their bin.
        """
        total = int(self.n.sum())
        return float(np.abs(self.so - self.said).sum()) / total if total else float("nan")


def reliability(probabilities: ArrayLike, outcomes: ArrayLike, n_bins: int = N_BINS) -> Reliability:
    """Bin statements, ``probabilities`` and ``outcomes`` of shape (n,); 1.0 is in the last bin.

    Raises ``ValueError`` on different lengths and on what is no probability.
    """
    said = np.asarray(probabilities, dtype=np.float64)
    so = np.asarray(outcomes, dtype=bool)
    if said.shape != so.shape or said.ndim != 1:
        raise ValueError(f"{said.shape} probabilities, {so.shape} outcomes")
    if not ((said >= 0.0) & (said <= 1.0)).all():
        raise ValueError("a probability outside [0, 1]")
    place = np.minimum((said * n_bins).astype(np.int64), n_bins - 1)
    return Reliability(
        np.bincount(place, minlength=n_bins),
        np.bincount(place, weights=said, minlength=n_bins).astype(np.float64),
        np.bincount(place[so], minlength=n_bins),
    )


def nothing_said(n_bins: int = N_BINS) -> Reliability:
    """The reliability of no statements: the zero of the sum."""
    return reliability([], [], n_bins)


def coverage_by_lot(probabilities: Sequence[float], truth: int, level: float = 0.9) -> float:
    """Chance that the middle ``level`` of a distribution of counts holds the truth, ties by lot.

    An interval of whole numbers cannot hold just 90 %: where 1 has 95 % it holds 95 %. So the truth
    is placed by lot within its own step of the distribution function (randomised probability
    integral transform: Czado, Gneiting & Held 2009); of true probabilities exactly ``level`` of
    the places lie in the middle. The chance is exact, nothing is drawn. ``probabilities`` are of
    1, 2, ...; a truth of probability 0 is not held.
    """
    if not 1 <= truth <= len(probabilities) or probabilities[truth - 1] <= 0.0:
        return 0.0
    low = sum(probabilities[: truth - 1])
    step = probabilities[truth - 1]
    tail = (1.0 - level) / 2.0
    return max(0.0, min(low + step, 1.0 - tail) - max(low, tail)) / step


def interval_coverage(truth: Sequence[int], low: Sequence[int], high: Sequence[int]) -> float:
    """Share of intervals, both ends included, that hold the truth. ``ValueError`` of none."""
    if not truth:
        raise ValueError("no intervals")
    held = [a <= x <= b for x, a, b in zip(truth, low, high, strict=True)]
    return sum(held) / len(held)
