"""Straight lines under one-sided noise.

A packet can be late but never early, so a remote clock read through a network lies on or below
the line of its delay-free readings. The best line from above is the linear program of Moon,
Skelly and Towsley (INFOCOM 1999), used for machines by Kohno, Broido and claffy (2005):
minimise sum(a*x_i + b - v_i) with a*x_i + b >= v_i for all i. Its solution is an edge of the
upper convex hull: the one that spans mean(x). So the hull, n and sum(x) are all that is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Cloud:
    """Readings (x, v) of one clock with its own intercept: upper hull and sums.

    `hull_x` ascends strictly; the sums run over all `n` readings. `n_apart` of them are
    independent (packets of one burst share their delay); 0 stands for all.
    """

    n: int
    sum_x: float
    sum_v: float
    hull_x: FloatArray
    hull_v: FloatArray
    sum_xx: float | None = None
    n_apart: int = 0


@dataclass(frozen=True)
class Line:
    """v = slope * x + intercept; `gap` is the readings' mean distance below it (in v)."""

    slope: float
    intercept: float
    gap: float


def upper_hull(x: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Upper convex hull of points in any order, x ascending (Andrew's monotone chain)."""
    order = np.lexsort((-v, x))
    points = zip(x[order].tolist(), v[order].tolist(), strict=True)
    first = next(points, None)
    if first is None:
        return np.empty(0), np.empty(0)
    # The last point of the hull is (bx, bv), those before it are in `hull`.
    hull: list[tuple[float, float]] = []
    bx, bv = first
    for px, pv in points:
        if px == bx:
            continue
        while hull:
            ax, av = hull[-1]
            if (bv - av) * (px - ax) > (pv - av) * (bx - ax):
                break
            bx, bv = hull.pop()
        hull.append((bx, bv))
        bx, bv = px, pv
    hull.append((bx, bv))
    hull_x, hull_v = np.array(hull, dtype=np.float64).T.copy()
    return hull_x, hull_v


def bound_from_above(cloud: Cloud) -> Line | None:
    """Exact solution of the linear program; None where the hull is a single point."""
    if len(cloud.hull_x) < 2:
        return None
    mean_x, mean_v = cloud.sum_x / cloud.n, cloud.sum_v / cloud.n
    edge = int(np.clip(np.searchsorted(cloud.hull_x, mean_x) - 1, 0, len(cloud.hull_x) - 2))
    dx = cloud.hull_x[edge + 1] - cloud.hull_x[edge]
    slope = float((cloud.hull_v[edge + 1] - cloud.hull_v[edge]) / dx)
    intercept = float(cloud.hull_v[edge] - slope * cloud.hull_x[edge])
    return Line(slope, intercept, slope * mean_x + intercept - mean_v)


def slope_errors(slope: FloatArray, gap: FloatArray, n: FloatArray, span: FloatArray) -> FloatArray:
    """Standard errors of slopes of `bound_from_above`, as fractions of the slopes.

    `n` counts independent readings: packets of one burst share their delay. `span` is in the
    unit of x, `gap` in ticks: one tick is 1 / slope.

    An empirical rule for exponential delays plus quantisation: about 1.3 (tick + gap) /
    (span * sqrt(n)), with gap the mean distance below the line. Two readings always touch the
    line, so few of them show too small a gap: (n / (n - 2))**2 keeps errors beyond four of these
    at about one in a hundred from three readings on. Infinite for two: they show no gap at all.
    """
    errors = np.full(len(slope), np.inf)
    told = np.flatnonzero((span > 0.0) & (slope > 0.0) & (n >= 3))
    slope, gap, n, span = slope[told], gap[told], n[told], span[told]
    few = (n / (n - 2)) ** 2
    errors[told] = 1.3 * few * (1.0 + np.maximum(gap, 0.0)) / (slope * span * np.sqrt(n))
    return errors
