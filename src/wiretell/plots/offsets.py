"""Clocks as the literature draws them: offset against time with hull and fitted line.

After the figures of Kohno, Broido and claffy (2005): milliseconds ahead of the observer against
time. A late packet lies below its clock's line, so the line rests on the upper hull. Below it:
how late each reading was against that line, with the wander curve, and the rate in windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, HoverTool, Range1d
from bokeh.models.renderers import GlyphRenderer
from bokeh.plotting import figure

from wiretell.plots.data import robust_range
from wiretell.plots.drift import Slope
from wiretell.plots.figures import Drawing
from wiretell.plots.palette import Look, look
from wiretell.plots.slopes import LABEL_SHARE, add_labels
from wiretell.plots.time_figure import add_legend, time_figure

Row = Mapping[str, Any]
MOST_DRAWN = 30
"""Clocks of one address that are drawn, the best known first."""
MOST_POINTS = 6_000
_NS_PER_MS = 1e6
_TAIL = 0.01
_REMARK = (
    "1 ms in 1000 s is 1 ppm. Lines of one clock are laid together on the reading that was late"
    " least; large points are vertices of an upper hull, on which the linear program rests."
)


def draw_clocks(
    rows: Sequence[Row], labels: Mapping[str, str], points: pl.DataFrame, curves: pl.DataFrame
) -> Drawing | None:
    """The plots of one address; None where no clock has readings and a rate.

    `rows` as CLOCKS, `labels` is clock -> escaped text, `points` as POINTS, `curves` as CURVES.
    """
    known = [row for row in rows if row["best_ppm"] is not None]
    known.sort(key=lambda row: row["best_se_ppm"] or 1e9)
    drawn_ids = {row["clock"] for row in known[:MOST_DRAWN]}
    # Colours go by the order of the table.
    chosen = [(row, look(i)) for i, row in enumerate(rows) if row["clock"] in drawn_ids]
    mine = points.filter(pl.col("clock").is_in(list(drawn_ids))).with_columns(
        time_ms=pl.col("time_ns") / _NS_PER_MS
    )
    span = robust_range(mine["time_ms"])
    if span is None:
        return None
    share = max(1, -(-mine.height // MOST_POINTS))
    kept = mine.with_row_index("place").filter((pl.col("place") % share == 0) | pl.col("is_hull"))
    slopes = [slope for row, _ in chosen if (slope := _slope(row, mine)) is not None]
    by_clock = {slope.device: slope for slope in slopes}
    kept = _with_lateness(kept, by_clock)
    x_range = Range1d(start=span[0], end=span[1] + LABEL_SHARE * (span[1] - span[0]))
    looks = {row["clock"]: style for row, style in chosen}
    axis = _axis(kept["offset_ms"], [y for s in slopes for y in (s.start_drift_ms, s.end_drift_ms)])
    late = _axis(kept["late_ms"], [0.5])
    plots = [
        time_figure("Clock offset", "ms ahead of the observer", x_range, _range(axis)),
        time_figure("Against its own line", "ms", x_range, _range(late)),
    ]
    drawn: dict[str, list[GlyphRenderer[Any]]] = {}
    for row, style in chosen:
        own = kept.filter(pl.col("clock") == row["clock"])
        if own.is_empty() or row["clock"] not in by_clock:
            continue
        label = labels[row["clock"]]
        slope = by_clock[row["clock"]]
        drawn[label] = [
            *_readings(plots[0], own, "offset_ms", style, label),
            plots[0].line(
                [slope.start_ms, slope.end_ms],
                [slope.start_drift_ms, slope.end_drift_ms],
                line_color=style.color,
                line_width=2,
                muted_alpha=0.1,
            ),
            *_readings(plots[1], own, "late_ms", style, label),
        ]
    _label_slopes(plots[0], slopes, looks, labels, axis)
    rates = curves.filter(pl.col("clock").is_in(list(drawn_ids)))
    if not rates.is_empty():
        plots.append(_rates(rates, chosen, labels, x_range, drawn))
    add_legend(plots, drawn)
    plots[-1].xaxis.axis_label = "time (UTC)"
    left = len(known) - len(drawn)
    remarks = (_REMARK, f"{left} more clocks are not drawn.") if left > 0 else (_REMARK,)
    return Drawing(column(*plots, sizing_mode="stretch_width"), remarks)


def _slope(row: Row, points: pl.DataFrame) -> Slope | None:
    own = points.filter(pl.col("clock") == row["clock"])["time_ms"]
    if own.is_empty():
        return None
    start, end = float(own.min()), float(own.max())  # type: ignore[arg-type]
    return Slope(
        row["clock"], row["best_ppm"], start, end, 0.0, row["best_ppm"] * 1e-6 * (end - start)
    )


def _with_lateness(points: pl.DataFrame, slopes: Mapping[str, Slope]) -> pl.DataFrame:
    """Adds `late_ms`: each reading against its clock's line."""
    fits = pl.DataFrame(
        [(s.device, s.start_ms, s.skew_ppm) for s in slopes.values()],
        schema={"clock": pl.String, "start_ms": pl.Float64, "ppm": pl.Float64},
        orient="row",
    )
    expected = pl.col("ppm") * 1e-6 * (pl.col("time_ms") - pl.col("start_ms"))
    return points.join(fits, on="clock", how="left", maintain_order="left").with_columns(
        late_ms=pl.col("offset_ms") - expected
    )


