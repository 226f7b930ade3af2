"""Single readings of clocks, laid on the axes of their units: what hulls and sums do not keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.findings.clocks.units import Told, Unit
from wiretell.signal import Clock
from wiretell.stats.counter_lines import MODULUS
from wiretell.stats.line import FloatArray

IntArray = NDArray[np.int64]

APART_S = 0.1
"""Readings of a burst share their delay: the first of so long a time stands for it."""


@dataclass(frozen=True)
class Readings:
    """Readings of several units, in order of unit and time.

    `unit` is the place of the unit in the list given, `x` seconds since the earliest packet of
    all, `y` seconds that the clock is ahead of the observer at its nominal rate, counted from
    the unit's first reading; a late reading has a smaller `y`. `ticks` are what it counted since.
    `flow_id` is -1 where the reading is of no flow's timestamps.
    """

    unit: IntArray
    x: FloatArray
    y: FloatArray
    ticks: IntArray
    flow_id: IntArray
    side: IntArray

    def __len__(self) -> int:
        """Number of readings."""
        return len(self.x)

    def of(self, kept: NDArray[np.bool_] | IntArray) -> Readings:
        """Some of them."""
        return Readings(*(getattr(self, field.name)[kept] for field in fields(self)))


def readings_of(units: Sequence[Unit], samples: pl.DataFrame, origin_ns: int) -> Readings:
    """Readings of units with a known nominal rate. `samples` as SAMPLES, with TSvals."""
    known = [i for i, unit in enumerate(units) if unit.clock.nominal_hz and unit.clock.hz > 0.0]
    parts = [_sampled(units, known, samples, origin_ns)]
    parts += [_told(i, told, units[i].clock) for i in known if (told := units[i].told) is not None]
    if len(parts) == 1:
        return parts[0]
    columns = (np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Readings))
    joined = Readings(*columns)
    return joined.of(np.lexsort((joined.x, joined.unit)))


def _told(unit: int, told: Told, clock: Clock) -> Readings:
    n = len(told.x)
    ahead = told.ticks / clock.nominal_hz - (told.x - told.x[0])
    nothing = np.full(n, -1, dtype=np.int64)
    return Readings(
        np.full(n, unit, dtype=np.int64),
        told.x,
        ahead,
        told.ticks.astype(np.int64),
        nothing,
        nothing,
    )


def _sampled(
    units: Sequence[Unit], known: Sequence[int], samples: pl.DataFrame, origin_ns: int
) -> Readings:
    """Readings of TCP timestamps."""
    keys = pl.DataFrame(
        [(*key, i) for i in known for key in units[i].keys],
        schema={"flow_id": pl.UInt64, "side": pl.UInt8, "unit": pl.Int64},
        orient="row",
    )
    rows = (
        samples.filter(pl.col("tsval") > 0)
        .select("flow_id", "side", "time_ns", "tsval")
        .join(keys, on=["flow_id", "side"])
        .sort("unit", "time_ns", "flow_id", "side")
    )
    unit = rows["unit"].to_numpy()
    x = (rows["time_ns"] - origin_ns).to_numpy() / 1e9
    hz, nominal, first_s, v_first = (
        np.array([getattr(u.clock, name) for u in units], dtype=np.float64)[unit]
        if len(unit)
        else np.zeros(0)
        for name in ("hz", "nominal_hz", "first_s", "v_first")
    )
    since_s = x - first_s
    turns = np.rint(hz * since_s)
    off = (rows["tsval"].cast(pl.Float64).to_numpy() - v_first - turns) % MODULUS
    ticks = turns + np.where(off >= MODULUS / 2, off - MODULUS, off)
    return Readings(
        unit,
        x,
        ticks / nominal - since_s,
        ticks.astype(np.int64),
        rows["flow_id"].cast(pl.Int64).to_numpy(),
        rows["side"].cast(pl.Int64).to_numpy(),
    )


def apart(readings: Readings) -> Readings:
    """The first reading of each `APART_S` of each unit."""
    if not len(readings):
        return readings
    place = np.floor(readings.x / APART_S).astype(np.int64)
    new = np.diff(place, prepend=place[0] - 1) != 0
    new |= np.diff(readings.unit, prepend=-1) != 0
    return readings.of(new)
