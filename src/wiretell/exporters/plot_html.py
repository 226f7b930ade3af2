"""A plot as one self-contained page, with zoom and what a pointer shows.

Nothing is loaded from elsewhere; a Content-Security-Policy allows the page's own scripts alone.
Texts off the wire are escaped twice, as on the page of a report.
"""

from __future__ import annotations

from importlib.resources import files

import polars as pl
from bokeh.resources import Resources

from wiretell.exporter import Target, text_stream
from wiretell.exporters import quantity
from wiretell.exporters.embedding import START, digest, embedded
from wiretell.exporters.escape import shortened, visible
from wiretell.exporters.plot_layout import short_label
from wiretell.exporters.plot_png import shaded
from wiretell.exporters.templates import environment
from wiretell.plots.chart import chart
from wiretell.plots.scene import Scene
from wiretell.plots.sides import Sides

TARGET = "plot"
PICTURE = (1600, 480)
"""Pixels of the picture where points are too many to be drawn one by one."""
_MAX_SAID = 120


def write(scene: Scene, sides: Sides, target: Target) -> None:
    """Writes the page; the same scene gives the same bytes."""
    with text_stream(target) as stream:
        stream.write(page(scene, sides))


def page(scene: Scene, sides: Sides) -> str:
    """The page as HTML text."""
    bokeh = Resources(mode="inline", components=["bokeh"], log_level="warn").js_raw
    scripts = [*bokeh, START]
    drawing = None
    if scene.n_shown:
        drawing = embedded(figure_of(scene, sides), TARGET)
    return (
        environment()
        .get_template("plot.html.jinja")
        .render(
            scene=scene,
            plot=drawing,
            target=TARGET,
            count=quantity.count,
            scripts=scripts,
            digests=[digest(script) for script in scripts],
            style=(files(__package__) / "page.css").read_text(encoding="utf-8"),
        )
    )


def figure_of(scene: Scene, sides: Sides) -> object:
    """The Bokeh figure, its texts escaped."""
    labels = [short_label(layer.label) for layer in scene.layers]
    shown = scene.relabelled(labels)
    picture = None if scene.by_marks else shaded(scene, *PICTURE)
    return chart(shown, sides, picture, _texts(scene, sides) if scene.by_marks else {})


def _texts(scene: Scene, sides: Sides) -> dict[str, str]:
    rows = sides.table[scene.cloud.side[scene.shown]].select("device", "user_agent").unique()
    every = pl.concat([rows["device"], rows["user_agent"]]).drop_nulls().unique()
    return {text: shortened(visible(text), _MAX_SAID) for text in every}
