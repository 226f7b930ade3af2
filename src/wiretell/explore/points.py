"""The points of an address's plots, and those of them that one view draws.

A view has pixels for few of a large capture's points. The plot is cut into cells of a few pixels
and each cell keeps one point of each colour, so that no thin line vanishes among thick ones; a
closer view has smaller cells, and more of the points appear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.plots.clock import ClockLines

MOST_DRAWN = 6_000
"""Points of one plot in one view."""
_CELLS = ((900, 220), (450, 110), (225, 75), (110, 40))
"""Grids to try, finest first: across and up."""
NS_PER_MS = 1e6
_TCP = 6

PLOTS = {
    "ipid": "IP ID",
    "tsval": "TSval",
    "drift": "Clock offset (ms)",
    "sport": "Source port of SYNs",
    "isn": "Initial sequence number",
    "flows": "Flows",
}
"""Plot -> title, in the order of the page."""


@dataclass(frozen=True)
class Points:
    """All points of a plot by time: `row` in the side table, `x` in ms since 1970, `y`."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    row: NDArray[np.int64]

    def box(self, x: tuple[float, float], y: tuple[float, float]) -> NDArray[np.int64]:
        """Rows with a point in that box, each once."""
        near = self._span(x)
        inside = (self.y[near] >= y[0]) & (self.y[near] <= y[1])
        return np.unique(self.row[near][inside])

    def seen(
        self, x: tuple[float, float], shown: NDArray[np.bool_], colour: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], int]:
        """Places of the points to draw between the times `x`, and how many there are in all.

        `shown` and `colour` are by row of the side table.
        """
        near = self._span(x)
        row = self.row[near]
        place = np.flatnonzero(shown[row]) + near.start
        n_all = len(place)
        if n_all <= MOST_DRAWN:
            return place, n_all
        kind = colour[self.row[place]]
        kept = place
        for across, up in _CELLS:
            kept = place[self._one_a_cell(place, kind, x, across, up)]
            if len(kept) <= MOST_DRAWN:
                break
        return kept, n_all

    def _span(self, x: tuple[float, float]) -> slice:
        first, last = np.searchsorted(self.x, x[0], "left"), np.searchsorted(self.x, x[1], "right")
        return slice(int(first), int(last))

    def _one_a_cell(
        self,
        place: NDArray[np.int64],
        kind: NDArray[np.int64],
        x: tuple[float, float],
        across: int,
        up: int,
    ) -> NDArray[np.int64]:
        y = self.y[place]
        low, high = float(y.min()), float(y.max())
        column = _cell(self.x[place], x[0], x[1], across)
        n_kinds = int(kind.max()) + 1
        cell = (column * up + _cell(y, low, high, up)) * n_kinds + kind
        # The first of each cell, without sorting: the last that is written stays.
        first = np.full(across * up * n_kinds, -1, np.int32)
        first[cell[::-1]] = np.arange(len(cell) - 1, -1, -1, dtype=np.int32)
        kept: NDArray[np.int64] = np.sort(first[first >= 0]).astype(np.int64)
        return kept


def _cell(values: NDArray[np.float64], low: float, high: float, n_cells: int) -> NDArray[np.int64]:
    width = max(high - low, 1e-9)
    cells: NDArray[np.int64] = np.clip((values - low) / width * n_cells, 0, n_cells - 1).astype(
        np.int64
    )
    return cells


def points_of(
    samples: pl.DataFrame, sides: pl.DataFrame, clocks: ClockLines | None
) -> dict[str, Points]:
    """Plot -> its points; `sides` is the address's side table, `clocks` are of its rows.

    `samples` has time_ns, flow_id, side, ipid, tsval, of this address and any other.
    """
    return packet_points(samples, sides, clocks) | flow_points(sides)


def packet_points(
    samples: pl.DataFrame, sides: pl.DataFrame, clocks: ClockLines | None
) -> dict[str, Points]:
    """The plots that have a point for each packet; no clock offsets without clocks."""
    own = samples.join(sides.select("flow_id", "side", "row"), on=["flow_id", "side"])
    timed = own.filter(pl.col("tsval").is_not_null())
    row, time_ns, tsval = (timed[name].to_numpy() for name in ("row", "time_ns", "tsval"))
    offset = (
        clocks.offset_ms(row, time_ns, tsval) if clocks is not None else np.full(len(row), np.nan)
    )
    drifting = timed.with_columns(drift_ms=pl.Series(offset).fill_nan(None))
    return {
        "ipid": _points(own, "time_ns", "ipid"),
        "tsval": _points(timed, "time_ns", "tsval"),
        "drift": _points(drifting, "time_ns", "drift_ms"),
    }


def flow_points(sides: pl.DataFrame) -> dict[str, Points]:
    """The plots that have a point for each flow."""
    syns = sides.filter((pl.col("proto") == _TCP) & pl.col("opened") & (pl.col("n_syn") > 0))
    drawn = sides.with_columns(y=pl.Series(lanes(sides)))
    return {
        "sport": _points(syns, "first_ns", "src_port"),
        "isn": _points(syns, "first_ns", "isn"),
        "flows": _points(drawn, "first_ns", "y"),
    }


def lanes(sides: pl.DataFrame) -> NDArray[np.float64]:
    """Where each flow is drawn: in the lane of its machine, flows of a machine side by side."""
    lane = sides["device"].rank("dense").fill_null(0).to_numpy().astype(np.float64)
    place: NDArray[np.float64] = lane + (np.arange(sides.height) % 97) / 97 * 0.8
    return place


def _points(table: pl.DataFrame, time: str, value: str) -> Points:
    drawn = table.filter(pl.col(value).is_not_null()).sort(time, "flow_id", maintain_order=True)
    return Points(
        x=(drawn[time] / NS_PER_MS).to_numpy().astype(np.float64),
        y=drawn[value].cast(pl.Float64).to_numpy(),
        row=drawn["row"].to_numpy().astype(np.int64),
    )
