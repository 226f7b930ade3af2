"""A plot before it is drawn in any form: the points, what colours mean, what the axes show."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiretell.expressions.syntax import Node, names_in
from wiretell.model.points import PointSource
from wiretell.model.report import Report
from wiretell.plots.clock import clock_lines
from wiretell.plots.cloud import HIDDEN, Axis, Cloud, columns_of, load_clouds
from wiretell.plots.columns import REVERSE, PlotColumn, columns
from wiretell.plots.grid import (
    Counts,
    Window,
    clamped,
    first_within,
    points_within,
    totals_within,
)
from wiretell.plots.highlight import Highlight, Layer
from wiretell.plots.palette import MARKERS, Look
from wiretell.plots.pyramid import Pyramid
from wiretell.plots.sides import Sides
from wiretell.plots.ticks import Tick, grouped, number_ticks, time_ticks

MOST_MARKS = 20_000
"""Points that are drawn one by one; more are counted per pixel."""
JUDGED = frozenset({"device", "looks_like", "clock_offset", "tsval_unwrapped"})
"""Columns that say nothing before machines were told apart."""
_SHADES = ((0, 0.0), (0, 0.2), (255, 0.25), (0, 0.35), (255, 0.4), (0, 0.45), (255, 0.52))
"""Of each mark: toward black or white, and how far. Readable on white and on black."""
_TAIL, _STRETCH = 0.001, 3.0
_SAMPLED = 1_000_000


@dataclass(frozen=True)
class Scene:
    """One plot. Labels of `layers` may hold text off the wire: escape them.

    `filters` are the filters in words (tcpdump's, the expression), `remarks` what a reader must
    know. `not_kept` names what is drawn or filtered by and is of packets that were not kept.
    """

    quantity: PlotColumn
    axis: Axis
    window: Window
    layers: tuple[Layer, ...]
    pyramid: Pyramid
    filters: tuple[str, ...]
    remarks: tuple[str, ...]
    not_kept: tuple[str, ...] = ()

    @property
    def cloud(self) -> Cloud:
        """All points, those outside the window too."""
        return self.pyramid.fine

    @property
    def title(self) -> str:
        """What is drawn, in a few words."""
        name = self.quantity.name
        unit = f", {name.unit}" if name.unit else ""
        return f"{name.meaning[:1].upper()}{name.meaning[1:]}{unit}"

    @cached_property
    def shown(self) -> NDArray[np.int64]:
        """Indexes of the points in the window: for few points, each of which is drawn."""
        return points_within(self.cloud, self.window)

    @cached_property
    def totals(self) -> NDArray[np.int64]:
        """Points in the window for each layer."""
        return self._totals[: len(self.layers)]

    @property
    def n_shown(self) -> int:
        """Points in the window."""
        return int(self._totals.sum())

    @cached_property
    def _totals(self) -> NDArray[np.int64]:
        return totals_within(self.cloud, self.window)

    @property
    def first_x(self) -> int | None:
        """The x of the first point in the window."""
        return first_within(self.cloud, self.window)

    @property
    def why_empty(self) -> str:
        """Why there is nothing to be seen, in words; empty where there is."""
        cloud = self.cloud
        if self.n_shown:
            return ""
        if cloud.n_points:
            return "All points lie outside the axes."
        if self.not_kept and (cloud.n_missing or cloud.n_filtered):
            return not_kept_in_words(self.not_kept)
        if cloud.n_missing:
            name, absent = self.quantity.name.name, self.quantity.absent
            return f"No packet here has {name}{': ' if absent else ''}{absent}."
        if cloud.n_filtered:
            return f"No packet fits the filter; {grouped(cloud.n_filtered)} were looked at."
        return "There is no packet of a flow to draw."

    @property
    def by_marks(self) -> bool:
        """True where the points are so few that each is drawn with its mark."""
        return self.n_shown <= MOST_MARKS

    @property
    def order(self) -> list[int]:
        """Layers that have points, the one with most first: that with fewest is drawn on top."""
        return [int(n) for n in np.argsort(-self.totals, kind="stable") if self.totals[n]]

    def counts(self, width: int, height: int) -> Counts:
        """Points per layer and cell."""
        return self.pyramid.count(self.window, width, height)

    def x_ticks(self, most: int) -> list[Tick]:
        """Ticks of time or of packet numbers."""
        low, high = self.window.x0, self.window.x1
        if self.axis == "time":
            return time_ticks(low, high, most)
        return [tick for tick in number_ticks(low, high, most) if tick.place == int(tick.place)]

    def y_ticks(self, most: int) -> list[Tick]:
        """Ticks of the quantity."""
        return number_ticks(self.window.y0, self.window.y1, most)

    def relabelled(self, labels: Sequence[str]) -> Scene:
        """The same with other labels."""
        pairs = zip(self.layers, labels, strict=True)
        return replace(self, layers=tuple(replace(layer, label=text) for layer, text in pairs))


def needs_judgement(quantity: PlotColumn, asked: Sequence[str], where: Node | None) -> bool:
    """True where machines must be told apart before this can be drawn.

    `asked` are the highlights, as they were written.
    """
    named = names_in(where) if where is not None else frozenset[str]()
    used = {quantity.name.name, *(name.removeprefix(REVERSE) for name in named)}
    words = {word for text in asked for word in _words(text)}
    return bool((JUDGED | {"machine", "os"}) & (used | words))


def scene(
    report: Report,
    points: PointSource,
    sides: Sides,
    quantity: PlotColumn,
    found: Highlight,
    *,
    axis: Axis = "time",
    where: Node | None = None,
    filters: tuple[str, ...] = (),
    y_range: tuple[float, float] | None = None,
    remarks: tuple[str, ...] = (),
    lacking: Collection[str] = (),
) -> Scene:
    """The plot of one quantity of these points.

    `lacking` are columns of POINTS that the report does not keep: null whatever was captured.
    """
    clocks = clock_lines(report, sides) if quantity.of == "made" else None
    (cloud,) = load_clouds(
        points, sides, [quantity], found.layers, axis=axis, where=where, clocks=clocks
    )
    window = fitting_window(cloud, quantity, y_range)
    made = Scene(
        quantity,
        axis,
        window,
        found.shown,
        Pyramid(cloud, len(found.shown)),
        filters,
        remarks,
        _not_kept(quantity, () if where is None else (where,), lacking),
    )
    asked = (*(() if where is None else (where,)), *(test for test, _ in found.layers.tests))
    untold = _not_kept(quantity, asked, lacking)
    said = (not_kept_in_words(untold),) if untold and not made.why_empty else ()
    return replace(made, remarks=(*remarks, *said, *_counted(made)))


def not_kept_in_words(named: Sequence[str]) -> str:
    """That a report has no such columns, whatever was captured, and what to do."""
    listed = " and no ".join(named)
    return f"This report keeps no {listed} of packets: save it with --points, or plot the capture."


def _not_kept(
    quantity: PlotColumn, asked: Sequence[Node], lacking: Collection[str]
) -> tuple[str, ...]:
    """Names of what is drawn or asked for that needs a column of `lacking`."""
    every = columns()
    tested = {name.removeprefix(REVERSE) for node in asked for name in names_in(node)}
    return tuple(
        name
        for name in dict.fromkeys((quantity.name.name, *sorted(tested)))
        if not set(lacking).isdisjoint(columns_of(every[name]))
    )


def fitting_window(
    cloud: Cloud, quantity: PlotColumn, y_range: tuple[float, float] | None = None
) -> Window:
    """What to show at first: nearly all points, whole fields of fixed width, a margin around.

    Few points far from all others (an absurd date, a packet that waited) are left outside.
    """
    drawn = cloud.layer != HIDDEN if cloud.n_missing else slice(None)
    x, y = cloud.x[drawn], cloud.y[drawn]
    if not len(x):
        return Window(0, 1, 0.0, quantity.top or 1.0)
    x0, x1 = _robust(x[:: max(1, len(x) // _SAMPLED)], float(x[0]), float(x[-1]))
    margin_x = max(int(0.01 * (x1 - x0)), 1)
    start = clamped(int(max(x0, int(x[0]))) - margin_x)
    end = clamped(int(min(x1, int(x[-1]))) + margin_x + 1, least=start + 1)
    if y_range is not None:
        return Window(start, end, *y_range)
    if quantity.top is not None:
        return Window(start, end, -0.015 * quantity.top, 1.015 * quantity.top)
    low, high = _robust(y[:: max(1, len(y) // _SAMPLED)], float(y.min()), float(y.max()))
    margin_y = 0.03 * (high - low) or max(abs(high), 1.0) * 0.05
    return Window(start, end, low - margin_y, high + margin_y)


def _robust(values: NDArray[Any], first: float, last: float) -> tuple[float, float]:
    """The whole range, unless an end lies far from nearly all values: then not that far."""
    low, high = (float(q) for q in np.quantile(values, [_TAIL, 1 - _TAIL]))
    far = _STRETCH * max(high - low, 1e-9)
    return (
        first if first >= low - far else low - 0.05 * (high - low),
        last if last <= high + far else high + 0.05 * (high - low),
    )


def _words(text: str) -> set[str]:
    cut = "".join(c if c.isalnum() or c == "_" else " " for c in text.lower())
    return set(cut.split())


def _counted(made: Scene) -> tuple[str, ...]:
    """What is not to be seen, in words."""
    cloud, name = made.cloud, made.quantity.name.name
    said: list[str] = []
    if cloud.n_missing and name not in made.not_kept:
        said.append(f"{_packets(cloud.n_missing)} no {name} and are not drawn.")
    n_outside = cloud.n_points - made.n_shown
    if n_outside:
        said.append(f"{grouped(n_outside)} points lie outside the axes.")
    return tuple(said)


def _packets(n: int) -> str:
    return f"{grouped(n)} packet{'s have' if n != 1 else ' has'}"


def mark_color(look: Look) -> tuple[int, int, int]:
    """Red, green, blue of a look; where marks repeat colours, another shade for each mark."""
    red, green, blue = (int(look.color[at : at + 2], 16) for at in (1, 3, 5))
    place = MARKERS.index(look.marker) if look.marker in MARKERS else 0
    toward, share = _SHADES[place]
    mixed = [round(each + (toward - each) * share) for each in (red, green, blue)]
    return mixed[0], mixed[1], mixed[2]
