"""Plots of a report by name, for notebooks and programs: `report.plot.ip_id(highlight="device")`.

Every plot of `wiretell plot` is made here too, so that both are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from wiretell.errors import ConfigError
from wiretell.exporter import Options
from wiretell.exporters import plot_json, plot_png, plot_svg, plot_text
from wiretell.exporters.plot_layout import HEIGHT, LEAST, MOST, WIDTH
from wiretell.expressions.parser import parse
from wiretell.model.points import POINTS, PointSource
from wiretell.model.report import Report
from wiretell.plots.cloud import Axis
from wiretell.plots.columns import columns, names, quantity
from wiretell.plots.highlight import MOST_VALUES, highlight
from wiretell.plots.scene import Scene, scene
from wiretell.plots.sides import Sides, flow_sides

Size = tuple[int, int]


@dataclass(frozen=True)
class Plot:
    """A plot that is ready to be shown; in a notebook it shows itself.

    `scene` is what is drawn, `size` pixels of its PNG and SVG.
    """

    scene: Scene
    sides: Sides
    size: Size = (WIDTH, HEIGHT)
    dark: bool = False

    @property
    def figure(self) -> Any:
        """The Bokeh figure, for `bokeh.plotting.show`."""
        return _html().figure_of(self.scene, self.sides)

    def to_dict(self) -> dict[str, Any]:
        """What is drawn, as JSON values (docs/schema/plot.v1.json)."""
        return plot_json.document(self.scene, size=self.size)

    def save(self, path: str | Path) -> None:
        """Writes the plot in the form that the name's end says: .png, .svg, .html or .json.

        Raises ConfigError for another end, OSError where it cannot be written.
        """
        target = Path(path)
        form = target.suffix.lower()
        if form == ".png":
            plot_png.write(self.scene, target, size=self.size, dark=self.dark)
        elif form == ".svg":
            plot_svg.write(self.scene, target, size=self.size, dark=self.dark)
        elif form == ".html":
            _html().write(self.scene, self.sides, target)
        elif form == ".json":
            plot_json.write(self.scene, target, size=self.size)
        else:
            raise ConfigError(f"{target.name}: a plot is saved as .png, .svg, .html or .json")

    def _repr_png_(self) -> bytes:
        """The picture that a notebook shows."""
        return plot_png.png(self.scene, size=self.size, dark=self.dark)

    def __str__(self) -> str:
        """The plot in Braille characters."""
        return "\n".join(line.plain.rstrip() for line in plot_text.lines(self.scene, Options.width))

    def __repr__(self) -> str:
        """One line: how much there is, or why nothing."""
        why = self.scene.why_empty
        said = f"<Plot of {self.scene.quantity.name.name}, {self.scene.n_shown} points>"
        return f"{said} {why}" if why else said


class ReportPlots:
    """The plots of a report: a method for each column that can be drawn (`dir()` lists them)."""

    def __init__(self, report: Report) -> None:
        self._report = report

    @cached_property
    def _sides(self) -> Sides:
        return flow_sides(self._report)

    def __dir__(self) -> list[str]:
        """Names of all that can be drawn."""
        return sorted(name for name, each in columns().items() if each.axis is not None)

    def __getattr__(self, name: str) -> Any:
        """The method that draws the column of that name."""
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            asked = quantity(name)
        except ConfigError as error:
            raise AttributeError(str(error)) from None

        def drawn(**options: Any) -> Plot:
            return self(asked.name.name, **options)

        drawn.__name__ = name
        drawn.__doc__ = f"{asked.name.meaning}; options as of calling `plot` itself."
        return drawn

    def __call__(
        self,
        y: str,
        *,
        x: Axis = "time",
        where: str | None = None,
        highlight: str | Sequence[str] = (),
        reverse: bool = False,
        top: int = MOST_VALUES,
        y_range: tuple[float, float] | None = None,
        size: Size = (WIDTH, HEIGHT),
        dark: bool = False,
    ) -> Plot:
        """Draws the column `y` of every packet against time, or against packet numbers.

        `where` is an expression that packets must fulfil. `highlight` is an attribute that
        colours them (device, user_agent, ja4, syn, ttl, ...; `reverse`: that of the flow's other
        side; `top`: how many of its values), or expressions, each `name=expression`.

        Raises ConfigError: a column or an expression is wrong (the message shows the place).
        """
        check_size(size)
        if x == "packet" and self._report.points is None:
            raise ConfigError("this report was saved without its packets, which have the numbers")
        points, remarks = points_of(self._report)
        asked = [highlight] if isinstance(highlight, str) else list(highlight)
        found = _highlighted(asked, self._sides, reverse=reverse, top=top)
        made = scene(
            self._report,
            points,
            self._sides,
            quantity(y),
            found,
            axis=x,
            where=parse(where, names()) if where else None,
            filters=filters_in_words(self._report, where),
            y_range=y_range,
            remarks=remarks,
            lacking=points.lacking if isinstance(points, SampledPoints) else (),
        )
        return Plot(made, self._sides, size, dark)


def _html() -> Any:
    """The page's writer; Bokeh is loaded for it alone."""
    return import_module("wiretell.exporters.plot_html")


