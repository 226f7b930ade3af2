"""All packets of a plot as arrays, in order of time: what every zoom step counts again.

Loaded once per plot from the points of a report. An array of 50 million packets fits into memory
where a table of them does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.expressions.column import Name
from wiretell.expressions.evaluate import expression
from wiretell.expressions.syntax import Node, Test, names_in, replaced
from wiretell.model.points import PointSource
from wiretell.plots.clock import ClockLines
from wiretell.plots.columns import PlotColumn, columns
from wiretell.plots.sides import Sides, is_of_sides

Axis = Literal["time", "packet"]

_FLAGS = {"fin": 0x01, "syn": 0x02, "rst": 0x04, "psh": 0x08, "ack": 0x10}
_MADE_OF = {
    "rtt_ms": ("rtt_ns",),
    "ip_id_no_ts": ("ipid", "tsval"),
    "tsval_unwrapped": ("time_ns", "tsval"),
    "clock_offset": ("time_ns", "tsval"),
    **dict.fromkeys(_FLAGS, ("flags",)),
}
_TCP = "tcp"


@dataclass(frozen=True)
class Cloud:
    """Points (x, y) in order of x: int64 (ns since 1970, or packet numbers) against a number.

    `side` is the row in `Sides` of who sent each, `layer` which highlight it belongs to (0 is the
    first). Points without a y are left out; `n_missing` counts them, `n_filtered` the packets
    that the filter refused.
    """

    x: NDArray[np.int64]
    y: NDArray[Any]
    side: NDArray[np.uint32]
    layer: NDArray[np.uint8]
    n_missing: int
    n_filtered: int

    @property
    def n_points(self) -> int:
        """How many points there are."""
        return len(self.x)


@dataclass(frozen=True)
class Layers:
    """Which layer each packet is of: the first test that holds, else that of its side.

    `of_side` has a layer for each row of `Sides`; `tests` are pairs of a test and its layer.
    """

    of_side: NDArray[np.uint8]
    tests: tuple[tuple[Node, int], ...] = ()


def load_clouds(
    points: PointSource,
    sides: Sides,
    quantities: Sequence[PlotColumn],
    layers: Layers,
    *,
    axis: Axis = "time",
    where: Node | None = None,
    clocks: ClockLines | None = None,
) -> list[Cloud]:
    """A cloud of each quantity, all read in one pass over the points.

    `where` keeps the packets for which it holds. `clocks` are needed for quantities of clocks.
    """
    tests = [_SplitTest(node, sides) for node, _ in layers.tests]
    wanted = None if where is None else _SplitTest(where, sides)
    needed = _columns_needed(quantities, [*tests, *([wanted] if wanted else [])], axis)
    gathered = [_Gathered() for _ in quantities]
    n_filtered = 0
    for batch in points.batches(needed):
        rows = batch.with_columns(row=(pl.col("flow_id") * 2 + pl.col("side")).cast(pl.UInt32))
        if wanted is not None:
            kept = rows.filter(wanted.holds(rows))
            n_filtered += rows.height - kept.height
            rows = kept
        row = rows["row"].to_numpy()
        layer = layers.of_side[row]
        for test, (_, number) in reversed(list(zip(tests, layers.tests, strict=True))):
            layer[test.holds(rows).to_numpy()] = number
        x = rows["time_ns" if axis == "time" else "packet"].to_numpy().astype(np.int64, copy=False)
        for quantity, kept_of in zip(quantities, gathered, strict=True):
            y, valid = _values(quantity, rows, row, sides, clocks)
            kept_of.add(x, y, row, layer, valid)
    return [each.cloud(n_filtered) for each in gathered]


class _SplitTest:
    """A test of packets; what it asks of sides alone is worked out before, once for each side."""

    def __init__(self, node: Node, sides: Sides) -> None:
        self._held: dict[str, NDArray[np.bool_]] = {}

        def swap(part: Node) -> Node | None:
            if not is_of_sides(part):
                return None
            name = f"?{len(self._held)}"
            self._held[name] = sides.holds(part)
            return Test(Name(name, "flag", ""), "is")

        self._node = replaced(node, swap)
        self.names = names_in(self._node) - self._held.keys()

    def holds(self, rows: pl.DataFrame) -> pl.Series:
        """For each packet whether it holds."""
        row = rows["row"].to_numpy()
        held = [pl.Series(name, answers[row]) for name, answers in self._held.items()]
        stands = {name: pl.col(name) for name in self._held}
        stands |= {name: _packet_column(columns()[name].source) for name in self.names}
        told = rows.with_columns(held) if held else rows
        return told.select(expression(self._node, stands).alias("is"))["is"]


def _packet_column(source: str) -> pl.Expr:
    if source in _FLAGS:
        return (pl.col("flags") & _FLAGS[source]) != 0
    if source == "rtt_ms":
        return pl.col("rtt_ns") / 1e6
    return pl.col(source)


def _columns_needed(
    quantities: Sequence[PlotColumn], tests: Sequence[_SplitTest], axis: Axis
) -> list[str]:
    """Columns of POINTS."""
    named = [columns()[name].source for test in tests for name in test.names]
    named += [each.source for each in quantities if each.of != "side"]
    wanted = ["time_ns" if axis == "time" else "packet", "flow_id", "side"]
    for source in named:
        wanted += _MADE_OF.get(source, (source,))
    return list(dict.fromkeys(wanted))


def _values(
    quantity: PlotColumn,
    rows: pl.DataFrame,
    row: NDArray[np.uint32],
    sides: Sides,
    clocks: ClockLines | None,
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """The quantity of each packet, and which have one (None: all)."""
    if quantity.of == "side":
        number = sides.values(quantity.source).cast(pl.Float64).to_numpy()[row]
        return number, np.isfinite(number)
    if quantity.source in {"tsval_unwrapped", "clock_offset"}:
        if clocks is None:
            raise ValueError(f"{quantity.name.name} needs clocks")
        values = np.full(rows.height, np.nan)
        has = rows["tsval"].is_not_null().to_numpy()
        ticks = rows["tsval"].drop_nulls().to_numpy()
        read = clocks.unwrapped if quantity.source == "tsval_unwrapped" else clocks.offset_ms
        values[has] = read(row[has], rows["time_ns"].to_numpy()[has], ticks)
        return values, np.isfinite(values)
    if quantity.source == "ip_id_no_ts":
        is_tcp = (sides.values("proto_word") == _TCP).fill_null(value=False).to_numpy()[row]
        valid = is_tcp & (rows["ipid"].is_not_null() & rows["tsval"].is_null()).to_numpy()
        return rows["ipid"].fill_null(0).to_numpy(), valid
    column = rows.select(_packet_column(quantity.source).alias("y"))["y"]
    if column.null_count() == 0:
        return column.to_numpy(), None
    return column.fill_null(0).to_numpy(), column.is_not_null().to_numpy()


class _Gathered:
    """Arrays of one cloud, batch by batch."""

    def __init__(self) -> None:
        self._parts: list[tuple[NDArray[Any], ...]] = []
        self._n_missing = 0

    def add(
        self,
        x: NDArray[np.int64],
        y: NDArray[Any],
        row: NDArray[np.uint32],
        layer: NDArray[np.uint8],
        valid: NDArray[np.bool_] | None,
    ) -> None:
        if valid is None or valid.all():
            self._parts.append((x, y, row, layer))
            return
        self._n_missing += int(len(valid) - valid.sum())
        self._parts.append((x[valid], y[valid], row[valid], layer[valid]))

    def cloud(self, n_filtered: int) -> Cloud:
        """All points in order of x."""
        if not self._parts:
            empty = np.empty(0, np.int64)
            small = np.empty(0, np.uint8)
            return Cloud(empty, empty, small.astype(np.uint32), small, 0, n_filtered)
        x, y, side, layer = (np.concatenate(parts) for parts in zip(*self._parts, strict=True))
        self._parts = []
        if len(x) and bool((x[1:] < x[:-1]).any()):
            order = np.argsort(x, kind="stable")
            x, y, side, layer = x[order], y[order], side[order], layer[order]
        return Cloud(x, y, side, layer, self._n_missing, n_filtered)
