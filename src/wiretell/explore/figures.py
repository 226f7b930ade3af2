"""The linked plots: drawn anew for each view, one source each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from bokeh.models import (
    BasicTickFormatter,
    BoxSelectTool,
    ColumnDataSource,
    DatetimeTickFormatter,
    HoverTool,
    Range1d,
    WheelZoomTool,
)
from bokeh.models.annotations.labels import Title
from bokeh.models.renderers import GlyphRenderer
from bokeh.plotting import figure
from numpy.typing import NDArray

from wiretell.explore.points import PLOTS, Points

GREY = "#7b828c"  # readable on white and on black
HEIGHT_PX = 230
_TOOLS = "xpan,xbox_zoom,box_zoom,xwheel_zoom,undo,redo,reset,save"
_EMPTY: dict[str, list[Any]] = {
    name: [] for name in ("x", "end", "y", "row", "color", "alpha", "flow", "machine", "says")
}
FADED = 0.08


class Plot:
    """One figure, its source, and its points."""

    def __init__(self, name: str, x_range: Range1d) -> None:
        self.name = name
        self.source = ColumnDataSource(data={key: list(value) for key, value in _EMPTY.items()})
        self.points: Points | None = None
        self.figure = _figure(PLOTS[name], x_range)
        style: dict[str, Any] = {
            "source": self.source,
            "alpha": "alpha",
            "nonselection_alpha": FADED,
        }
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
        return len(place), n_all

    def select(self, chosen: NDArray[np.bool_] | None) -> None:
        """Marks the drawn points of these rows; None: nothing is selected."""
        row = np.asarray(self.source.data["row"], np.int64)
        indices = [] if chosen is None or not len(row) else np.flatnonzero(chosen[row]).tolist()
        self.source.selected.indices = indices


def _figure(title: str, x_range: Range1d) -> figure:
    plot = figure(
        title=Title(text=title, text_color=GREY, text_font_size="13px"),
        x_range=x_range,
        visible=False,
        x_axis_type="datetime",
        height=HEIGHT_PX,
        tools=_TOOLS,
        output_backend="canvas",
        sizing_mode="stretch_width",
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
        min_border_left=72,
        toolbar_location="right",
        lod_threshold=None,
    )
    select = BoxSelectTool()
    plot.add_tools(select)
    plot.toolbar.active_drag = select
    plot.toolbar.active_scroll = next(
        tool for tool in plot.toolbar.tools if isinstance(tool, WheelZoomTool)
    )
    plot.toolbar.logo = None
    plot.xaxis.formatter = DatetimeTickFormatter(
        milliseconds="%H:%M:%S.%3N", seconds="%H:%M:%S", minsec="%H:%M:%S", minutes="%H:%M",
        hourmin="%H:%M", hours="%H:%M", days="%F",
    )  # fmt: skip
    plot.yaxis.formatter = BasicTickFormatter(use_scientific=False)
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.axis_line_color = axis.major_tick_line_color = GREY
        axis.minor_tick_line_color = None
        axis.major_label_text_color = GREY
    for grid in plot.grid:
        grid.grid_line_color = GREY
        grid.grid_line_alpha = 0.18
    return plot