def _highlighted(asked: Sequence[str], sides: Sides, *, reverse: bool, top: int) -> Any:
    return highlight(asked, sides, reverse=reverse, most=top)


def check_size(size: Size) -> None:
    """Raises ConfigError where a picture would be too small or too large."""
    if not all(LEAST <= each <= MOST for each in size):
        raise ConfigError(f"a picture is {LEAST} to {MOST} pixels wide and high")


def filters_in_words(report: Report, where: str | None) -> tuple[str, ...]:
    """The filters that packets went through, for people."""
    bpf = report.provenance.get("filter")
    said = [f"filter: {bpf}"] if bpf else []
    return (*said, f"where: {where}") if where else tuple(said)


def points_of(report: Report) -> tuple[PointSource, tuple[str, ...]]:
    """The packets of a report to be drawn, and what to say about them.

    A report that was saved without its packets has samples of them.
    """
    if report.points is not None:
        return report.points, ()
    return SampledPoints(report), (
        f"Drawn from {report.samples.height} sampled packets: the report holds no more of them"
        " (keep all with --points when it is saved).",
    )


class SampledPoints:
    """The samples of a report as points; what samples do not have is missing."""

    def __init__(self, report: Report) -> None:
        flows = report.flows
        sides = pl.concat(
            [
                flows.select(
                    "flow_id",
                    pl.lit(number, pl.UInt8).alias("side"),
                    pl.col(f"{own}_p").alias("sport"),
                    pl.col(f"{other}_p").alias("dport"),
                    pl.col(f"{own}_ttl").alias("ttl"),
                )
                for number, (own, other) in enumerate((("orig", "resp"), ("resp", "orig")))
            ]
        )
        rows = report.samples.join(sides, on=["flow_id", "side"], how="left").sort(
            "time_ns", "flow_id", "side", maintain_order=True
        )
        self.lacking = frozenset(POINTS.schema) - {*rows.columns, "packet"}
        self._rows = rows.select(
            pl.col(name) if name in rows.columns else pl.lit(None, dtype).alias(name)
            for name, dtype in POINTS.schema.items()
        ).with_columns(packet=pl.int_range(1, pl.len() + 1, dtype=pl.UInt64))

    @property
    def n_rows(self) -> int:
        """How many there are."""
        return self._rows.height

    def batches(self, columns: Sequence[str]) -> Any:
        """All rows at once."""
        yield self._rows.select(columns)

    def save(self, folder: Path) -> None:
        """Samples are a table of the report; they are not saved twice."""
        raise ConfigError(f"{folder}: the report holds no packets to be saved")
