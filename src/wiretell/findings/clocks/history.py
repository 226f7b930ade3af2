"""What single readings add to a clock's rate: steps, wander, a curve, and points to draw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wiretell.findings.clocks.readings import IntArray, Readings, apart
from wiretell.stats.clock_steps import find_steps
from wiretell.stats.joint_rate import Rate, combine, edges_of
from wiretell.stats.line import FloatArray
from wiretell.stats.robust_slope import robust_slopes
from wiretell.stats.wander import (
    Wander,
    Windows,
    cloud_of,
    rates_in_windows,
    smooth_curve,
    wander_of,
    widened,
)

STEADY = 1e-3
"""A wander less likely than this in a steady clock is one."""
MOST_POINTS = 2_000
"""Points kept of one clock to be drawn."""
UNDONE = 0.3
"""A step back that is taken back but for this share was no step."""
NEAR = 60
"""Readings on either side that say how large a step is."""
Skew = tuple[float, float]


@dataclass(frozen=True)
class Steps:
    """Times in s (since the earliest packet) and sizes in s of steps, and the slopes without."""

    at_s: tuple[float, ...] = ()
    size_s: tuple[float, ...] = ()
    hull: Skew | None = None
    robust: Skew | None = None
    unit: IntArray | None = None
    """Units of the readings with those cut where the clock was stepped; None: as they were."""


@dataclass(frozen=True)
class History:
    """`offset_s`: each reading ahead of the observer, lines laid together; `is_hull` as POINTS."""

    windows: Windows | None
    wander: Wander | None
    curve_s: FloatArray
    wander_s: float
    offset_s: FloatArray
    is_hull: np.ndarray[tuple[int], np.dtype[np.bool_]]


def steps_of(readings: Readings, slope: float, nominal_hz: float) -> Steps:
    """Steps within units, and the slopes that hold on both sides of them.

    `slope` is the rate off nominal that the residuals are taken against, as a fraction.
    """
    residual = readings.y - slope * readings.x
    at: list[tuple[float, float, int]] = []
    starts = np.flatnonzero(np.diff(readings.unit, prepend=-1) != 0)
    for start, end in zip(starts, [*starts[1:], len(readings)], strict=True):
        own = slice(int(start), int(end))
        found = find_steps(readings.x[own], residual[own], 1.0 / nominal_hz)
        for step in found:
            index = int(start) + step.index
            at.append((float(readings.x[index]), step.size_s, index))
    at = _lasting(sorted(at), 1.0 / nominal_hz)
    if not at:
        return Steps()
    cut = np.zeros(len(readings), dtype=np.int64)
    cut[[index for _, _, index in at]] = 1
    new = (np.diff(readings.unit, prepend=-1) != 0) | (cut > 0)
    unit = np.cumsum(new) - 1
    pieces = replace(readings, unit=unit)
    thin = apart(pieces)
    one = np.zeros(int(unit.max()) + 1, dtype=np.int64)
    robust, error = robust_slopes(thin.x, thin.y, thin.unit, one)
    hull = _joint(pieces, nominal_hz)
    if math.isfinite(error[0]):
        # A step bends the slope that it was found against.
        residual = readings.y - float(robust[0]) * readings.x
        at = [(when, _size_s(residual, unit, index), index) for when, _, index in at]
    return Steps(
        tuple(when for when, _, _ in at),
        tuple(size for _, size, _ in at),
        hull.skew_ppm(nominal_hz) if hull else None,
        (float(robust[0]) * 1e6, float(error[0]) * 1e6) if math.isfinite(error[0]) else None,
        unit,
    )


def _lasting(
    steps: Sequence[tuple[float, float, int]], tick_s: float
) -> list[tuple[float, float, int]]:
    """Steps without pairs back and forward again by as much: packets were late for a while."""
    kept: list[tuple[float, float, int]] = []
    for step in steps:
        if kept and kept[-1][1] < 0.0 < step[1]:
            rest = abs(kept[-1][1] + step[1])
            if rest <= max(UNDONE * step[1], 4.0 * tick_s):
                kept.pop()
                continue
        kept.append(step)
    return kept


def _size_s(residual: FloatArray, unit: IntArray, index: int) -> float:
    """How far the level rises from the piece before the reading `index` to the one it begins."""
    low, high = slice(max(index - NEAR, 0), index), slice(index, index + NEAR)
    before = residual[low][unit[low] == unit[index - 1]]
    after = residual[high][unit[high] == unit[index]]
    return float(np.median(after) - np.median(before))


def _joint(readings: Readings, nominal_hz: float) -> Rate | None:
    """The joint linear program over single readings."""
    ends = np.searchsorted(readings.unit, np.arange(int(readings.unit.max()) + 2))
    parts = [
        edges_of(cloud_of(x, nominal_hz * (x + readings.y[first:last])))
        for first, last in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
        if len(x := readings.x[first:last]) > 1
    ]
    told = [edges for edges in parts if edges is not None]
    return combine(told).rate if told else None


def history_of(readings: Readings, slope: float, nominal_hz: float) -> History:
    """Wander, curve and points of one clock; `slope` is its rate off nominal, as a fraction."""
    thin = apart(readings)
    tried = [rates_in_windows(thin.x, thin.y, thin.unit, hull_hz=hz) for hz in (None, nominal_hz)]
    known = [each for each in tried if each is not None]
    windows = min(known, key=lambda each: float(np.median(each.error_ppm)), default=None)
    residual = thin.y - slope * thin.x
    curve = np.zeros(0)
    wander: Wander | None = None
    if windows is not None:
        wander = wander_of(windows)
        curve = smooth_curve(thin.x, residual, thin.unit, windows.time_s)
        if wander.p_steady < STEADY and np.ptp(curve) < 1.0 / nominal_hz:
            # Within a tick nothing is seen to move: the errors were too small.
            windows = widened(windows)
            wander = wander_of(windows)
    all_residual = readings.y - slope * readings.x
    top = _tops(all_residual, readings.unit)
    ahead = all_residual - top[readings.unit]
    start = float(readings.x.min()) if len(readings) else 0.0
    return History(
        windows,
        wander,
        curve,
        float(np.ptp(curve)) if len(curve) else 0.0,
        ahead + slope * (readings.x - start),
        _on_hull(readings),
    )


def _tops(values: FloatArray, unit: IntArray) -> FloatArray:
    """Greatest value of each unit, by number: the readings that were not late."""
    tops = np.full(int(unit.max()) + 1 if len(unit) else 0, -np.inf)
    np.maximum.at(tops, unit, values)
    return tops


def _on_hull(readings: Readings) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which readings are vertices of their unit's upper hull."""
    marks = np.zeros(len(readings), dtype=bool)
    starts = np.flatnonzero(np.diff(readings.unit, prepend=-1) != 0)
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(readings)], strict=True):
        stack: list[int] = []
        for i in range(start, end):
            while len(stack) >= 2 and _below(readings, stack[-2], stack[-1], i):
                stack.pop()
            stack.append(i)
        marks[stack] = len(stack) > 1
    return marks


