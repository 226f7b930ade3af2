"""A plot as a Bokeh figure: points with what a pointer shows, or a picture of many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from bokeh.models import BasicTickFormatter, ColumnDataSource, HoverTool, LinearAxis, Range1d
from bokeh.models.renderers import GlyphRenderer
from bokeh.plotting import figure
from numpy.typing import NDArray

from wiretell.plots.scene import Scene, mark_color
from wiretell.plots.sides import Sides
from wiretell.plots.time_figure import HEIGHT_PX as USUAL_PX
from wiretell.plots.time_figure import add_legend, time_figure

HEIGHT_PX = 480
_NS_PER_MS = 1e6


def chart(
    scene: Scene, sides: Sides, picture: NDArray[np.uint8] | None, texts: Mapping[str, str]
) -> figure:
    """The figure. `picture` (RGBA, lowest y first) where there are too many points for marks;
    `texts` maps each text off the wire to the escaped text that a pointer shows."""
    window = scene.window
    per_unit = _NS_PER_MS if scene.axis == "time" else 1.0
    x_range = Range1d(start=window.x0 / per_unit, end=window.x1 / per_unit)
    plot = time_figure(
        scene.title, scene.quantity.axis or "", x_range, Range1d(start=window.y0, end=window.y1)
    )
    plot.xaxis.axis_label = "time (UTC)"
    if scene.axis == "packet":
        _number_axis(plot)
    if picture is not None:
        packed: Any = np.ascontiguousarray(picture).view(np.uint32).reshape(picture.shape[:2])
        plot.image_rgba(
            image=[packed],
            x=window.x0 / per_unit,
            y=window.y0,
            dw=(window.x1 - window.x0) / per_unit,
            dh=window.y1 - window.y0,
        )
    drawn = {
        number: _scatter(plot, scene, sides, number, per_unit, texts)
        if picture is None
        else _sample(plot, scene, number)
        for number in scene.order
    }
    if len(scene.layers) > 1 and drawn:
        labels = [
            f"{layer.label} ({n})" for layer, n in zip(scene.layers, scene.totals, strict=True)
        ]
        named: dict[str, list[GlyphRenderer[Any]]] = {}
        for number in sorted(drawn):
            named.setdefault(labels[number], []).append(drawn[number])
        add_legend([plot], named)
    plot.height = (plot.height or USUAL_PX) + HEIGHT_PX - USUAL_PX
    return plot


def _number_axis(plot: figure) -> None:
    """Numbers in place of times."""
    axis = plot.xaxis[0]
    axis.formatter = BasicTickFormatter(use_scientific=False)
    axis.ticker = LinearAxis().ticker
    axis.axis_label = "packet number"


def _scatter(
    plot: figure,
    scene: Scene,
    sides: Sides,
    number: int,
    per_unit: float,
    texts: Mapping[str, str],
) -> GlyphRenderer[Any]:
    """The points of one layer, each with its flow."""
    cloud, layer = scene.cloud, scene.layers[number]
    own = scene.shown[cloud.layer[scene.shown] == number]
    rows = sides.table[cloud.side[own]]

    def escaped(name: str) -> list[str]:
        return [texts.get(text, "") for text in rows[name].fill_null("")]

    source = ColumnDataSource(
        {
            "x": cloud.x[own] / per_unit,
            "y": cloud.y[own].astype(np.float64),
            "label": [layer.label] * len(own),
            "flow": rows["flow_id"].to_numpy().astype(np.float64),
            "from": rows["src"].to_list(),
            "to": rows["dst"].to_list(),
            "machine": escaped("device"),
            "said": escaped("user_agent"),
        }
    )
    color = "#{:02x}{:02x}{:02x}".format(*mark_color(layer.look))
    renderer = plot.scatter(
        "x",
        "y",
        source=source,
        marker=layer.look.marker,
        size=6 if len(own) < 5_000 else 4,
        fill_color=color,
        line_color=color,
        fill_alpha=0.7,
        line_alpha=0.9,
        muted_alpha=0.05,
    )
    is_time = scene.axis == "time"
    hover = HoverTool(
        renderers=[renderer],
        tooltips=[
            ("highlight", "@label"),
            ("time" if is_time else "packet", "@x{%F %T.%3N} UTC" if is_time else "@x{0}"),
            (scene.quantity.name.name, "@y{0.[000]}"),
            ("flow", "@flow{0}"),
            ("from", "@from"),
            ("to", "@to"),
            ("machine", "@machine"),
            ("says", "@said"),
        ],
        formatters={"@x": "datetime"} if is_time else {},
        point_policy="snap_to_data",
        visible=False,
    )
    plot.add_tools(hover)
    return renderer


def _sample(plot: figure, scene: Scene, number: int) -> GlyphRenderer[Any]:
    """What the legend shows of a layer whose points are in a picture."""
    color = "#{:02x}{:02x}{:02x}".format(*mark_color(scene.layers[number].look))
    # A place that is none: the legend shows the look of the first point, the plot nothing.
    nowhere = [float("nan")]
    return plot.scatter(nowhere, nowhere, size=9, fill_color=color, line_color=color)
