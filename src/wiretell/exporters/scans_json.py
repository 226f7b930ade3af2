"""Scans as one JSON document (RFC 8259, ASCII).

Schema: docs/schema/scans.v1.json; a test holds it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from wiretell.exporter import Target, text_stream
from wiretell.findings.scans.finding import LIKELY, Scans

FORMAT = "wiretell.scans/1"
"""Name and version of the document; a change that breaks readers raises the version."""


def write(found: Scans, target: Target, *, unlikely: bool = False) -> None:
    """Writes the likely findings, or all."""
    with text_stream(target) as stream:
        told = document(found, unlikely=unlikely)
        json.dump(told, stream, indent=1, allow_nan=False, ensure_ascii=True)
        stream.write("\n")


def document(found: Scans, *, unlikely: bool = False) -> dict[str, Any]:
    """The findings as JSON values: keys are those of `Finding`, and `rate_per_s`."""
    chosen = [each for each in found.findings if unlikely or each.probability >= LIKELY]
    return {
        "format": FORMAT,
        "findings": [asdict(each) | {"rate_per_s": each.rate_per_s} for each in chosen],
        "n_unlikely": len(found.findings) - len(found.likely),
        "counts": dict(found.counts),
        "provenance": dict(found.provenance),
    }
