"""One rate for many flows of one clock, each with an offset of its own, and its honest error.

Minimise the sum over flows f and readings i of (a*x_fi + b_f - v_fi) with a*x_fi + b_f >= v_fi:
the linear program of Kohno, Broido and claffy (2005) with one slope and an intercept per flow.
For a fixed slope the best intercept touches one hull vertex, so the sum is convex and piecewise
linear in the slope and its minimum is the slope of a hull edge: sorting all edges finds it.

The error needs no law of the delays. At the true slope the reading that touches a flow's line is
the one that was delayed least; if delays do not depend on time it is any of them with the same
chance. So the gradient of the program at the true slope has mean zero and a known variance, and
the slopes at which it lies within z standard deviations are a confidence interval (a rank test,
turned round; as for regression quantiles: Koenker, 2005). Few flows have few edges there: their
error is mixed with what exponential delays of the mean distance below the line would give.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from wiretell.stats.clouds import Clouds, IntArray
from wiretell.stats.line import Cloud, FloatArray

MOST_EDGES = 4096
"""More edges than these are thinned: neighbours in slope become one."""
Z_MOST = 1.4
"""Edges further out than so many standard deviations are short and steep and tell nothing."""
TRIMMED = 1.5
"""Standard deviation of a normal law over its root mean square within Z_MOST."""
FEW_CLOUDS = 1.5
"""How fast, as a power of the number of flows, the model of the delays gives way."""
MODEL_SHARE, MODEL_FACTOR, FEW_READINGS, LEAST_SHARE = 0.35, 2.0, 12.2, 0.1
"""Fitted to simulated flows of ten laws of delay: see tests/unit/stats/test_joint_rate.py."""


@dataclass(frozen=True)
class Edges:
    """Hull edges of the flows of one clock: all that the joint fit needs, and it adds up.

    `slope` (ticks per s, descending) and `weight` (readings times s) have a row per edge. The
    rest are sums over flows: of x and v below the first vertex, of the gradient's variance and
    of its square, of span**2 (s**2) and of independent readings times span**2.
    """

    slope: FloatArray
    weight: FloatArray
    n: int
    sum_x: float
    sum_v: float
    variance: float
    variance_squared: float
    span_squared: float
    n_span_squared: float
    known: Rate | None = None
    """The joint fit, where it is known already: many flows are fitted at once by `rates_each`."""

    @cached_property
    def rate(self) -> Rate:
        """The joint fit. Cost: O(edges), as they are sorted."""
        return self.known or _rate(self)


@dataclass(frozen=True)
class Rate:
    """Ticks per second, and the relative standard error."""

    hz: float
    error: float

    def skew_ppm(self, nominal_hz: float) -> tuple[float, float]:
        """Skew against a nominal rate, and its standard error, in ppm."""
        return (self.hz / nominal_hz - 1.0) * 1e6, self.error * self.hz / nominal_hz * 1e6


def edges_of(cloud: Cloud, known: Rate | None = None) -> Edges | None:
    """Edges of one flow's hull; None where it is a single point. `known` is their joint fit."""
    if len(cloud.hull_x) < 2:
        return None
    x, v, n = cloud.hull_x, cloud.hull_v, cloud.n
    dx = x[1:] - x[:-1]
    span = float(x[-1] - x[0])
    spread = cloud.sum_xx / n - (cloud.sum_x / n) ** 2 if cloud.sum_xx is not None else 0.0
    # Readings of one burst share their delay, so its place counts once: the ends count more.
    variance = (n * n) * max(spread, span**2 / 12.0)
    return Edges(
        slope=(v[1:] - v[:-1]) / dx,
        weight=n * dx,
        n=n,
        sum_x=cloud.sum_x - n * float(x[0]),
        sum_v=cloud.sum_v - n * float(v[0]),
        variance=variance,
        variance_squared=variance**2,
        span_squared=span**2,
        n_span_squared=(cloud.n_apart or n) * span**2,
        known=known,
    )


