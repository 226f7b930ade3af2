"""What was probed as one JSON document (RFC 8259, ASCII): clocks and probes as tables of rows.

Its schema is docs/schema/probe.v1.json, written by `python -m wiretell.exporters.probe_json`; a
test holds the two together.
"""

from __future__ import annotations

import json
from typing import Any

from wiretell.exporter import Target, text_stream
from wiretell.exporters.json_schema import row_schema
from wiretell.model.clocks import CLOCKS
from wiretell.model.probe import PROBES, ProbeReport

FORMAT = "wiretell.probe/1"
"""Name and version of the document; a change that breaks readers raises the version."""


def write(told: ProbeReport, target: Target) -> None:
    """Writes the document."""
    with text_stream(target) as stream:
        json.dump(document(told), stream, indent=1, allow_nan=False)
        stream.write("\n")


def document(told: ProbeReport) -> dict[str, Any]:
    """Rows as in the tables `clocks` and `probes`."""
    return {
        "format": FORMAT,
        "notes": list(told.notes),
        "clocks": told.clocks.to_dicts(),
        "probes": told.probes.to_dicts(),
    }


def schema() -> dict[str, Any]:
    """The schema of the document (JSON Schema 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:wiretell:schema:probe:1",
        "title": "Hosts that were probed, and their clocks",
        "type": "object",
        "required": ["format", "notes", "clocks", "probes"],
        "additionalProperties": False,
        "properties": {
            "format": {"const": FORMAT},
            "notes": {"type": "array", "items": {"type": "string"}},
            "clocks": {"type": "array", "items": _clock_schema()},
            "probes": {"type": "array", "items": row_schema(PROBES)},
        },
    }


def _clock_schema() -> dict[str, Any]:
    row = row_schema(CLOCKS)
    for name in ("flow_id", "side"):  # of clocks read in captures
        row["properties"][name]["type"] = ["integer", "null"]
    return row


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2, ensure_ascii=True))
