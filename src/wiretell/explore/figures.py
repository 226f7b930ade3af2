"""The linked plots: drawn anew for each view, one source each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np
from bokeh.models import (
    BasicTicker,
    BasicTickFormatter,
    BoxSelectTool,
    BoxZoomTool,
    ColumnDataSource,
    DatetimeTicker,
    DatetimeTickFormatter,
    HoverTool,
    NoOverlap,
    PanTool,
    Range1d,
    ResetTool,
    Scatter,
    Tool,
    Toolbar,
    ToolProxy,
    WheelZoomTool,
)
from bokeh.models.annotations.labels import Title
from bokeh.models.css import InlineStyleSheet
from bokeh.models.renderers import GlyphRenderer
from bokeh.plotting import figure
from numpy.typing import NDArray

from wiretell.explore.points import PLOTS, Points

GREY = "#7b828c"  # readable on white and on black
HEIGHT_PX = 230
_TOOLS = "xpan,box_zoom,xwheel_zoom,reset"
_EMPTY: dict[str, list[Any]] = {
    name: [] for name in ("x", "end", "y", "row", "color", "alpha", "flow", "machine", "says")
}
FADED = 0.08
BEHIND = 0.05
"""How much is seen of what is not selected: less than of what a highlight fades, and no colour."""
FEW = 30
"""So few selected points are drawn larger."""


class Plot:
    """One figure, its source, and its points."""

    def __init__(self, name: str, x_range: Range1d) -> None:
        self.name = name
        self.source = ColumnDataSource(data={key: list(value) for key, value in _EMPTY.items()})
        self.points: Points | None = None
        self._title = Title(text=PLOTS[name], text_color=GREY, text_font_size="13px")
        self._y = Range1d(start=0.0, end=1.0)
        self._fit = (0.0, 1.0)
        self._y_is_chosen = False
        for end in ("start", "end"):
            self._y.on_change(end, self._y_changed)
        self.figure = _figure(self._title, x_range, self._y)
        if name != "drift":  # counters and ports: a tick between two of them means nothing
            self.figure.yaxis.ticker = BasicTicker(min_interval=1)
        style: dict[str, Any] = {
            "source": self.source,
            "alpha": "alpha",
            # A highlight fades points by their own alpha: a selection is seen whatever that is.
            "selection_alpha": 1.0,
            "nonselection_alpha": BEHIND,
            "nonselection_color": GREY,
        }
        self._is_dim = False
        glyphs: GlyphRenderer[Any]
        if name == "flows":
            glyphs = self.figure.segment(
                x0="x", x1="end", y0="y", y1="y", color="color", line_width=2, **style
            )
            # A short flow is no longer than a pixel: its beginning is marked.
            self.figure.scatter(x="x", y="y", size=3, color="color", line_color=None, **style)
            self.figure.yaxis.visible = False
        else:
            glyphs = self.figure.scatter(
                x="x", y="y", size=4, color="color", line_color=None, **style
            )
        hover = HoverTool(
            renderers=[glyphs],
            tooltips=[
                ("machine", "@machine"),
                ("flow", "@flow"),
                (PLOTS[name], "@y{0,0.[00]}"),
                ("says", "@says"),
                ("time", "@x{%F %T.%3N}"),
            ],
            formatters={"@x": "datetime"},
            visible=False,
            limit=1,  # points lie close: a list of them covers the plot
        )
        self.figure.add_tools(hover)

    def draw(
        self,
        x: tuple[float, float],
        shown: NDArray[np.bool_],
        kind: NDArray[np.int64],
        rows: Mapping[str, NDArray[Any]],
    ) -> tuple[int, int]:
        """Draws the points between the times `x`; how many, and of how many.

        `rows` has arrays by row of the side table: color, alpha, flow, machine, says, end.
        """
        if self.points is None:
            self.source.data = {key: list(value) for key, value in _EMPTY.items()}
            return 0, 0
        place, n_all = self.points.seen(x, shown, kind)
        row = self.points.row[place]
        # What is to be seen best is drawn last.
        order = np.argsort(rows["alpha"][row], kind="stable")
        place, row = place[order], row[order]
        self.source.data = {
            "x": self.points.x[place],
            "y": self.points.y[place],
            "row": row,
            **{name: values[row] for name, values in rows.items()},
        }
        self._fit_to(self.points.y[place])
        return len(place), n_all

    def forget_zoom(self) -> None:
        """The next drawing shows all values again."""
        self._y_is_chosen = False

    def _fit_to(self, y: NDArray[np.float64]) -> None:
        """All drawn values are seen, unless somebody zoomed into some of them."""
        if not len(y) or self._y_is_chosen:
            return
        low, high = float(y.min()), float(y.max())
        margin = 0.05 * (high - low) or 1.0
        self._fit = low - margin, high + margin
        self._y.update(reset_start=self._fit[0], reset_end=self._fit[1])
        self._y.update(start=self._fit[0], end=self._fit[1])
        self._y_is_chosen = False

    def _y_changed(self, attr: str, old: float, new: float) -> None:
        now = cast(tuple[float, float], (self._y.start, self._y.end))
        self._y_is_chosen = not np.allclose(now, self._fit, rtol=1e-9)

    def say(self, why_empty: str) -> None:
        """Beside the plot's name why nothing is drawn; empty: points are."""
        name = PLOTS[self.name]
        self._title.text = f"{name}: {why_empty}" if why_empty else name
        self.figure.yaxis.visible = not why_empty

    def select(self, chosen: NDArray[np.bool_] | None) -> None:
        """Marks the drawn points of these rows; None: nothing is selected."""
        row = np.asarray(self.source.data["row"], np.int64)
        indices = [] if chosen is None or not len(row) else np.flatnonzero(chosen[row]).tolist()
        self.source.selected.indices = indices
        # No index means no selection to Bokeh: then all points would be as bright as selected.
        self._dim(chosen is not None and not indices)
        size = 8 if len(indices) <= FEW else 5
        for renderer in self._renderers():
            if isinstance(renderer.selection_glyph, Scatter):
                renderer.selection_glyph.size = size

    def _dim(self, is_dim: bool) -> None:
        """All points as those that are not selected."""
        if is_dim == self._is_dim:
            return
        self._is_dim = is_dim
        for renderer in self._renderers():
            glyph = renderer.glyph
            part = "fill" if isinstance(glyph, Scatter) else "line"
            setattr(glyph, f"{part}_alpha", BEHIND if is_dim else "alpha")
            setattr(glyph, f"{part}_color", GREY if is_dim else "color")

    def _renderers(self) -> list[GlyphRenderer[Any]]:
        return [cast("GlyphRenderer[Any]", each) for each in self.figure.renderers]


