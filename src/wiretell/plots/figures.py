"""Linked plots of an address against time: IP IDs, clock drift, TSvals, source ports of SYNs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from bokeh.layouts import column
from bokeh.models import (
    Column,
    ColumnDataSource,
    HoverTool,
    Range1d,
)
from bokeh.models.renderers import GlyphRenderer
from bokeh.plotting import figure

from wiretell.plots.data import AddressPoints, Series, robust_range
from wiretell.plots.drift import LEAST_LINE_S
from wiretell.plots.palette import UNASSIGNED, Look
from wiretell.plots.slopes import LABEL_SHARE, add_labels, add_slopes, drift_range
from wiretell.plots.time_figure import add_legend, time_figure

UNASSIGNED_LABEL = "not assigned"
_DRIFT_REMARK = (
    "Clock drift: 1 ms in 1000 s is 1 ppm; late packets lie below their line;"
    f" timestamp lines of {LEAST_LINE_S:g} s or more, each laid on its machine's slope."
)


@dataclass(frozen=True)
class Machine:
    """A machine as it is drawn; `label` is escaped text."""

    device: str
    label: str
    look: Look


@dataclass(frozen=True)
class Drawing:
    """The plots of one address, and what to say about them."""

    layout: Column
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _Wanted:
    """A plot to be drawn if it has points; `shows` is a tooltip's format of its values."""

    title: str
    axis: str
    series: Series
    y_range: Range1d | None = None
    shows: str = "{0}"


def draw(
    points: AddressPoints, machines: Sequence[Machine], texts: Mapping[str, str]
) -> Drawing | None:
    """The plots that have points, linked in time; None where none has.

    `texts` maps each text off the wire to the escaped text that a pointer shows.
    """
    axis = drift_range(points.drift.points["value"], points.slopes)
    drift_axis = Range1d(start=axis[0], end=axis[1])
    every = (
        _Wanted("IP ID", "IPv4 identification", points.ip_ids, _identification_range()),
        _Wanted("Clock drift", "ms against nominal", points.drift, drift_axis, "{0.0} ms"),
        _Wanted("TSval", "TCP timestamp value, ticks", points.tsvals),
        _Wanted("SYN source port", "source port", points.syn_ports),
    )
    wanted = [each for each in every if not each.series.points.is_empty()]
    times = [each.series.points["time_ms"] for each in wanted]
    span = robust_range(pl.concat(times)) if times else None
    if span is None:
        return None
    room = LABEL_SHARE * (span[1] - span[0]) if points.slopes else 0.0
    x_range = Range1d(start=span[0], end=span[1] + room)
    looks = {machine.device: machine.look for machine in machines}
    plots: list[figure] = []
    drawn: dict[str, list[GlyphRenderer[Any]]] = {}
    for each in wanted:
        plot = time_figure(each.title, each.axis, x_range, each.y_range)
        slopes = points.slopes if each.series is points.drift else ()
        lines = add_slopes(plot, slopes, looks)
        for machine in [*machines, None]:
            label = machine.label if machine else UNASSIGNED_LABEL
            renderer = _scatter(plot, each, machine, texts)
            if renderer is not None:
                drawn.setdefault(label, []).append(renderer)
            if machine is not None and machine.device in lines:
                drawn.setdefault(label, []).append(lines[machine.device])
        if slopes:
            add_labels(plot, slopes, looks, axis)
        plots.append(plot)
    add_legend(plots, drawn)
    plots[-1].xaxis.axis_label = "time (UTC)"
    remarks = _remarks(wanted, outside=span[2])
    if points.slopes:
        remarks += (_DRIFT_REMARK,)
    return Drawing(column(*plots, sizing_mode="stretch_width"), remarks)


def _identification_range() -> Range1d:
    """Of a number of 16 bits."""
    top = 65_535
    return Range1d(start=-0.03 * top, end=1.03 * top, bounds=(-0.2 * top, 1.2 * top))


def _scatter(
    plot: figure, wanted: _Wanted, machine: Machine | None, texts: Mapping[str, str]
) -> GlyphRenderer[Any] | None:
    """Draws one machine's points (None: those of no machine), with what a pointer shows."""
    device = pl.lit(None, pl.String) if machine is None else pl.lit(machine.device)
    own = wanted.series.points.filter(pl.col("device").eq_missing(device))
    if own.is_empty():
        return None
    label = machine.label if machine else UNASSIGNED_LABEL
    style = machine.look if machine else UNASSIGNED
    source = ColumnDataSource(
        {
            "x": own["time_ms"].to_numpy(),
            "y": own["value"].to_numpy(),
            "flow": own["flow_id"].cast(pl.Float64).to_numpy(),
            "machine": [label] * own.height,
            "peer": own["peer"].to_list(),
            "said": [texts.get(said, "") for said in own["said"].fill_null("")],
        }
    )
    renderer = plot.scatter(
        "x",
        "y",
        source=source,
        marker=style.marker,
        size=6,
        fill_color=style.color,
        line_color=style.color,
        fill_alpha=0.65,
        line_alpha=0.9,
        muted_alpha=0.06,
    )
    hover = HoverTool(
        renderers=[renderer],
        tooltips=[
            ("machine", "@machine"),
            ("time", "@x{%F %T.%3N} UTC"),
            (wanted.title, f"@y{wanted.shows}"),
            ("flow", "@flow{0}"),
            ("peer", "@peer"),
            ("says", "@said"),
        ],
        formatters={"@x": "datetime"},
        point_policy="snap_to_data",
        visible=False,
    )
    plot.add_tools(hover)
    return renderer


def _remarks(wanted: Sequence[_Wanted], outside: int) -> tuple[str, ...]:
    said = [
        f"{each.title}: {each.series.points.height} of {each.series.n_all} points drawn,"
        " evenly thinned."
        for each in wanted
        if each.series.points.height < each.series.n_all
    ]
    if outside:
        said.append(f"{outside} points lie outside the time axis; zoom out to see them.")
    return tuple(said)
