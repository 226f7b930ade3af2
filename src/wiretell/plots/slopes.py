"""The slopes of clock drift: one line and one label for each machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from bokeh.models import ColumnDataSource
from bokeh.models.annotations.labels import LabelSet
from bokeh.models.renderers import GlyphRenderer
from bokeh.plotting import figure

from wiretell.plots.drift import Slope
from wiretell.plots.palette import Look

LABEL_SHARE = 0.1
"""Of the time axis, to the right of all points: where the labels stand."""
_TAIL = 0.01
_MARGIN = 0.08
_LEAST_RANGE_MS = 2.0
_LABEL_STEP = 0.075
"""Of the axis, between two labels: nearly equal slopes are named below one another."""


def drift_range(drift_ms: pl.Series, slopes: Sequence[Slope]) -> tuple[float, float]:
    """Lower and upper end of the axis of drift: all slopes, and the central 98 % of the points.

    A packet that waited for a second would flatten slopes of milliseconds. Needs points.
    """
    ends = [y for slope in slopes for y in (slope.start_drift_ms, slope.end_drift_ms)]
    low = min([*ends, float(drift_ms.quantile(_TAIL, "nearest") or 0.0)])
    high = max([*ends, float(drift_ms.quantile(1 - _TAIL, "nearest") or 0.0)])
    margin = max(_MARGIN * (high - low), _LEAST_RANGE_MS / 2)
    return low - margin, high + margin


def add_slopes(
    plot: figure, slopes: Sequence[Slope], looks: Mapping[str, Look]
) -> dict[str, GlyphRenderer[Any]]:
    """Draws the slope of each machine that has a look; the line of each."""
    return {
        slope.device: plot.line(
            [slope.start_ms, slope.end_ms],
            [slope.start_drift_ms, slope.end_drift_ms],
            line_color=looks[slope.device].color,
            line_width=2,
            muted_alpha=0.1,
        )
        for slope in slopes
        if slope.device in looks
    }


def add_labels(
    plot: figure, slopes: Sequence[Slope], looks: Mapping[str, Look], axis: tuple[float, float]
) -> None:
    """Writes the skew of each machine that has a look to the right of all slopes."""
    shown = sorted(
        (slope for slope in slopes if slope.device in looks),
        key=lambda slope: slope.end_drift_ms,
    )
    ends_ms = [slope.end_drift_ms for slope in shown]
    source = ColumnDataSource(
        {
            "x": [max((slope.end_ms for slope in shown), default=0.0)] * len(shown),
            "y": spread(ends_ms, *axis),
            "text": [f"{_short(s.device)} {_ppm(s.skew_ppm)}" for s in shown],
            "color": [looks[slope.device].color for slope in shown],
        }
    )
    plot.add_layout(
        LabelSet(
            x="x",
            y="y",
            x_offset=10,
            text="text",
            text_color="color",
            text_baseline="middle",
            text_font_size="12px",
            text_font_style="bold",
            source=source,
        )
    )


def _short(device: str) -> str:
    number = device.rpartition("#")[2]
    return f"#{number}" if "#" in device else device


def _ppm(skew: float) -> str:
    return f"{round(skew, 1) + 0.0:+.1f} ppm"  # + 0.0: no "-0.0"


def spread(places: Sequence[float], low: float, high: float) -> list[float]:
    """Ascending places moved apart to `_LABEL_STEP` of the axis, within it if they fit."""
    step = _LABEL_STEP * (high - low)
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + step) if moved else max(place, low + step / 2))
    ceiling = high - step / 2
    for at in range(len(moved) - 1, -1, -1):
        moved[at] = min(moved[at], ceiling)
        ceiling = moved[at] - step
    return moved
