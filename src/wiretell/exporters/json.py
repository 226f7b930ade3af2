"""The report as one JSON document (RFC 8259, ASCII), by the schema of `json_schema`.

One line per address, flow side and piece of evidence, written as it goes: a large report needs
no document in memory. Texts off the wire stay as they were; JSON's own escapes keep them
harmless. What is unknown or no finite number is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

import polars as pl

from wiretell.exporter import Options, Target, text_stream
from wiretell.exporters.flow_rows import flow_rows
from wiretell.exporters.json_schema import FORMAT
from wiretell.exporters.selection import Row, ordered_addresses, sections
from wiretell.model.report import Report

name = "json"

_CHUNK_ROWS = 50_000


def write(report: Report, target: Target, options: Options) -> None:
    """Writes the document; see `wiretell.exporter.Exporter`."""
    shown = ordered_addresses(report, options)["address"].to_list()
    evidence = report.evidence.filter(pl.col("address").is_in(shown))
    with text_stream(target) as stream:
        stream.write(f'{{"format": {_text(FORMAT)},\n')
        provenance = json.dumps(_finite(report.provenance), allow_nan=False, sort_keys=True)
        stream.write(f'"provenance": {provenance},\n')
        _write_array(stream, "addresses", _addresses(report, options), end=",")
        _write_array(stream, "flows", _rows(flow_rows(report, options)), end=",")
        _write_array(stream, "evidence", _rows(evidence), end="}")


def _write_array(stream: TextIO, key: str, rows: Iterable[Row], *, end: str) -> None:
    stream.write(f"{_text(key)}: [")
    separator = "\n"
    for row in rows:
        stream.write(separator + _text(row))
        separator = ",\n"
    stream.write(f"]{end}\n")


def _addresses(report: Report, options: Options) -> Iterator[Row]:
    for section in sections(report, options):
        known = {key: value for key, value in section.address.items() if key != "n_opened"}
        row: Row = _finite({**known, "devices": section.devices})
        yield row


def _rows(frame: pl.DataFrame) -> Iterator[Row]:
    for chunk in frame.iter_slices(_CHUNK_ROWS):
        floats = [column for column, dtype in chunk.schema.items() if dtype.is_float()]
        finite = (pl.when(pl.col(c).is_finite()).then(pl.col(c)).alias(c) for c in floats)
        yield from chunk.with_columns(finite).iter_rows(named=True)


def _text(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=True)


def _finite(value: Any) -> Any:
    """`value` with null for every number that JSON has no word for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return value
