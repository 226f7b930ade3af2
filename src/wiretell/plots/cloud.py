"""All packets of a plot as arrays, in order of time: what every zoom step counts again.

Loaded once per plot from the points of a report. An array of 50 million packets fits into memory
where a table of them does not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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

HIDDEN = 255
"""The layer of points that are not drawn."""
_THREADS = 2
"""Batches worked on at once, beside the one that is read."""
_SPARSE = 0.5
"""A quantity that fewer packets have keeps arrays of its own, of these packets alone."""

_FLAGS = {"fin": 0x01, "syn": 0x02, "rst": 0x04, "psh": 0x08, "ack": 0x10}
_MADE_OF = {
    "rtt_ms": ("rtt_ns",),
    "ip_id_no_ts": ("ipid", "tsval"),
    "tsval_unwrapped": ("time_ns", "tsval"),
    "clock_offset": ("time_ns", "tsval"),
    **dict.fromkeys(_FLAGS, ("flags",)),
}
_TCP = "tcp"
_DTYPES: Mapping[str, type[np.generic]] = {
    **dict.fromkeys(("ipid", "ip_id_no_ts", "sport", "dport", "ttl"), np.uint16),
    **dict.fromkeys(("tsval", "isn", "wire_len", "payload_len", "window_bytes"), np.uint32),
    **dict.fromkeys(("rtt_ms", "clock_offset"), np.float32),
}


@dataclass(frozen=True)
class Cloud:
    """Points (x, y) in order of x: int64 (ns since 1970, or packet numbers) against a number.

    `side` is the row in `Sides` of who sent each, `layer` which highlight it belongs to (0 is the
    first); points of the layer `HIDDEN` have no y and are not drawn. Clouds of one pass may share
    arrays: change none. `n_missing` counts packets without a y, `n_filtered` those that the
    filter refused. Cells of a coarser cloud stand for `weight` points each (None: one).
    """

    x: NDArray[np.int64]
    y: NDArray[Any]
    side: NDArray[np.uint32]
    layer: NDArray[np.uint8]
    n_missing: int = 0
    n_filtered: int = 0
    weight: NDArray[np.uint32] | None = None

    @property
    def n_points(self) -> int:
        """How many points are drawn."""
        n_hidden = int(np.count_nonzero(self.layer == HIDDEN)) if self.n_missing else 0
        return len(self.x) - n_hidden


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
    reader = _Reader(sides, quantities, layers, axis, where, clocks)
    gathered = _Gathered(points.n_rows, quantities)
    n_filtered = 0
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting: deque[Future[_Batch]] = deque()
        for rows in points.batches(reader.needed):
            waiting.append(pool.submit(reader.read, rows))
            if len(waiting) > _THREADS:
                n_filtered += gathered.add(waiting.popleft().result())
        while waiting:
            n_filtered += gathered.add(waiting.popleft().result())
    return gathered.clouds(n_filtered)


@dataclass(frozen=True)
class _Batch:
    """What a batch of packets comes to; `ys` has values and which there are (None: all)."""

    x: NDArray[Any]
    side: NDArray[np.uint32]
    layer: NDArray[np.uint8]
    ys: tuple[tuple[NDArray[Any], NDArray[np.bool_] | None], ...]
    n_filtered: int


class _Reader:
    """Makes arrays of batches of packets; batches do not know of one another."""

    def __init__(
        self,
        sides: Sides,
        quantities: Sequence[PlotColumn],
        layers: Layers,
        axis: Axis,
        where: Node | None,
        clocks: ClockLines | None,
    ) -> None:
        self._sides, self._quantities, self._clocks = sides, quantities, clocks
        self._of_side = layers.of_side
        self._tests = [(_SplitTest(node, sides), number) for node, number in layers.tests]
        self._wanted = None if where is None else _SplitTest(where, sides)
        self._x = "time_ns" if axis == "time" else "packet"
        asked = [test for test, _ in self._tests] + ([self._wanted] if self._wanted else [])
        self.needed = _columns_needed(quantities, asked, axis)

    def read(self, batch: pl.DataFrame) -> _Batch:
        """The arrays of one batch."""
        rows = batch.with_columns(row=(pl.col("flow_id") * 2 + pl.col("side")).cast(pl.UInt32))
        if self._wanted is not None:
            rows = rows.filter(self._wanted.holds(rows))
        row = rows["row"].to_numpy()
        layer = self._of_side[row]
        for test, number in reversed(self._tests):
            layer[test.holds(rows).to_numpy()] = number
        ys = (_values(each, rows, row, self._sides, self._clocks) for each in self._quantities)
        return _Batch(rows[self._x].to_numpy(), row, layer, tuple(ys), batch.height - rows.height)


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
        wanted += _made_of(source)
    return list(dict.fromkeys(wanted))


def columns_of(column: PlotColumn) -> tuple[str, ...]:
    """The columns of POINTS that it is made of; none for an attribute of a flow side."""
    return () if column.of == "side" else _made_of(column.source)


def _made_of(source: str) -> tuple[str, ...]:
    return _MADE_OF.get(source, (source,))


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
        return np.nan_to_num(number), np.isfinite(number)
    if quantity.source in {"tsval_unwrapped", "clock_offset"}:
        if clocks is None:
            raise ValueError(f"{quantity.name.name} needs clocks")
        values = np.full(rows.height, np.nan)
        has = rows["tsval"].is_not_null().to_numpy()
        ticks = rows["tsval"].drop_nulls().to_numpy()
        read = clocks.unwrapped if quantity.source == "tsval_unwrapped" else clocks.offset_ms
        values[has] = read(row[has], rows["time_ns"].to_numpy()[has], ticks)
        return np.nan_to_num(values), np.isfinite(values)
    if quantity.source == "ip_id_no_ts":
        is_tcp = (sides.values("proto_word") == _TCP).fill_null(value=False).to_numpy()[row]
        valid = is_tcp & (rows["ipid"].is_not_null() & rows["tsval"].is_null()).to_numpy()
        return rows["ipid"].fill_null(0).to_numpy(), valid
    column = rows.select(_packet_column(quantity.source).alias("y"))["y"]
    if column.null_count() == 0:
        return column.to_numpy(), None
    return column.fill_null(0).to_numpy(), column.is_not_null().to_numpy()


class _Gathered:
    """Arrays of clouds that are filled batch by batch; x, side and layer are of all of them."""

    def __init__(self, n_rows: int, quantities: Sequence[PlotColumn]) -> None:
        self._x = np.empty(n_rows, np.int64)
        self._side = np.empty(n_rows, np.uint32)
        self._layer = np.empty(n_rows, np.uint8)
        self._ys = [np.empty(n_rows, _dtype(quantity)) for quantity in quantities]
        self._valid: list[NDArray[np.bool_] | None] = [None for _ in quantities]
        self._n = 0

    def add(self, batch: _Batch) -> int:
        """Puts a batch behind the last; how many packets its filter refused."""
        new = slice(self._n, self._n + len(batch.x))
        self._x[new], self._side[new], self._layer[new] = batch.x, batch.side, batch.layer
        for number, (y, valid) in enumerate(batch.ys):
            self._ys[number][new] = y
            if valid is not None:
                known = self._valid[number]
                if known is None:
                    known = self._valid[number] = np.ones(len(self._x), np.bool_)
                known[new] = valid
        self._n += len(batch.x)
        return batch.n_filtered

    def clouds(self, n_filtered: int) -> list[Cloud]:
        """All of them, in order of x."""
        used = slice(0, self._n)
        x, side, layer = self._x[used], self._side[used], self._layer[used]
        order = np.argsort(x, kind="stable") if bool((x[1:] < x[:-1]).any()) else None
        if order is not None:
            x, side, layer = x[order], side[order], layer[order]
        made: list[Cloud] = []
        for number, valid in enumerate(self._valid):
            y = self._ys[number][used]
            own = None if valid is None else valid[used]
            if order is not None:
                y, own = y[order], None if own is None else own[order]
            n_valid = len(y) if own is None else int(np.count_nonzero(own))
            n_missing = len(y) - n_valid
            if own is None or not n_missing:
                made.append(Cloud(x, y, side, layer, 0, n_filtered))
            elif n_valid < _SPARSE * len(y):
                made.append(Cloud(x[own], y[own], side[own], layer[own], n_missing, n_filtered))
            else:
                seen = np.where(own, layer, np.uint8(HIDDEN))
                made.append(Cloud(x, y, side, seen, n_missing, n_filtered))
            self._ys[number] = np.empty(0)
            self._valid[number] = None
        return made


def _dtype(quantity: PlotColumn) -> type[np.generic]:
    """Of the quantity's array: the smallest that holds it well enough to draw."""
    return _DTYPES.get(quantity.source, np.float64)
