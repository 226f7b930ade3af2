"""The report as one self-contained page: tables, reasons and linked plots.

Nothing is loaded from elsewhere. A Content-Security-Policy allows the page's own scripts (by
their digests) and no request at all. Every text off the wire is escaped twice: hidden characters
made visible, then HTML-escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any

from bokeh.resources import Resources

from wiretell.exporter import Options, Target, text_stream
from wiretell.exporters.embedding import START, digest, embedded
from wiretell.exporters.escape import shortened, visible
from wiretell.exporters.limits import HEADINGS, limits, rows
from wiretell.exporters.notes import LIMITS, PRIVACY, notes
from wiretell.exporters.selection import Row, Section, device_number, sections
from wiretell.exporters.templates import environment
from wiretell.model.report import Report
from wiretell.plots.data import address_points, said_by_flow_side
from wiretell.plots.figures import Machine, draw
from wiretell.plots.palette import look

name = "html"

MAX_SECTIONS = 100
"""Addresses with a section of their own; the rest is counted in a line."""
MAX_PLOTTED = 30
"""Addresses with plots: those with several machines, and the first `N_PLOTTED`."""
N_PLOTTED = 10
MAX_LABEL = 30
MAX_SAID = 120


def write(report: Report, target: Target, options: Options) -> None:
    """Writes the page; see `wiretell.exporter.Exporter`."""
    with text_stream(target) as stream:
        stream.write(page(report, options))


def page(report: Report, options: Options) -> str:
    """The page as HTML text."""
    chosen = list(sections(report, replace(options, top=None)))
    one_by_one = options.all_addresses or bool(options.addresses)
    listed = [s for s in chosen if one_by_one or not s.is_single_server]
    summed = [s for s in chosen if not one_by_one and s.is_single_server]
    shown = listed[: options.top or MAX_SECTIONS]
    bokeh = Resources(mode="inline", components=["bokeh"], log_level="warn").js_raw
    scripts = [*bokeh, START]
    return (
        environment()
        .get_template("page.html.jinja")
        .render(
            report=report,
            provenance=report.provenance,
            sections=_views(report, shown, options),
            n_more=len(listed) - len(shown),
            servers=summed,
            n_devices=sum(section.address["n_devices"] or 0 for section in chosen),
            n_addresses=len(chosen),
            n_judged=sum(section.address["n_flows"] or 0 for section in chosen),
            notes=notes(report),
            privacy=PRIVACY,
            limits=LIMITS,
            not_separable=limits(),
            limit_headings=HEADINGS,
            limit_rows=rows(),
            style=(files(__package__) / "page.css").read_text(encoding="utf-8"),
            scripts=scripts,
            digests=[digest(script) for script in scripts],
        )
    )


def _views(report: Report, shown: Sequence[Section], options: Options) -> list[dict[str, Any]]:
    """What the template shows of each section, the plots' data among it."""
    said = said_by_flow_side(report)
    texts = {text: shortened(visible(text), MAX_SAID) for text in said["said"].unique()}
    n_first = options.top or N_PLOTTED
    views: list[dict[str, Any]] = []
    n_plotted = 0
    for place, section in enumerate(shown):
        devices = [_device_view(row, index) for index, row in enumerate(section.devices)]
        view: dict[str, Any] = {
            "address": section.address,
            "devices": devices,
            "id": f"address-{place}",
        }
        several = (section.address["n_devices"] or 0) > 1
        if n_plotted < MAX_PLOTTED and (several or place < n_first):
            machines = [Machine(d["row"]["device"], d["label"], d["look"]) for d in devices]
            points = address_points(report, said, section.address["address"])
            drawing = draw(points, machines, texts)
            if drawing is not None:
                n_plotted += 1
                view["remarks"] = drawing.remarks
                view["plots"] = embedded(drawing.layout, f"plots-{place}")
        views.append(view)
    return views


def _device_view(row: Row, index: int) -> dict[str, Any]:
    number = device_number(row["device"])
    short = f"#{number}" if number else visible(row["device"])
    looks_like = visible(row["looks_like"] or "unknown")
    return {
        "row": row,
        "short": short,
        "label": shortened(f"{short} {looks_like}", MAX_LABEL),
        "look": look(index),
    }
