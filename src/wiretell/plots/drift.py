"""How far each machine's timestamp clock has drifted from the observer's.

Drift is what the TSvals of a line show beyond the clock's nominal rate: milliseconds against
time, so that the slope is the skew (1 ms in 1000 s is 1 ppm). Kohno, Broido and Claffy, "Remote
physical device fingerprinting" (2005), draw clocks so. A machine has several lines where its
stack draws offsets; where a line starts says nothing of the rate, so each is laid on the
machine's slope by the median of its points. A line that leaves that slope is another clock.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

LEAST_LINE_S = 10.0
"""Shorter lines say nothing of a rate and are left out."""
LEAST_POINTS = 3
APART_S = 1.0
"""Between two offsets of one machine's clock; delays of packets are less."""
_TICKS = 2.0**32
_MOST_PPM = 20_000.0
"""A rate further from its nominal one is no quartz, and would flatten all other machines."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Slope:
    """The fitted drift of one machine from its first to its last point."""

    device: str
    skew_ppm: float
    start_ms: float
    end_ms: float
    start_drift_ms: float
    end_drift_ms: float


def drift(samples: pl.DataFrame, devices: pl.DataFrame) -> tuple[pl.DataFrame, tuple[Slope, ...]]:
    """`samples` of machines with a known skew, with `drift_ms`; and the slope of each machine.

    `samples` has device, time_ns, tsval, flow_id and side; `devices` has device, clock_hz,
    skew_ppm. Drift counts from the first sample with a TSval.
    """
    empty = samples.clear().with_columns(drift_ms=pl.lit(None, pl.Float64))
    usable = samples.filter(pl.col("tsval").is_not_null() & pl.col("device").is_not_null())
    if usable.is_empty():
        return empty, ()
    start_ns = int(usable["time_ns"].min())  # type: ignore[arg-type]
    drawn: list[pl.DataFrame] = []
    slopes: list[Slope] = []
    known = devices.filter(
        pl.col("clock_hz").is_finite()
        & (pl.col("clock_hz") > 0)
        & pl.col("skew_ppm").is_finite()
        & (pl.col("skew_ppm").abs() < _MOST_PPM)
    )
    for device, hz, ppm in known.select("device", "clock_hz", "skew_ppm").iter_rows():
        own = usable.filter(pl.col("device") == device)
        skew = ppm * 1e-6
        line, beyond_s = _lines(own, start_ns, hz / (1.0 + skew), skew)
        since_s = (own["time_ns"] - start_ns).to_numpy() / 1e9
        shown = own.with_columns(drift_ms=1e3 * (beyond_s + skew * since_s)).filter(line >= 0)
        if shown.is_empty():
            continue
        drawn.append(shown)
        first_s, last_s = since_s[line >= 0].min(), since_s[line >= 0].max()
        slopes.append(
            Slope(
                device,
                ppm,
                start_ms=start_ns / 1e6 + 1e3 * first_s,
                end_ms=start_ns / 1e6 + 1e3 * last_s,
                start_drift_ms=1e3 * skew * first_s,
                end_drift_ms=1e3 * skew * last_s,
            )
        )
    return (pl.concat(drawn), tuple(slopes)) if drawn else (empty, ())


def _lines(
    own: pl.DataFrame, start_ns: int, nominal_hz: float, skew: float
) -> tuple[NDArray[np.int64], FloatArray]:
    """For each sample of a machine the number of its line (-1: too short a one), and its seconds
    ahead of that line.

    Samples are of one line where, drift taken off, their flows are at the same offset.
    """
    since_s = (own["time_ns"] - start_ns).to_numpy() / 1e9
    around_s = _TICKS / nominal_hz
    offset_s = (own["tsval"].to_numpy() / nominal_hz - (1.0 + skew) * since_s) % around_s
    flow = own.select(pl.struct("flow_id", "side").rank("dense"))[:, 0].to_numpy() - 1
    # Flow by flow, as the median of a flow is steadier than a packet; from the flow's first
    # sample, as offsets lie on a circle.
    _, first = np.unique(flow, return_index=True)
    from_first = around(offset_s - offset_s[first][flow], around_s)
    middle = medians(from_first, flow) + offset_s[first]
    line = clusters(middle % around_s, around_s)[flow]
    _, first = np.unique(line, return_index=True)
    ahead_s = around(offset_s - offset_s[first][line], around_s)
    ahead_s -= medians(ahead_s, line)[line]
    span = (
        pl.DataFrame({"line": line, "since_s": since_s})
        .group_by("line")
        .agg(
            pl.len().alias("n"),
            (pl.col("since_s").max() - pl.col("since_s").min()).alias("length_s"),
        )
        .sort("line")
    )
    long = ((span["length_s"] >= LEAST_LINE_S) & (span["n"] >= LEAST_POINTS)).to_numpy()
    return np.where(long[line], line, -1), ahead_s


def around(value_s: FloatArray, around_s: float) -> FloatArray:
    """The same place on the circle, within half of it from 0."""
    moved: FloatArray = (value_s + around_s / 2) % around_s - around_s / 2
    return moved


def medians(values: FloatArray, group: NDArray[np.int64]) -> FloatArray:
    """The median of each group; groups are numbered from 0 without gaps."""
    frame = pl.DataFrame({"group": group, "value": values})
    return frame.group_by("group").agg(pl.col("value").median()).sort("group")["value"].to_numpy()


def clusters(offsets_s: FloatArray, around_s: float) -> NDArray[np.int64]:
    """Numbers, from 0, of groups of offsets on a circle with `APART_S` between groups."""
    order = np.argsort(offsets_s, kind="stable")
    ahead = np.diff(offsets_s[order]) > APART_S
    number = np.empty(len(order), np.int64)
    number[order] = np.concatenate([[0], np.cumsum(ahead)])
    n = int(number.max()) + 1
    closes = offsets_s[order[0]] + around_s - offsets_s[order[-1]] <= APART_S
    return number % (n - 1) if closes and n > 1 else number
