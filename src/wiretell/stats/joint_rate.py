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
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr

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

    @cached_property
    def rate(self) -> Rate:
        """The joint fit. Cost: O(edges), as they are sorted."""
        return _fit(self)


@dataclass(frozen=True)
class Rate:
    """Ticks per second, and the relative standard error."""

    hz: float
    error: float

    def skew_ppm(self, nominal_hz: float) -> tuple[float, float]:
        """Skew against a nominal rate, and its standard error, in ppm."""
        return (self.hz / nominal_hz - 1.0) * 1e6, self.error * self.hz / nominal_hz * 1e6


def edges_of(cloud: Cloud) -> Edges | None:
    """Edges of one flow's hull; None where it is a single point."""
    if len(cloud.hull_x) < 2:
        return None
    x, v, n = cloud.hull_x, cloud.hull_v, cloud.n
    dx = np.diff(x)
    span = float(x[-1] - x[0])
    mean = cloud.sum_x / n
    # Readings of one burst share their delay, so its place counts once: the ends count more.
    spread = cloud.sum_xx / n - mean**2 if cloud.sum_xx is not None else 0.0
    variance = (n * n) * max(spread, span**2 / 12.0)
    return Edges(
        slope=np.diff(v) / dx,
        weight=n * dx,
        n=n,
        sum_x=cloud.sum_x - n * float(x[0]),
        sum_v=cloud.sum_v - n * float(v[0]),
        variance=variance,
        variance_squared=variance**2,
        span_squared=span**2,
        n_span_squared=(cloud.n_apart or n) * span**2,
    )


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


def _fit(edges: Edges) -> Rate:
    # Above the steepest edge every line rests on its first vertex: the gradient is positive.
    # Each edge passed on the way down moves a vertex to the right and lowers it.
    gradient = edges.sum_x - np.concatenate([[0.0], np.cumsum(edges.weight)])
    past = gradient[1:] <= 0.0
    best = int(np.argmax(past)) if past.any() else len(past) - 1
    hz = float(edges.slope[best])
    if hz <= 0.0:
        return Rate(hz, math.inf)
    n_clouds = edges.variance**2 / edges.variance_squared
    trimmed, half = _spread(edges, gradient / math.sqrt(edges.variance), hz)
    model = _modelled(edges, hz)
    n_each = edges.n_span_squared / edges.span_squared
    single = model**MODEL_SHARE * max(half, LEAST_SHARE * model) ** (1.0 - MODEL_SHARE)
    single *= MODEL_FACTOR * (1.0 + FEW_READINGS / n_each)
    share = n_clouds**-FEW_CLOUDS
    many = max(TRIMMED * trimmed, LEAST_SHARE * model)
    return Rate(hz, float(many ** (1.0 - share) * single**share))


def _spread(edges: Edges, z: FloatArray, hz: float) -> tuple[float, float]:
    """Root mean square within Z_MOST, and half-moment, of the slopes about `hz`, relative."""
    off = np.abs(edges.slope / hz - 1.0)
    inside = np.clip(z, -Z_MOST, Z_MOST)
    chance = ndtr(inside[:-1]) - ndtr(inside[1:])
    trimmed = math.sqrt(float((chance * off**2).sum() / max(float(chance.sum()), 1e-300)))
    chance = ndtr(z[:-1]) - ndtr(z[1:])
    half = float((chance * np.sqrt(off)).sum() / max(float(chance.sum()), 1e-300)) ** 2
    return trimmed, half


def _modelled(edges: Edges, hz: float) -> float:
    """Relative error if delays were exponential: the least of n delays, over the span."""
    tick = 1.0 / hz
    above = edges.slope > hz
    touching = float((edges.weight[above] * (edges.slope[above] - hz)).sum())
    gap = (touching + hz * edges.sum_x - edges.sum_v) / edges.n / hz
    mean = max(gap - tick / 2.0, 0.2 * gap, 0.1 * tick)
    n = edges.n_span_squared / edges.span_squared
    # F(d) of delay plus quantisation is d**2 / (2 tick mean) first, then d / (tick + mean).
    least = (tick + mean) / n + math.sqrt(2.0 * tick * mean / n)
    return least / math.sqrt(edges.span_squared)
