"""How a clock's rate wanders: rates in windows of time, a smooth curve, and a drift model.

Crystals change with temperature by about 1 ppm in a few kelvin (Murdoch, "Hot or not", 2006), and
age. In each window the rate is fitted anew, with intercepts of its own for each unit (readings
with one offset), so windows are independent: whether they differ by more than their errors is a
chi-squared test, and by how much more the estimate of DerSimonian and Laird (1986). The drift
model is a random walk of the rate; its size is read off the steps between neighbouring windows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from wiretell.stats.joint_rate import combine, edges_of
from wiretell.stats.line import Cloud, FloatArray, upper_hull
from wiretell.stats.robust_slope import robust_slopes

IntArray = NDArray[np.int64]

MOST_WINDOWS = 24
FEWEST_WINDOWS = 3
WINDOW_READINGS, WINDOW_S = 40, 30.0
"""A window has about so many readings of their own delay, and is at least so long."""
PLACES = 64
"""Least delayed readings, one of each such part of the time, that the curve is drawn through."""
BACKFITS = 6
HOUR_S = 3600.0


@dataclass(frozen=True)
class Windows:
    """Rates in windows of equal length: middles in s, readings, rate and error in ppm."""

    time_s: FloatArray
    length_s: float
    n: IntArray
    ppm: FloatArray
    error_ppm: FloatArray

    def __len__(self) -> int:
        """Number of windows whose rate is known."""
        return len(self.ppm)


@dataclass(frozen=True)
class Wander:
    """`sd_ppm`: spread of the rate beyond its errors; `p_steady`: chance of that in a steady one.

    `drift_ppm_per_sqrt_h` is the random walk's step in one hour; None where it is not seen.
    """

    sd_ppm: float
    p_steady: float
    drift_ppm_per_sqrt_h: float | None


def rates_in_windows(
    x: FloatArray, y: FloatArray, unit: IntArray, *, hull_hz: float | None
) -> Windows | None:
    """Rates in windows; x in s, y in s ahead of the observer, in order of unit and time.

    With `hull_hz`, the clock's ticks per second, by the joint linear program, else by robust
    regression. None where there is too little for `FEWEST_WINDOWS`.
    """
    if len(x) < 2:
        return None
    start, span_s = float(x.min()), float(np.ptp(x))
    n_windows = min(MOST_WINDOWS, len(x) // WINDOW_READINGS, int(span_s / WINDOW_S))
    if n_windows < FEWEST_WINDOWS:
        return None
    length_s = span_s / n_windows
    window = np.minimum(((x - start) / length_s).astype(np.int64), n_windows - 1)
    part, piece = np.unique(unit * n_windows + window, return_inverse=True)
    piece = piece.astype(np.int64)
    if hull_hz is None:
        slope, error = robust_slopes(x, y, piece, part % n_windows)
    else:
        slope, error = _by_hull(x, y, piece, part % n_windows, hull_hz)
    slope, error = (np.append(a, np.full(n_windows - len(a), np.nan)) for a in (slope, error))
    known = np.isfinite(slope) & np.isfinite(error) & (error > 0.0)
    if known.sum() < FEWEST_WINDOWS:
        return None
    n = np.bincount(window, minlength=n_windows)
    middles = start + (np.arange(n_windows, dtype=np.float64) + 0.5) * length_s
    ppm = np.asarray(slope[known] * 1e6, dtype=np.float64)
    error_ppm = np.asarray(error[known] * 1e6, dtype=np.float64)
    return Windows(middles[known], length_s, n[known], ppm, error_ppm)


def _by_hull(
    x: FloatArray, y: FloatArray, piece: IntArray, window_of: IntArray, hz: float
) -> tuple[FloatArray, FloatArray]:
    """As `robust_slopes`, by the joint linear program of each window."""
    n_windows = int(window_of.max()) + 1
    slope, error = np.full(n_windows, np.nan), np.full(n_windows, np.inf)
    order = np.argsort(piece, kind="stable")
    ends = np.searchsorted(piece[order], np.arange(len(window_of) + 1))
    for window in range(n_windows):
        parts = [
            edges_of(cloud_of(x[rows], hz * (x[rows] + y[rows])))
            for i in np.flatnonzero(window_of == window)
            if len(rows := order[ends[i] : ends[i + 1]]) > 1
        ]
        told = [edges for edges in parts if edges is not None]
        if told:
            rate = combine(told).rate
            slope[window], error[window] = rate.hz / hz - 1.0, rate.error * rate.hz / hz
    return slope, error


def cloud_of(x: FloatArray, v: FloatArray) -> Cloud:
    """Readings of one offset, `v` in ticks, as hull and sums on axes that begin at the first."""
    x, v = x - x.min(), v - v[0]
    return Cloud(
        len(x), float(x.sum()), float(v.sum()), *upper_hull(x, v), float((x * x).sum()), len(x)
    )


def wander_of(windows: Windows) -> Wander:
    """The rate's wander beyond its errors."""
    weight = windows.error_ppm**-2.0
    mean = float(np.average(windows.ppm, weights=weight))
    squares = float((weight * (windows.ppm - mean) ** 2).sum())
    freedom = len(windows) - 1
    total = float(weight.sum())
    spread = (squares - freedom) / (total - float((weight**2).sum()) / total)
    p_steady = float(gammaincc(freedom / 2.0, squares / 2.0))
    near = np.diff(windows.time_s) < 1.5 * windows.length_s
    steps = np.diff(windows.ppm)[near]
    own = (windows.error_ppm[1:] ** 2 + windows.error_ppm[:-1] ** 2)[near]
    drift = None
    if len(steps) >= FEWEST_WINDOWS and p_steady < 0.01:
        # Means over neighbouring windows differ by two thirds of what the walk does meanwhile.
        beyond = float(np.mean(steps**2 - own))
        hours = windows.length_s / HOUR_S * 2.0 / 3.0
        drift = math.sqrt(beyond / hours) if beyond > 0.0 else None
    return Wander(math.sqrt(max(spread, 0.0)), p_steady, drift)