def _axis(values: pl.Series, ends: Sequence[float]) -> tuple[float, float]:
    """All `ends` and the central 98 % of the values: what waited for a second is cut off."""
    low = min([*ends, float(values.quantile(_TAIL, "nearest") or 0.0)])
    high = max([*ends, float(values.quantile(1 - _TAIL, "nearest") or 0.0)])
    margin = max(0.08 * (high - low), 0.5)
    return low - margin, high + margin


def _range(ends: tuple[float, float]) -> Range1d:
    return Range1d(start=ends[0], end=ends[1])


def _readings(
    plot: figure, own: pl.DataFrame, value: str, style: Look, label: str
) -> list[GlyphRenderer[Any]]:
    """Small points for all readings, large ones for those on a hull."""
    renderers: list[GlyphRenderer[Any]] = []
    for is_hull, size, alpha in ((False, 3, 0.45), (True, 7, 0.9)):
        part = own.filter(pl.col("is_hull") == is_hull)
        if part.is_empty():
            continue
        source = ColumnDataSource(
            {
                "x": part["time_ms"].to_numpy(),
                "y": part[value].to_numpy(),
                "flow": part["flow_id"].cast(pl.Float64).to_numpy(),
                "clock": [label] * part.height,
            }
        )
        renderers.append(
            plot.scatter(
                "x",
                "y",
                source=source,
                marker=style.marker,
                size=size,
                fill_color=style.color,
                line_color=style.color,
                fill_alpha=alpha,
                line_alpha=alpha,
                muted_alpha=0.05,
            )
        )
    plot.add_tools(
        HoverTool(
            renderers=[*renderers],
            tooltips=[
                ("clock", "@clock"),
                ("time", "@x{%F %T.%3N} UTC"),
                ("ms", "@y{0.00}"),
                ("flow", "@flow{0}"),
            ],
            formatters={"@x": "datetime"},
            point_policy="snap_to_data",
            visible=False,
        )
    )
    return renderers


def _label_slopes(
    plot: figure,
    slopes: Sequence[Slope],
    looks: Mapping[str, Look],
    labels: Mapping[str, str],
    axis: tuple[float, float],
) -> None:
    named = [
        Slope(labels[s.device], s.skew_ppm, s.start_ms, s.end_ms, s.start_drift_ms, s.end_drift_ms)
        for s in slopes
    ]
    add_labels(plot, named, {labels[clock]: style for clock, style in looks.items()}, axis)


def _rates(
    rates: pl.DataFrame,
    chosen: Sequence[tuple[Row, Look]],
    labels: Mapping[str, str],
    x_range: Range1d,
    drawn: Mapping[str, list[GlyphRenderer[Any]]],
) -> figure:
    """The rate in windows, with standard errors, against the clock's own rate."""
    parts: list[tuple[str, Look, pl.DataFrame]] = []
    for row, style in chosen:
        own = rates.filter(pl.col("clock") == row["clock"]).with_columns(
            time_ms=pl.col("time_ns") / _NS_PER_MS, off=pl.col("rate_ppm") - row["best_ppm"]
        )
        if not own.is_empty() and labels[row["clock"]] in drawn:
            parts.append((labels[row["clock"]], style, own))
    every = pl.concat([own["off"] for _, _, own in parts])
    reach = _axis(every, [-1.0, 1.0])
    plot = time_figure("Rate in windows", "ppm off its mean", x_range, _range(reach))
    for label, style, own in parts:
        times, off = own["time_ms"].to_numpy(), own["off"].to_numpy()
        error = own["rate_se_ppm"].to_numpy()
        drawn[label].append(
            plot.segment(
                times,
                off - error,
                times,
                off + error,
                line_color=style.color,
                line_alpha=0.5,
                muted_alpha=0.05,
            )
        )
        drawn[label].append(
            plot.scatter(
                times,
                off,
                marker=style.marker,
                size=6,
                fill_color=style.color,
                line_color=style.color,
                muted_alpha=0.05,
            )
        )
    return plot
