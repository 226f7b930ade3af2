"""Columns of a flow that the line formats show, and flows in words shared by them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import polars as pl

from wiretell.exporters.ip_protocols import PROTOCOLS
from wiretell.model.column import Table
from wiretell.model.tracked import TRACKED_FLOWS

_INSIDE = re.compile(r"_(ipid|ts)_")
"""Statistics that telling machines apart works with; Parquet has them all."""

FLOW_LINE = Table(
    "flow_line",
    TRACKED_FLOWS.row,
    tuple(column for column in TRACKED_FLOWS.columns if not _INSIDE.search(column.name)),
)

ICMP = (1, 58)


def protocol() -> pl.Expr:
    """The protocol by name, else by number."""
    number = pl.col("proto")
    return number.replace_strict(PROTOCOLS, default=number.cast(pl.String), return_dtype=pl.String)


def each_once(values: pl.Series, write: Callable[[int], str]) -> pl.Series:
    """What `write` makes of each value, which it sees once; nulls become empty."""
    different = values.unique().drop_nulls()
    texts = pl.Series([write(value) for value in different], dtype=pl.String)
    return values.replace_strict(different, texts, default="", return_dtype=pl.String)


def lines(texts: pl.Series) -> Iterable[str]:
    """Each text with a line end, many at once."""
    for chunk in texts.to_frame().iter_slices(50_000):
        yield "\n".join(chunk.to_series()) + "\n"
