"""Clocks as JSON, CSV and Parquet: the tables as they are.

Schema of the JSON document: docs/schema/clocks.v1.json; a test holds the two together.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import polars as pl

from wiretell.errors import ConfigError
from wiretell.exporter import Target, text_stream
from wiretell.exporters.escape import spreadsheet
from wiretell.exporters.json_schema import row_schema
from wiretell.model.clocks import CLOCKS, CURVES, ClockReport

FORMAT = "wiretell.clocks/1"
"""Name and version of the document; a change that breaks readers raises the version."""
MANIFEST = "clocks.json"


def write_json(found: ClockReport, target: Target) -> None:
    """One document: clocks, their curves, notes and where they came from; points are left out."""
    with text_stream(target) as stream:
        json.dump(document(found), stream, indent=1, allow_nan=False, ensure_ascii=True)
        stream.write("\n")


def document(found: ClockReport) -> dict[str, Any]:
    """The document as JSON values; what is no finite number is null."""
    return {
        "format": FORMAT,
        "level": found.level,
        "notes": list(found.notes),
        "clocks": _finite(found.clocks.to_dicts()),
        "curves": _finite(found.curves.to_dicts()),
        "provenance": _finite(dict(found.provenance)),
    }


def write_csv(found: ClockReport, target: Target) -> None:
    """One row per clock (RFC 4180, lines end LF); lists are joined by blanks."""
    rows = found.clocks
    texts = [name for name, dtype in rows.schema.items() if dtype == pl.String]
    lists = [name for name, dtype in rows.schema.items() if isinstance(dtype, pl.List)]
    rows = rows.with_columns(
        *(_safe(rows[name]) for name in texts),
        *(pl.col(name).list.eval(pl.element().cast(pl.String)).list.join(" ") for name in lists),
    )
    with text_stream(target) as stream:
        stream.write(rows.write_csv(float_precision=6))


def _safe(texts: pl.Series) -> pl.Series:
    return texts.replace({text: spreadsheet(text) for text in texts.unique().drop_nulls()})


def write_parquet(found: ClockReport, target: Target) -> None:
    """A folder: clocks, clock_curves and clock_points as Parquet, and `clocks.json` about them.

    An earlier one there is replaced, any other content is not (ConfigError).
    """
    if not isinstance(target, Path):
        raise ConfigError("tables are a folder; they cannot go to standard output")
    earlier = (target / MANIFEST).is_file()
    if target.exists() and not earlier and not (target.is_dir() and not any(target.iterdir())):
        raise ConfigError(f"{target}: exists and is not a folder of clocks; nothing was written")
    target.mkdir(parents=True, exist_ok=True)
    for name, frame in found.tables().items():
        frame.write_parquet(target / f"{name}.parquet", compression="zstd")
    told = {
        "format": FORMAT,
        "level": found.level,
        "notes": list(found.notes),
        "provenance": _finite(dict(found.provenance)),
    }
    text = json.dumps(told, indent=2, sort_keys=True, ensure_ascii=True)
    (target / MANIFEST).write_text(text + "\n", encoding="utf-8")


def schema() -> dict[str, Any]:
    """The schema of the JSON document (JSON Schema 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:wiretell:schema:clocks:1",
        "title": "The clocks that a capture shows",
        "type": "object",
        "required": ["format", "level", "notes", "clocks", "curves", "provenance"],
        "additionalProperties": False,
        "properties": {
            "format": {"const": FORMAT},
            "level": {"enum": ["flow", "address", "device"]},
            "notes": {"type": "array", "items": {"type": "string"}},
            "clocks": {"type": "array", "items": _row_schema(CLOCKS)},
            "curves": {"type": "array", "items": _row_schema(CURVES)},
            "provenance": {
                "type": "object",
                "description": "files, filter, counters, damage, failed signals",
            },
        },
    }


def _row_schema(table: Any) -> dict[str, Any]:
    row = row_schema(table)
    for name, column in row["properties"].items():
        if name in ("flow_id", "side", "address"):  # at other levels, or of several
            column["type"] = [*{*_as_list(column["type"]), "null"}]
            column["type"].sort()
    return row


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _finite(value: Any) -> Any:
    """`value` with null for every number that JSON has no word for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2, ensure_ascii=True))
