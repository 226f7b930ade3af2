"""Records -> the table: scenario x metric, method by method, with bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.accuracy.records import Record
from bench.accuracy.rows import Row
from lab.score import Reliability

N_RESAMPLES = 2000
SEED = 1
"""Of the bootstrap; every metric and method of a row is resampled alike."""
_LOW, _HIGH = 2.5, 97.5
OURS = "wiretell"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A figure over draws: `parts` gives each draw's share, `figure` adds such shares up.

    `figure` takes an array of shape (..., parts), summed over draws. `ours` is True where only a
    method with intervals and confidences has it.
    """

    name: str
    words: str
    parts: Callable[[Record], Sequence[float]]
    figure: Callable[[Floats], Floats]
    decimals: int = 3
    ours: bool = False


@dataclass(frozen=True)
class Figure:
    """A metric's value and its bootstrap interval of 95 %; NaN where nothing could be measured."""

    value: float
    low: float
    high: float


def _ratio(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: Floats = sums[..., 0] / sums[..., 1]
    return ratio


def _ece(sums: Floats) -> Floats:
    n, said, so = np.split(sums, 3, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        error: Floats = np.abs(so - said).sum(axis=-1) / n.sum(axis=-1)
    return error


def _mean(name: str, words: str, of: Callable[[Record], float], decimals: int = 3) -> Metric:
    return Metric(name, words, lambda record: (float(of(record)), 1.0), _ratio, decimals)


def _share(
    name: str, words: str, of: Callable[[Record], tuple[int, int]], *, ours: bool = False
) -> Metric:
    return Metric(name, words, of, _ratio, ours=ours)


def _calibration(name: str, words: str, of: Callable[[Record], Reliability]) -> Metric:
    def parts(record: Record) -> Sequence[float]:
        found = of(record)
        return [*found.n.tolist(), *found.said.tolist(), *found.so.tolist()]

    return Metric(name, words, parts, _ece, ours=True)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _mean("mae", "count: mean absolute error", lambda r: abs(r.n_found - r.n_true), 2),
        _mean("bias", "count: mean error", lambda r: r.n_found - r.n_true, 2),
        _mean("exact", "count exact", lambda r: r.n_found == r.n_true),
        _mean("within_one", "count within one", lambda r: abs(r.n_found - r.n_true) <= 1),
        _share(
            "interval",
            "90 % interval holds the truth",
            lambda r: (r.n_covered, r.n_addresses),
            ours=True,
        ),
        Metric(
            "by_lot",
            "middle 90 % of the count, ties by lot, holds the truth",
            lambda r: (r.n_held_by_lot, r.n_addresses),
            _ratio,
            ours=True,
        ),
        Metric(
            "width",
            "mean width of the interval",
            lambda r: (r.high - r.low, r.n_addresses),
            _ratio,
            2,
            ours=True,
        ),
        _share(
            "over_claims",
            "addresses over-claimed",
            lambda r: (r.n_over_claims, r.n_addresses),
            ours=True,
        ),
        _mean("ari", "ARI", lambda r: r.ari),
        Metric(
            "ari_assigned",
            "ARI of assigned flows",
            lambda r: (0.0, 0) if math.isnan(r.ari_assigned) else (r.ari_assigned, 1),
            _ratio,
        ),
        _mean("v_measure", "V-measure", lambda r: r.v_measure),
        _mean("bcubed_precision", "B-cubed precision", lambda r: r.bcubed_precision),
        _mean("bcubed_recall", "B-cubed recall", lambda r: r.bcubed_recall),
        _mean("pair_f1", "pairwise F1", lambda r: r.pair_f1),
        _share("coverage", "flows assigned", lambda r: (r.n_assigned, r.n_flows)),
        _share("rate", "rate right", lambda r: (r.n_rate_right, r.n_rate), ours=True),
        _share(
            "regime", "offset regime right", lambda r: (r.n_regime_right, r.n_regime), ours=True
        ),
        _calibration("member_ece", "ECE of flows' confidences", lambda r: r.members),
        _calibration("pair_ece", "ECE of pairs of flows", lambda r: r.pairs),
        _mean("seconds", "CPU seconds a capture", lambda r: r.seconds, 2),
    )
}


def resampling(n: int) -> Floats:
    """How often each of `n` draws is taken in each resample, shape (resamples, n); seeded."""
    rng = np.random.default_rng(SEED)
    return rng.multinomial(n, np.full(n, 1.0 / n), size=N_RESAMPLES).astype(np.float64)


def figure(metric: Metric, records: Sequence[Record]) -> Figure:
    """The metric over these draws, with the bootstrap percentile interval (Efron 1979)."""
    if not records:
        return Figure(math.nan, math.nan, math.nan)
    parts = np.array([metric.parts(record) for record in records], dtype=np.float64)
    value = float(metric.figure(parts.sum(axis=0)))
    resampled = metric.figure(resampling(len(records)) @ parts)
    known = resampled[np.isfinite(resampled)]
    if not len(known):
        return Figure(value, math.nan, math.nan)
    low, high = np.percentile(known, [_LOW, _HIGH])
    return Figure(value, float(low), float(high))


def table(records: Sequence[Record], rows: Mapping[str, Row]) -> str:
    """Markdown: a line per scenario and metric, a column per method, the target beside it."""
    methods = sorted({r.method for r in records}, key=lambda x: (x != OURS, x))
    head = ["scenario", "metric", "target", *methods]
    lines = ["| " + " | ".join(head) + " |", "|---|---|--:" + "|--:" * len(methods) + "|"]
    for row in rows.values():
        asked = [METRICS[name] for name in row.metrics or METRICS]
        own = sorted(
            (r for r in records if row.metrics or r.row == row.name), key=lambda r: (r.row, r.seed)
        )
        done = {m: [r for r in own if r.method == m and not r.error] for m in methods}
        if not any(done.values()):
            continue
        numbers = [_n_draws(own, m) if m == OURS or not row.metrics else "" for m in methods]
        lines.append(f"| **{row.name}** | {row.about} | | " + " | ".join(numbers) + " |")
        for metric in asked:
            cells = [_cell(metric, done[m], row, m == OURS) for m in methods]
            if not any(cells):
                continue
            target = row.targets.get(metric.name)
            wanted = target.words(metric.decimals) if target else ""
            lines.append(f"| {row.name} | {metric.words} | {wanted} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _n_draws(own: Sequence[Record], method: str) -> str:
    mine = [record for record in own if record.method == method]
    failed = sum(bool(record.error) for record in mine)
    return f"{len(mine)} draws" + (f", **{failed} failed**" if failed else "")


def _cell(metric: Metric, records: Sequence[Record], row: Row, ours: bool) -> str:
    if metric.ours and not ours:
        return ""
    found = figure(metric, records)
    if not math.isfinite(found.value):
        return ""
    n = metric.decimals
    text = f"{found.value:.{n}f} ({found.low:.{n}f}-{found.high:.{n}f})"
    target = row.targets.get(metric.name)
    if target is None or not ours:
        return text
    return f"{text} {'met' if target.met(found.value) else '**not met**'}"
