"""How far head counts are off, over many captures."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class CountScores:
    """Mean absolute error, mean error (bias), shares that are right and off by one at most."""

    mae: float
    bias: float
    exact: float
    within_one: float


def score_counts(truth: Sequence[int], found: Sequence[int]) -> CountScores:
    """Compare counts of the same captures. ``ValueError`` of none or of different numbers."""
    if len(truth) != len(found) or not truth:
        raise ValueError(f"{len(truth)} true counts, {len(found)} found ones")
    errors = [b - a for a, b in zip(truth, found, strict=True)]
    n = len(errors)
    return CountScores(
        mae=sum(abs(x) for x in errors) / n,
        bias=sum(errors) / n,
        exact=sum(x == 0 for x in errors) / n,
        within_one=sum(abs(x) <= 1 for x in errors) / n,
    )
