"""One row per judged flow side, as comma-separated values (RFC 4180, line ends LF).

Texts off the wire are made visible, and kept from being read as formulas by spreadsheets.
"""

from __future__ import annotations

import polars as pl

from wiretell.exporter import Options, Target, text_stream
from wiretell.exporters.escape import spreadsheet
from wiretell.exporters.flow_rows import flow_rows
from wiretell.model.report import Report

name = "csv"

_TEXTS = ("device", "sni", "user_agent", "reason")
_CHUNK_ROWS = 100_000


def write(report: Report, target: Target, options: Options) -> None:
    """Writes the rows with a header line; see `wiretell.exporter.Exporter`."""
    rows = flow_rows(report, options)
    rows = rows.with_columns(_safe(rows[column]) for column in _TEXTS)
    with text_stream(target) as stream:
        stream.write(rows.head(0).write_csv())
        for chunk in rows.iter_slices(_CHUNK_ROWS):
            stream.write(chunk.write_csv(include_header=False, float_precision=4))


def _safe(texts: pl.Series) -> pl.Series:
    """The texts escaped; each different one once."""
    shown = {text: spreadsheet(text) for text in texts.unique().drop_nulls()}
    changed = {text: safe for text, safe in shown.items() if text != safe}
    return texts.replace(changed) if changed else texts
