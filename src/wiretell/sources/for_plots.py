"""A saved report read for plots: of its tables the columns that these need.

The tables of a report of fifty million packets are a gigabyte, more than half of it statistics
that signals were made of and samples that stand for packets which are there themselves.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from wiretell.model.column import Table
from wiretell.model.report import Report
from wiretell.model.tables import (
    ADDRESSES,
    DEVICES,
    EVIDENCE,
    FLOWS,
    MEMBERS,
    OBSERVATIONS,
    SAMPLES,
)
from wiretell.plots.clock import FIT
from wiretell.plots.sides import FLOW_COLUMNS, SAID
from wiretell.sources.saved import collected, load, load_edits, points_of, provenance_of, scan

_CLOCKS = tuple(f"{own}_{name}" for own in ("orig", "resp") for name in FIT)
_NOTES = ("history",)


def load_for_plots(path: str | Path) -> Report:
    """As `load`, but flows have the columns that plots and notes need, and samples are left out.

    A report that was edited, or saved without its packets, is read as a whole. Raises ConfigError,
    OSError as `load` does.
    """
    folder = Path(path)
    provenance, points = provenance_of(folder), points_of(folder)
    if points is None or load_edits(folder).active:
        return load(folder)

    def read(table: Table, rows: pl.LazyFrame) -> pl.DataFrame:
        return collected(folder, table, rows)

    columns = list(dict.fromkeys((*FLOW_COLUMNS, *_CLOCKS, *_NOTES)))
    said = pl.col("quantity").is_in(SAID) & pl.col("text").is_not_null()
    return Report(
        flows=read(FLOWS, scan(folder, FLOWS).select(columns)),
        samples=SAMPLES.empty(),
        observations=read(OBSERVATIONS, scan(folder, OBSERVATIONS).filter(said)),
        evidence=EVIDENCE.empty(),
        addresses=read(ADDRESSES, scan(folder, ADDRESSES)),
        devices=read(DEVICES, scan(folder, DEVICES)),
        members=read(MEMBERS, scan(folder, MEMBERS).select("flow_id", "side", "device")),
        provenance=provenance,
        points=points,
    )
