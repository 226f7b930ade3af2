"""The report as one JSON document (RFC 8259, ASCII), by the schema of `json_schema`.

Texts off the wire stay as they were; JSON's own escapes keep them harmless. What is unknown or
no finite number is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from wiretell.exporter import Options, Target, text_stream
from wiretell.exporters.flow_rows import flow_rows
from wiretell.exporters.json_schema import FORMAT
from wiretell.exporters.selection import sections
from wiretell.model.report import Report

name = "json"


def write(report: Report, target: Target, options: Options) -> None:
    """Writes the document; see `wiretell.exporter.Exporter`."""
    with text_stream(target) as stream:
        json.dump(document(report, options), stream, indent=1, allow_nan=False)
        stream.write("\n")


def document(report: Report, options: Options) -> dict[str, Any]:
    """The document as Python values."""
    addresses = [
        {**_without(section.address, "n_opened"), "devices": section.devices}
        for section in sections(report, options)
    ]
    shown = {address["address"] for address in addresses}
    evidence = (row for row in report.evidence.to_dicts() if row["address"] in shown)
    made: dict[str, Any] = _finite(
        {
            "format": FORMAT,
            "provenance": report.provenance,
            "addresses": addresses,
            "flows": flow_rows(report, options).to_dicts(),
            "evidence": list(evidence),
        }
    )
    return made


def _without(row: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in row.items() if k != key}


def _finite(value: Any) -> Any:
    """`value` with null for every number that JSON has no word for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return value