def _below(readings: Readings, a: int, b: int, c: int) -> bool:
    """Is reading b on or below the line from a to c?"""
    x, y = readings.x, readings.y
    return bool((y[b] - y[a]) * (x[c] - x[a]) <= (y[c] - y[a]) * (x[b] - x[a]))


def shown(n: int) -> IntArray:
    """Places of at most `MOST_POINTS` of n readings, evenly, the first and the last among them."""
    if n <= MOST_POINTS:
        return np.arange(n)
    return np.unique(np.linspace(0, n - 1, MOST_POINTS).astype(np.int64))


def wander_words(history: History) -> str:
    """The wander in one phrase."""
    windows, wander = history.windows, history.wander
    if windows is None or wander is None:
        return "not known: too few readings for windows of time"
    reach = float(np.median(windows.error_ppm))
    length = _length(windows.length_s)
    if wander.p_steady >= STEADY:
        return f"none seen: {len(windows)} windows of {length} agree within ±{reach:.2f} ppm each"
    said = f"±{wander.sd_ppm:.2f} ppm between {len(windows)} windows of {length}"
    return f"{said}, {1e3 * history.wander_s:.1f} ms peak to peak"


def _length(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 180.0 else f"{seconds / 60.0:.0f} min"


def curve_rows(clock: str, history: History, origin_ns: int) -> list[Mapping[str, object]]:
    """Rows of CURVES."""
    windows = history.windows
    if windows is None:
        return []
    return [
        {
            "clock": clock,
            "time_ns": origin_ns + round(time_s * 1e9),
            "window_s": windows.length_s,
            "n_readings": n,
            "rate_ppm": ppm,
            "rate_se_ppm": error,
            "wander_ms": 1e3 * offset,
        }
        for time_s, n, ppm, error, offset in zip(
            windows.time_s.tolist(),
            windows.n.tolist(),
            windows.ppm.tolist(),
            windows.error_ppm.tolist(),
            history.curve_s.tolist(),
            strict=True,
        )
    ]
