"""From uncertain links to a distribution of the number of groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def poisson_binomial(probabilities: Sequence[float]) -> FloatArray:
    """Distribution of the number of successes of independent trials; length n + 1."""
    distribution = np.ones(1)
    for p in probabilities:
        distribution = np.convolve(distribution, [1.0 - p, p])
    return distribution


def count_distribution(
    base: int, merges: Sequence[float], splits: Sequence[float]
) -> dict[int, float]:
    """Number of groups when each of `merges` may still join two and each of `splits` part one.

    `base` is the number of groups found; the result has count -> probability, counts >= 1.
    """
    fewer, more = poisson_binomial(merges), poisson_binomial(splits)
    result: dict[int, float] = {}
    for i, p in enumerate(fewer):
        for j, q in enumerate(more):
            count = max(1, base - i + j)
            result[count] = result.get(count, 0.0) + float(p * q)
    return dict(sorted(result.items()))


def interval(distribution: Mapping[int, float], level: float = 0.9) -> tuple[int, int]:
    """Shortest run of counts that holds at least `level` of the probability (lowest if equal)."""
    if len(distribution) == 1:
        (only,) = distribution
        return only, only
    counts = list(range(min(distribution), max(distribution) + 1))
    p = np.array([distribution.get(c, 0.0) for c in counts])
    total = np.concatenate([[0.0], np.cumsum(p)])
    for width in range(1, len(counts) + 1):
        mass = total[width:] - total[:-width]
        best = int(np.argmax(mass))
        if mass[best] >= min(level, total[-1]) - 1e-12:
            return counts[best], counts[best + width - 1]
    return counts[0], counts[-1]


def mode(distribution: Mapping[int, float]) -> int:
    """The most probable count, the lowest of equals."""
    return max(sorted(distribution), key=lambda count: distribution[count])
