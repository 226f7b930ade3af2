"""Clocks as one self-contained page: what each says, and offsets against time.

As the page of machines (`html`): nothing is loaded from elsewhere, texts are escaped twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from bokeh.resources import Resources

from wiretell.exporter import Options, Target, text_stream
from wiretell.exporters.clocks_text import (
    READING,
    SOURCE_WORDS,
    best,
    by_address,
    by_hull,
    by_regression,
    details,
    is_told,
    n_measured,
    rate,
    short_name,
    time_span,
)
from wiretell.exporters.embedding import START, digest, embedded
from wiretell.exporters.escape import shortened
from wiretell.exporters.notes import PRIVACY, notes_on
from wiretell.exporters.templates import environment
from wiretell.model.clocks import ClockReport
from wiretell.plots.offsets import draw_clocks
from wiretell.plots.palette import look

MAX_SECTIONS = 60
"""Addresses with a section of their own; the rest is counted in a line."""
MAX_PLOTTED = 25
MAX_ROWS = 400
MAX_LABEL = 30


def write(found: ClockReport, target: Target, options: Options) -> None:
    """Writes the page; the same clocks give the same bytes."""
    with text_stream(target) as stream:
        stream.write(page(found, options))


def page(found: ClockReport, options: Options) -> str:
    """The page as HTML text."""
    rows = found.clocks.to_dicts()
    told = rows if options.all_addresses else [row for row in rows if is_told(row)]
    groups = by_address(told)
    shown = groups[: options.top or MAX_SECTIONS]
    bokeh = Resources(mode="inline", components=["bokeh"], log_level="warn").js_raw
    scripts = [*bokeh, START]
    return (
        environment()
        .get_template("clocks.html.jinja")
        .render(
            found=found,
            provenance=found.provenance,
            sections=_sections(found, shown),
            n_measured=n_measured(rows),
            n_more=len(groups) - len(shown),
            n_hidden=len(rows) - len(told),
            notes=notes_on(found.provenance),
            reading=READING,
            privacy=PRIVACY,
            style=(files(__package__) / "page.css").read_text(encoding="utf-8"),
            scripts=scripts,
            digests=[digest(script) for script in scripts],
        )
    )


def _sections(found: ClockReport, groups: Sequence[tuple[str, list[Any]]]) -> list[dict[str, Any]]:
    """What the template shows of each address."""
    sections: list[dict[str, Any]] = []
    n_plotted = 0
    for place, (address, rows) in enumerate(groups):
        listed = rows[:MAX_ROWS]
        labels = {row["clock"]: _label(row, listed) for row in listed}
        section: dict[str, Any] = {
            "address": address,
            "n_more": len(rows) - len(listed),
            "clocks": [
                {
                    "row": row,
                    "name": labels[row["clock"]],
                    "color": look(i).color,
                    "source": SOURCE_WORDS.get(row["source"], row["source"]),
                    "rate": rate(row),
                    "best": best(row),
                    "by_hull": by_hull(row),
                    "by_regression": by_regression(row),
                    "watched": time_span(row["span_s"]),
                    "details": details(row, verbose=True),
                }
                for i, row in enumerate(listed)
            ],
        }
        if n_plotted < MAX_PLOTTED:
            drawing = draw_clocks(listed, labels, found.points, found.curves)
            if drawing is not None:
                n_plotted += 1
                section["remarks"] = drawing.remarks
                section["plots"] = embedded(drawing.layout, f"plots-{place}")
        sections.append(section)
    return sections


def _label(row: Any, rows: Sequence[Any]) -> str:
    """The clock's short name, with its source where one subject has several."""
    name = short_name(row)
    if sum(short_name(each) == name for each in rows) > 1:
        name = (
            f"{name} {SOURCE_WORDS.get(row['source'], row['source'])} {row['nominal_hz'] or 0:g} Hz"
        )
    return shortened(name, MAX_LABEL)