def edges_each(clouds: Clouds, rows: IntArray, known: Sequence[Rate]) -> list[Edges]:
    """`edges_of` of many flows at once, whose hulls have two points or more, and their fits."""
    first, last = clouds.starts[rows], clouds.starts[rows + 1] - 1
    n, sum_x = clouds.n[rows].astype(np.float64), clouds.sum_x[rows]
    span = clouds.hull_x[last] - clouds.hull_x[first]
    spread = clouds.sum_xx[rows] / n - (sum_x / n) ** 2
    variance = n * n * np.maximum(spread, span**2 / 12.0)
    n_apart = np.where(clouds.n_apart[rows] > 0, clouds.n_apart[rows], n)
    # An edge from the end of one hull to the begin of the next is nobody's.
    dx = np.diff(clouds.hull_x)
    slope = np.diff(clouds.hull_v) / np.where(dx == 0.0, 1.0, dx)
    weight = np.repeat(clouds.n, clouds.sizes)[:-1] * dx
    sums = zip(
        first.tolist(),
        last.tolist(),
        clouds.n[rows].tolist(),
        (sum_x - n * clouds.hull_x[first]).tolist(),
        (clouds.sum_v[rows] - n * clouds.hull_v[first]).tolist(),
        variance.tolist(),
        (variance**2).tolist(),
        (span**2).tolist(),
        (n_apart * span**2).tolist(),
        known,
        strict=True,
    )
    # Copies: a group keeps a few of its flows, which would keep the columns of all.
    return [
        Edges(slope[begin:end].copy(), weight[begin:end].copy(), *more)
        for begin, end, *more in sums
    ]


def combine(parts: Iterable[Edges]) -> Edges:
    """Edges of all flows of the parts together. Raises ValueError where there are no parts."""
    several = list(parts)
    if len(several) == 1:
        return several[0]
    if not several:
        raise ValueError("no edges to combine")
    slope = np.concatenate([p.slope for p in several])
    weight = np.concatenate([p.weight for p in several])
    order = np.argsort(-slope, kind="stable")
    slope, weight = slope[order], weight[order]
    if len(slope) > MOST_EDGES:
        slope, weight = _thinned(slope, weight)
    return Edges(
        slope=slope,
        weight=weight,
        n=sum(p.n for p in several),
        sum_x=math.fsum(p.sum_x for p in several),
        sum_v=math.fsum(p.sum_v for p in several),
        variance=math.fsum(p.variance for p in several),
        variance_squared=math.fsum(p.variance_squared for p in several),
        span_squared=math.fsum(p.span_squared for p in several),
        n_span_squared=math.fsum(p.n_span_squared for p in several),
    )