def widened(windows: Windows) -> Windows:
    """Errors so much larger that the windows agree as well as chance would have it (Birge)."""
    weight = windows.error_ppm**-2.0
    mean = float(np.average(windows.ppm, weights=weight))
    squares = float((weight * (windows.ppm - mean) ** 2).sum())
    factor = math.sqrt(max(squares / (len(windows) - 1), 1.0))
    return replace(windows, error_ppm=windows.error_ppm * factor)


def smooth_curve(x: FloatArray, residual: FloatArray, unit: IntArray, at: FloatArray) -> FloatArray:
    """Offset against a clock's line at the times `at`, in s, with mean 0: a smoothing spline.

    Through the least delayed reading of each part of the time; units are laid on one another by
    turns with the spline (backfitting), smoothness by generalised cross-validation. Zeros where
    there are fewer than five places.
    """
    zero = np.zeros(len(at))
    span = float(x.max() - x.min()) if len(x) else 0.0
    if span <= 0.0:
        return zero
    place = np.minimum(((x - x.min()) / span * PLACES).astype(np.int64), PLACES - 1)
    order = np.lexsort((-residual, place, unit))
    first = order[np.concatenate([[True], np.diff((unit * PLACES + place)[order]) != 0])]
    x, residual, unit, place = x[first], residual[first], unit[first], place[first]
    fitted = np.zeros(len(x))
    curve = zero
    for _ in range(BACKFITS):
        offset = _medians(residual - fitted, unit)[unit]
        where, which = np.unique(place, return_inverse=True)
        if len(where) < 5:
            return zero
        n = np.bincount(which)
        times = np.bincount(which, x) / n
        level = np.bincount(which, residual - offset) / n
        # Loaded where a spline is drawn: it would delay the start of every command.
        from scipy.interpolate import make_smoothing_spline  # noqa: PLC0415

        try:
            spline = make_smoothing_spline(times, level, w=n.astype(np.float64))
        except (ValueError, np.linalg.LinAlgError):
            return zero
        fitted, curve = spline(x), spline(at)
        if len(np.unique(unit)) == 1:
            break
    found: FloatArray = curve - curve.mean()
    return found


def _medians(values: FloatArray, group: IntArray) -> FloatArray:
    """Median of each group, by its number."""
    found = np.zeros(int(group.max()) + 1)
    order = np.lexsort((values, group))
    numbers, first, n = np.unique(group[order], return_index=True, return_counts=True)
    found[numbers] = values[order][first + n // 2]
    return found
