"""What was probed as one JSON document (RFC 8259, ASCII): clocks and probes as tables of rows."""

from __future__ import annotations

import json
from typing import Any

from wiretell.exporter import Target, text_stream
from wiretell.model.probe import ProbeReport

FORMAT = "wiretell.probe/1"
"""Name and version of the document; a change that breaks readers raises the version."""


def write(told: ProbeReport, target: Target) -> None:
    """Writes the document."""
    with text_stream(target) as stream:
        json.dump(document(told), stream, indent=1, allow_nan=False)
        stream.write("\n")


def document(told: ProbeReport) -> dict[str, Any]:
    """Rows as in the tables `clocks` and `probes`, empty fields left out."""
    return {
        "format": FORMAT,
        "clocks": [_given(row) for row in told.clocks.to_dicts()],
        "probes": [_given(row) for row in told.probes.to_dicts()],
        "notes": list(told.notes),
    }


def _given(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}