def _thinned(slope: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A quarter of MOST_EDGES edges of about equal weight, each the mean of neighbours."""
    total = np.cumsum(weight)
    bins = np.minimum((total / total[-1] * (MOST_EDGES // 4)).astype(np.int64), MOST_EDGES // 4 - 1)
    first = np.flatnonzero(np.diff(bins, prepend=-1))
    heavy = np.add.reduceat(weight, first)
    return np.add.reduceat(slope * weight, first) / heavy, heavy


def rates_each(clouds: Clouds) -> tuple[FloatArray, FloatArray]:
    """(ticks per s, relative error) of `edges_of(...).rate` for every flow on its own.

    Where a hull is a single point the rate is 0 and the error infinite.
    """
    hz, error = np.zeros(len(clouds.n)), np.full(len(clouds.n), math.inf)
    for rows, x, v in clouds.by_size(2):
        n, sum_x = clouds.n[rows].astype(np.float64), clouds.sum_x[rows]
        span = x[:, -1] - x[:, 0]
        spread = clouds.sum_xx[rows] / n - (sum_x / n) ** 2
        variance = n * n * np.maximum(spread, span**2 / 12.0)
        n_apart = np.where(clouds.n_apart[rows] > 0, clouds.n_apart[rows], n)
        dx = np.diff(x)
        sums = _Sums(
            n,
            sum_x - n * x[:, 0],
            clouds.sum_v[rows] - n * v[:, 0],
            variance,
            variance**2,
            span**2,
            n_apart * span**2,
        )
        hz[rows], error[rows] = _fit(np.diff(v) / dx, n[:, None] * dx, sums)
    return hz, error


@dataclass(frozen=True)
class _Sums:
    """The sums of `Edges` for several clocks: a row each."""

    n: FloatArray
    sum_x: FloatArray
    sum_v: FloatArray
    variance: FloatArray
    variance_squared: FloatArray
    span_squared: FloatArray
    n_span_squared: FloatArray


def _rate(of: Edges) -> Rate:
    """As `_fit`, of one clock: to set up arrays of clocks takes longer than to fit one."""
    slope, weight = of.slope, of.weight
    gradient = np.full(len(slope) + 1, float(of.sum_x))
    gradient[1:] -= np.cumsum(weight)
    past = gradient[1:] <= 0.0
    best = int(past.argmax())
    hz = float(slope[best if past[best] else -1])
    if hz <= 0.0:
        return Rate(hz, math.inf)
    off = np.abs(slope / hz - 1.0)
    trimmed, half = _spread(off[None, :], (gradient / math.sqrt(of.variance))[None, :])
    touching = float((weight * np.maximum(slope - hz, 0.0)).sum())
    model = _delayed(touching, of, hz)
    n_each = of.n_span_squared / of.span_squared
    # NumPy's power and Python's differ in the last digit: a clock's rate is one, however asked.
    power = np.power
    rest = max(float(half[0]), LEAST_SHARE * model)
    single = power(model, MODEL_SHARE) * power(rest, 1.0 - MODEL_SHARE)
    single *= MODEL_FACTOR * (1.0 + FEW_READINGS / n_each)
    share = power(of.variance * of.variance / of.variance_squared, -FEW_CLOUDS)
    many = max(TRIMMED * float(trimmed[0]), LEAST_SHARE * model)
    return Rate(hz, float(power(many, 1.0 - share) * power(single, share)))


def _delayed(touching: float, of: Edges, hz: float) -> float:
    """As `_modelled`, of one clock; `touching` is the sum of its edges' weights times slopes."""
    tick = 1.0 / hz
    gap = (touching + hz * of.sum_x - of.sum_v) / of.n / hz
    mean = max(gap - tick / 2.0, 0.2 * gap, 0.1 * tick)
    n = of.n_span_squared / of.span_squared
    least = (tick + mean) / n + math.sqrt(2.0 * tick * mean / n)
    return least / math.sqrt(of.span_squared)


def _fit(slope: FloatArray, weight: FloatArray, of: _Sums) -> tuple[FloatArray, FloatArray]:
    """Rates and relative errors of clocks with equally many edges: a row each."""
    # Above the steepest edge every line rests on its first vertex: the gradient is positive.
    # Each edge passed on the way down moves a vertex to the right and lowers it.
    gradient = np.repeat(of.sum_x[:, None], slope.shape[1] + 1, axis=1)
    gradient[:, 1:] -= np.cumsum(weight, axis=1)
    past = gradient[:, 1:] <= 0.0
    best = np.where(past.any(axis=1), past.argmax(axis=1), past.shape[1] - 1)
    hz = slope[np.arange(len(slope)), best]
    error = np.full(len(hz), math.inf)
    up = np.flatnonzero(hz > 0.0)
    of = _Sums(*(getattr(of, f.name)[up] for f in fields(_Sums)))
    off = np.abs(slope[up] / hz[up, None] - 1.0)
    trimmed, half = _spread(off, gradient[up] / np.sqrt(of.variance)[:, None])
    model = _modelled(slope[up], weight[up], of, hz[up])
    n_each = of.n_span_squared / of.span_squared
    single = model**MODEL_SHARE * np.maximum(half, LEAST_SHARE * model) ** (1.0 - MODEL_SHARE)
    single *= MODEL_FACTOR * (1.0 + FEW_READINGS / n_each)
    share = (of.variance**2 / of.variance_squared) ** -FEW_CLOUDS
    many = np.maximum(TRIMMED * trimmed, LEAST_SHARE * model)
    error[up] = many ** (1.0 - share) * single**share
    return hz, error


def _spread(off: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Root mean square within Z_MOST, and half-moment, of edges' distances `off` (relative)."""

    def mean(of: FloatArray, within: FloatArray) -> FloatArray:
        from scipy.special import ndtr  # noqa: PLC0415 - what only reads captures needs none of it

        chance = -np.diff(ndtr(within), axis=1)
        found: FloatArray = (chance * of).sum(axis=1) / np.maximum(chance.sum(axis=1), 1e-300)
        return found

    return np.sqrt(mean(off**2, np.clip(z, -Z_MOST, Z_MOST))), mean(np.sqrt(off), z) ** 2


def _modelled(slope: FloatArray, weight: FloatArray, of: _Sums, hz: FloatArray) -> FloatArray:
    """Relative error if delays were exponential: the least of n delays, over the span."""
    tick = 1.0 / hz
    steeper = np.maximum(slope - hz[:, None], 0.0)
    touching = (weight * steeper).sum(axis=1)
    gap = (touching + hz * of.sum_x - of.sum_v) / of.n / hz
    mean = np.maximum(np.maximum(gap - tick / 2.0, 0.2 * gap), 0.1 * tick)
    n = of.n_span_squared / of.span_squared
    # F(d) of delay plus quantisation is d**2 / (2 tick mean) first, then d / (tick + mean).
    least: FloatArray = (tick + mean) / n + np.sqrt(2.0 * tick * mean / n)
    return least / np.sqrt(of.span_squared)
