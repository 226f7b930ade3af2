"""The JSON Schema of the JSON document, made from the tables' columns.

`python -m wiretell.exporters.json_schema > docs/schema/devices.v2.json` writes it; a test holds
the two together.
"""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from wiretell.exporters.flow_rows import FLOW_ROWS
from wiretell.model.column import Column, Table
from wiretell.model.tables import ADDRESSES, DEVICES, EVIDENCE

FORMAT = "wiretell.devices/2"
"""Name and version of the document; a change that breaks readers raises the version."""

_REQUIRED_VALUES = frozenset({"address", "device", "flow_id", "side", "src", "dst"})


def schema() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12)."""
    address = row_schema(ADDRESSES)
    address["properties"]["devices"] = {
        "type": "array",
        "description": "its machines, in order of their numbers",
        "items": row_schema(DEVICES),
    }
    address["required"].append("devices")
    flow = row_schema(FLOW_ROWS)
    flow["properties"]["device"]["type"] = ["string", "null"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:wiretell:schema:devices:2",
        "title": "Which machines are behind each address",
        "type": "object",
        "required": ["format", "provenance", "addresses", "flows", "evidence"],
        "additionalProperties": False,
        "properties": {
            "format": {"const": FORMAT},
            "provenance": {
                "type": "object",
                "description": "files, filter, counters, damage, failed signals",
            },
            "addresses": {
                "type": "array",
                "description": "those that open the most flows first",
                "items": address,
            },
            "flows": {"type": "array", "items": flow},
            "evidence": {"type": "array", "items": row_schema(EVIDENCE)},
        },
    }


def row_schema(table: Table) -> dict[str, Any]:
    """The schema of one row as an object; what may be unknown may be null."""
    return {
        "type": "object",
        "description": table.row,
        "required": [column.name for column in table.columns],
        "additionalProperties": False,
        "properties": {column.name: _property(column) for column in table.columns},
    }


def _property(column: Column) -> dict[str, Any]:
    unit = f" ({column.unit})" if column.unit else ""
    made = {"description": f"{column.meaning}{unit}", **_type(column.dtype)}
    if column.name not in _REQUIRED_VALUES:
        made["type"] = [made["type"], "null"]
    return made


def _type(dtype: pl.DataType | pl.datatypes.DataTypeClass) -> dict[str, Any]:
    if isinstance(dtype, pl.List):
        return {"type": "array", "items": _type(dtype.inner)}
    if dtype == pl.String:
        return {"type": "string"}
    if dtype == pl.Boolean:
        return {"type": "boolean"}
    if dtype == pl.Float64:
        return {"type": "number"}
    return {"type": "integer"}


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2, ensure_ascii=False))