def toolbar(plots: Iterable[Plot]) -> Toolbar:
    """One for all plots: each button does the same to all of them."""
    tools = [tool for plot in plots for tool in plot.figure.toolbar.tools]
    kinds: list[type[Tool]] = [BoxSelectTool, BoxZoomTool, PanTool, WheelZoomTool, ResetTool]
    proxies = {
        kind: ToolProxy(tools=[tool for tool in tools if isinstance(tool, kind)]) for kind in kinds
    }
    return Toolbar(
        name="tools",
        tools=list(proxies.values()),
        logo=None,
        active_drag=proxies[BoxSelectTool],
        active_scroll=proxies[WheelZoomTool],
        stylesheets=[InlineStyleSheet(css=".bk-divider { background-color: var(--line); }")],
    )


def _figure(title: Title, x_range: Range1d, y_range: Range1d) -> figure:
    plot = figure(
        title=title,
        x_range=x_range,
        y_range=y_range,
        visible=False,
        x_axis_type="datetime",
        height=HEIGHT_PX,
        tools=_TOOLS,
        output_backend="canvas",
        sizing_mode="stretch_width",
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
        min_border_left=84,
        toolbar_location=None,
        lod_threshold=None,
    )
    select = BoxSelectTool()
    plot.add_tools(select)
    plot.toolbar.active_drag = select
    plot.toolbar.active_scroll = next(
        tool for tool in plot.toolbar.tools if isinstance(tool, WheelZoomTool)
    )
    plot.toolbar.logo = None
    plot.xaxis.ticker = DatetimeTicker(desired_num_ticks=4)
    plot.xaxis.formatter = DatetimeTickFormatter(
        milliseconds="%H:%M:%S.%3N", seconds="%H:%M:%S", minsec="%H:%M:%S", minutes="%H:%M",
        hourmin="%H:%M", hours="%H:%M", days="%F",
    )  # fmt: skip
    plot.xaxis.major_label_policy = NoOverlap(min_distance=20)
    plot.yaxis.formatter = BasicTickFormatter(use_scientific=False)
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.axis_line_color = axis.major_tick_line_color = GREY
        axis.minor_tick_line_color = None
        axis.major_label_text_color = GREY
    for grid in plot.grid:
        grid.grid_line_color = GREY
        grid.grid_line_alpha = 0.18
    return plot
