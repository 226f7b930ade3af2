"""Two partitions of the same flows compared: Rand, V-measure, B-cubed, pairs, count."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scores:
    """Agreement of two partitions of the same flows, all in [0, 1] but the counts."""

    n_flows: int
    n_true: int
    n_predicted: int
    count_error: int
    exact: bool
    within_one: bool
    coverage: float
    """Share of the flows that were given to a device."""
    ari: float
    """Adjusted Rand index (Hubert & Arabie 1985): 1 equal, about 0 by chance."""
    homogeneity: float
    completeness: float
    v_measure: float
    """Rosenberg & Hirschberg 2007."""
    bcubed_precision: float
    bcubed_recall: float
    bcubed_f1: float
    """Bagga & Baldwin 1998: the mean over flows, so large machines weigh by their flows."""
    pair_precision: float
    pair_recall: float
    pair_f1: float
    n_other_rows: int = 0
    """Rows of the prediction that are no flow of the truth."""
    n_bad_rows: int = 0


def _harmonic_mean(a: float, b: float) -> float:
    return 2.0 * a * b / (a + b) if a + b else 0.0


def _n_pairs(counts: NDArray[np.int64]) -> int:
    return sum(n * (n - 1) // 2 for n in counts.tolist())


def _entropy(counts: NDArray[np.int64]) -> float:
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum()) if len(counts) > 1 else 0.0


def _numbered(labels: Sequence[Hashable]) -> NDArray[np.int64]:
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(x, len(numbers)) for x in labels], dtype=np.int64)


def _adjusted_rand_index(n_both: int, n_true: int, n_predicted: int, n_all: int) -> float:
    """From numbers of pairs: together in both, in the truth, in the prediction; all there are."""
    if n_both == n_true == n_predicted:
        return 1.0
    expected = n_true * n_predicted / n_all
    return (n_both - expected) / ((n_true + n_predicted) / 2 - expected)


def score_labels(truth: Sequence[Hashable], prediction: Sequence[Hashable | None]) -> Scores:
    """Compare two labellings of the same flows; ``None`` is a flow without a device.

    Raises ``ValueError`` if they differ in length or are empty.
    """
    if len(truth) != len(prediction) or not truth:
        raise ValueError(f"{len(truth)} true labels, {len(prediction)} predicted ones")
    n = len(truth)
    own: list[Hashable] = [
        ("alone", i) if x is None else ("device", x) for i, x in enumerate(prediction)
    ]
    a, b = _numbered(truth), _numbered(own)
    sizes_a, sizes_b = np.bincount(a), np.bincount(b)
    cells, counts = np.unique(a * len(sizes_b) + b, return_counts=True)
    in_a, in_b = sizes_a[cells // len(sizes_b)], sizes_b[cells % len(sizes_b)]

    both, pairs_a, pairs_b = _n_pairs(counts), _n_pairs(sizes_a), _n_pairs(sizes_b)
    pair_precision = both / pairs_b if pairs_b else 1.0
    pair_recall = both / pairs_a if pairs_a else 1.0

    entropy_a, entropy_b = _entropy(sizes_a), _entropy(sizes_b)
    shared = max(0.0, entropy_a + entropy_b - _entropy(counts))
    homogeneity = shared / entropy_a if entropy_a else 1.0
    completeness = shared / entropy_b if entropy_b else 1.0

    bcubed_precision = float((counts * counts / in_b).sum() / n)
    bcubed_recall = float((counts * counts / in_a).sum() / n)

    n_assigned = sum(x is not None for x in prediction)
    n_predicted = len({x for x in prediction if x is not None})
    error = n_predicted - len(sizes_a)
    return Scores(
        n_flows=n,
        n_true=len(sizes_a),
        n_predicted=n_predicted,
        count_error=error,
        exact=error == 0,
        within_one=abs(error) <= 1,
        coverage=n_assigned / n,
        ari=_adjusted_rand_index(both, pairs_a, pairs_b, n * (n - 1) // 2),
        homogeneity=homogeneity,
        completeness=completeness,
        v_measure=_harmonic_mean(homogeneity, completeness),
        bcubed_precision=bcubed_precision,
        bcubed_recall=bcubed_recall,
        bcubed_f1=_harmonic_mean(bcubed_precision, bcubed_recall),
        pair_precision=pair_precision,
        pair_recall=pair_recall,
        pair_f1=_harmonic_mean(pair_precision, pair_recall),
    )
