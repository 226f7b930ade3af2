"""Which clock each flow side's timestamps are read off: its rate, and where its line lies.

A TSval says little by itself. Beside the line `ticks = rate * (time + base)` it is an offset:
how far the clock has moved against the observer's (Kohno, Broido and Claffy 2005). Flow sides of
one machine share a rate; those whose offsets meet share a line. Others start at 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.model.report import Report
from wiretell.plots.drift import clusters, medians
from wiretell.plots.sides import Sides
from wiretell.stats.nominal_rate import nominal_rates

FloatArray = NDArray[np.float64]

_TICKS = 2.0**32
_MOST_PPM = 20_000.0
_LEAST_SPAN_S = 1.0
"""A shorter flow does not tell the rate of its clock."""


@dataclass(frozen=True)
class ClockLines:
    """For each row of `Sides`: nominal rate (Hz, NaN: not known) and the seconds that its clock
    was ahead of `start_ns`, between 0 and one turn of its 32 bits."""

    start_ns: int
    nominal_hz: FloatArray
    base_s: FloatArray

    def unwrapped(
        self, row: NDArray[np.uint32], time_ns: NDArray[np.int64], tsval: NDArray[np.uint32]
    ) -> FloatArray:
        """Ticks on the line of each packet's clock, past 2**32 where it wrapped; NaN: unknown."""
        expected, ahead = self._ahead(row, time_ns, tsval)
        ticks: FloatArray = expected + ahead
        return ticks

    def offset_ms(
        self, row: NDArray[np.uint32], time_ns: NDArray[np.int64], tsval: NDArray[np.uint32]
    ) -> FloatArray:
        """Milliseconds that each packet's clock is ahead of its line; NaN: unknown."""
        _, ahead = self._ahead(row, time_ns, tsval)
        offset: FloatArray = 1e3 * ahead / self.nominal_hz[row]
        return offset

    def _ahead(
        self, row: NDArray[np.uint32], time_ns: NDArray[np.int64], tsval: NDArray[np.uint32]
    ) -> tuple[FloatArray, FloatArray]:
        since_s = (time_ns - self.start_ns) / 1e9
        expected = self.nominal_hz[row] * (since_s + self.base_s[row])
        ahead = (tsval - expected + _TICKS / 2) % _TICKS - _TICKS / 2
        return expected, ahead


def clock_lines(report: Report, sides: Sides) -> ClockLines:
    """The clock of every flow side: of its machine where one is judged, else its own flow's."""
    return lines_of(sides.table, _flow_rates(report.flows, sides.table.height), report.devices)


def lines_of(rows: pl.DataFrame, own_hz: FloatArray, devices: pl.DataFrame) -> ClockLines:
    """The clocks of any rows of flow sides: `device`, `ts_first`, `ts_first_ns`.

    `own_hz` is for each row what its flow alone says (`own_rates`), `devices` rows of DEVICES.
    """
    first_ns = rows["ts_first_ns"]
    start_ns = int(first_ns.min()) if first_ns.null_count() < len(first_ns) else 0  # type: ignore[arg-type]
    since_s = ((first_ns - start_ns) / 1e9).to_numpy()
    ticks = rows["ts_first"].cast(pl.Float64).to_numpy()
    hz, skew, machine = _rates(devices, rows.select("device"), own_hz)
    base_s = (ticks / hz - since_s) % (_TICKS / hz)
    for number in np.unique(machine[machine >= 0]):
        own = np.flatnonzero((machine == number) & np.isfinite(base_s))
        if len(own):
            around_s = _TICKS / hz[own[0]]
            level = (base_s[own] - skew[own] * since_s[own]) % around_s
            line = clusters(level, around_s)
            # The median on the circle: from the line's first member.
            _, first = np.unique(line, return_index=True)
            apart = (level - level[first][line] + around_s / 2) % around_s - around_s / 2
            base_s[own] = (medians(apart, line) + level[first])[line] % around_s
    return ClockLines(start_ns, hz, base_s)


def _rates(
    devices: pl.DataFrame, rows: pl.DataFrame, own_hz: FloatArray
) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """Nominal rate, skew and the number of the machine whose they are (-1: of none)."""
    known = devices.filter(
        (pl.col("clock_hz") > 0) & (pl.col("skew_ppm").abs() < _MOST_PPM)
    ).select(
        "device",
        skew=pl.col("skew_ppm") * 1e-6,
        hz=pl.col("clock_hz") / (1.0 + pl.col("skew_ppm") * 1e-6),
        machine=pl.int_range(pl.len()),
    )
    joined = rows.join(known, on="device", how="left", maintain_order="left")
    hz = joined["hz"].to_numpy().copy()
    alone = ~np.isfinite(hz)
    hz[alone] = own_hz[alone]
    machine = joined["machine"].fill_null(-1).to_numpy()
    return hz, joined["skew"].fill_null(0.0).to_numpy(), machine


def _flow_rates(flows: pl.DataFrame, n_rows: int) -> FloatArray:
    """`own_rates` of every flow side: row 2 * flow_id + side."""
    rates = np.full(n_rows, np.nan)
    for number, side in enumerate(("orig", "resp")):
        rows = 2 * flows["flow_id"].to_numpy().astype(np.int64) + number
        rates[rows] = own_rates(flows.select(pl.col(f"{side}_{name}").alias(name) for name in FIT))
    return rates


FIT = ("ts_n", "ts_sum_x", "ts_sum_v", "ts_sum_xx", "ts_sum_xv", "ts_first_ns", "ts_last_ns")
"""What a flow side's own rate is fitted from."""


def own_rates(fits: pl.DataFrame) -> FloatArray:
    """The nominal rate next to each flow side's own fit (columns `FIT`), in Hz.

    NaN where the flow is too short, or where its fit is no clock's.
    """
    n, x, v, xx, xv = (fits[name].cast(pl.Float64).to_numpy() for name in FIT[:5])
    span_s = (fits["ts_last_ns"] - fits["ts_first_ns"]).to_numpy() / 1e9
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (n * xv - x * v) / (n * xx - x * x)
    usable = np.isfinite(slope) & (slope > 0.5) & (slope < 2e6) & (span_s >= _LEAST_SPAN_S)
    rates = np.full(fits.height, np.nan)
    rates[usable] = nominal_rates(slope[usable])
    return rates
