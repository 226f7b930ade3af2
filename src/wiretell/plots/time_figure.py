"""A plot against time in the project's style, and the legend over several of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bokeh.models import BasicTickFormatter, DatetimeTickFormatter, Range1d
from bokeh.models.annotations.labels import Title
from bokeh.models.annotations.legends import Legend, LegendItem
from bokeh.models.renderers import GlyphRenderer
from bokeh.plotting import figure

HEIGHT_PX = 290
_GREY = "#7b828c"  # readable on white and on black
_GRID_ALPHA = 0.22
_LEFT_PX = 96  # the same for all, so that the plots lie on each other
_TOOLS = "xpan,xbox_zoom,box_zoom,xwheel_zoom,undo,reset,save"
_LEGEND_COLUMNS = 4
_LEGEND_ROW_PX = 24


def time_figure(title: str, axis: str, x_range: Range1d, y_range: Range1d | None = None) -> figure:
    """An empty plot; `axis` names what goes up, time (ms since 1970) goes to the right."""
    plot = figure(
        title=Title(text=title, text_color=_GREY, text_font_size="13px"),
        height=HEIGHT_PX,
        sizing_mode="stretch_width",
        x_range=x_range,
        x_axis_type="datetime",
        y_axis_label=axis,
        tools=_TOOLS,
        active_drag="xbox_zoom",
        active_scroll=None,
        min_border_left=_LEFT_PX,
        min_border_right=16,
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
        lod_threshold=None,
    )
    if y_range is not None:
        plot.y_range = y_range
    plot.toolbar.logo = None
    for each in (plot.xaxis[0], plot.yaxis[0]):
        each.axis_line_color = _GREY
        each.major_tick_line_color = _GREY
        each.minor_tick_line_color = None
        each.major_label_text_color = _GREY
        each.axis_label_text_color = _GREY
        each.axis_label_text_font_style = "normal"
    plot.grid.grid_line_color = _GREY
    plot.grid.grid_line_alpha = _GRID_ALPHA
    plot.yaxis.formatter = BasicTickFormatter(use_scientific=False)
    plot.xaxis.formatter = DatetimeTickFormatter(
        milliseconds="%H:%M:%S.%3N",
        seconds="%H:%M:%S",
        minsec="%H:%M:%S",
        minutes="%H:%M",
        hourmin="%H:%M",
        hours="%H:%M",
        days="%Y-%m-%d",
        months="%Y-%m",
        years="%Y",
    )
    return plot


def add_legend(plots: Sequence[figure], drawn: Mapping[str, list[GlyphRenderer[Any]]]) -> None:
    """One legend over the first plot; a click mutes a machine in every plot."""
    items = [LegendItem(label=label, renderers=found) for label, found in drawn.items()]
    legend = Legend(
        items=items,
        click_policy="mute",
        location="left",
        margin=0,
        orientation="horizontal",
        ncols=_LEGEND_COLUMNS,
        background_fill_alpha=0,
        border_line_color=None,
        label_text_color=_GREY,
        label_text_font_size="12px",
        glyph_height=14,
        glyph_width=14,
    )
    plots[0].add_layout(legend, "above")
    plots[0].height = HEIGHT_PX + _LEGEND_ROW_PX * -(-len(items) // _LEGEND_COLUMNS)
