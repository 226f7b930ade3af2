"""The selected flows in the forms that other tools take."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from wiretell.explore.sides import COLUMNS, source_of
from wiretell.exporters import flow_filters
from wiretell.exporters.escape import spreadsheet

FORMS = {
    "wireshark": "Wireshark display filter",
    "bpf": "Capture filter (BPF)",
    "python": "Python",
    "csv": "CSV",
}
"""Form -> what it is called."""
NOTHING = ""


@dataclass(frozen=True)
class Offer:
    """What the page offers of a selection: the text, or why there is none."""

    text: str = NOTHING
    why_none: str = ""


def offer(form: str, chosen: pl.DataFrame, source: str) -> Offer:
    """`export_form`, in words for people where it cannot hold the selected rows."""
    try:
        return Offer(export_form(form, chosen, source))
    except ValueError as error:
        return Offer(why_none=str(error))


def export_form(form: str, chosen: pl.DataFrame, source: str) -> str:
    """The selected rows of the side table in one of `FORMS`; empty without any.

    `source` is a Python expression that gives the report. Raises ValueError where they are too
    many.
    """
    if chosen.is_empty():
        return NOTHING
    if form == "wireshark":
        return flow_filters.wireshark(chosen)
    if form == "bpf":
        return flow_filters.bpf(chosen)
    if form == "python":
        return flow_filters.python(chosen, source)
    return as_csv(chosen)


def as_csv(chosen: pl.DataFrame) -> str:
    """The columns that expressions know; texts off the wire made safe for spreadsheets."""
    rows = chosen.select(pl.col(source_of(name)).alias(name) for name in COLUMNS)
    return rows.with_columns(
        pl.col(name).map_elements(spreadsheet, return_dtype=pl.String)
        for name, kind in rows.schema.items()
        if kind == pl.String
    ).write_csv()
