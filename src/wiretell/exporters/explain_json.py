"""A connection explained, or an overview, as one JSON document (RFC 8259, ASCII).

Schemas: docs/schema/explain.v1.json and docs/schema/connections.v1.json; a test holds both.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from wiretell.exporter import Target, text_stream
from wiretell.findings.explain.explanation import Connection
from wiretell.findings.overview import Overview

FORMAT = "wiretell.explain/1"
OVERVIEW_FORMAT = "wiretell.connections/1"
"""Names and versions of the documents; a change that breaks readers raises the version."""


def write(connection: Connection, target: Target) -> None:
    """Writes the explanation."""
    _dump(document(connection), target)


def write_overview(seen: Overview, target: Target) -> None:
    """Writes the overview."""
    _dump(overview_document(seen), target)


def document(connection: Connection) -> dict[str, Any]:
    """The explanation as JSON values: keys are those of `Connection`."""
    return {"format": FORMAT, **asdict(connection)}


def overview_document(seen: Overview) -> dict[str, Any]:
    """The overview as JSON values: counts by name as objects."""
    return {
        "format": OVERVIEW_FORMAT,
        "n_flows": seen.n_flows,
        "n_invalid": seen.n_invalid,
        "connections": [
            asdict(each)
            | {"orig": _end(each.orig), "resp": _end(each.resp)}
            | {"reasons": dict(each.reasons), "notes": dict(each.notes), "marks": dict(each.marks)}
            for each in seen.worth
        ],
        "quality": asdict(seen.quality),
        "provenance": dict(seen.provenance),
    }


def _end(end: tuple[str, int]) -> dict[str, Any]:
    return {"address": end[0], "port": end[1]}


def _dump(told: dict[str, Any], target: Target) -> None:
    with text_stream(target) as stream:
        json.dump(told, stream, indent=1, allow_nan=False, ensure_ascii=True)
        stream.write("\n")
