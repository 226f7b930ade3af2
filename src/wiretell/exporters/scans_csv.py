"""Scans as comma-separated values (RFC 4180, line ends LF): one row per finding."""

from __future__ import annotations

import polars as pl

from wiretell.exporter import Target, text_stream
from wiretell.exporters.escape import spreadsheet
from wiretell.exporters.port_ranges import port_ranges
from wiretell.findings.scans.finding import LIKELY, Finding, Scans

_STATES = ("open", "closed", "filtered", "open_or_filtered", "unfiltered")


def write(found: Scans, target: Target, *, unlikely: bool = False) -> None:
    """Writes the likely findings, or all, with a header line."""
    chosen = [each for each in found.findings if unlikely or each.probability >= LIKELY]
    with text_stream(target) as stream:
        stream.write(_table(chosen).write_csv(float_precision=4))


def _table(findings: list[Finding]) -> pl.DataFrame:
    schema = {
        **dict.fromkeys(("kind", "technique"), pl.String),
        "probability": pl.Float64,
        **dict.fromkeys(("scanner", "zombie", "sources", "targets"), pl.String),
        **dict.fromkeys(("n_targets", "n_probes", "first_ns", "last_ns"), pl.Int64),
        **dict.fromkeys((f"ports_{state}" for state in _STATES), pl.String),
        "reason": pl.String,
    }
    return pl.DataFrame([_row(each) for each in findings], schema=schema)


def _row(each: Finding) -> dict[str, object]:
    strongest = max(each.reasons, key=lambda reason: reason.bits, default=None)
    return {
        "kind": each.kind,
        "technique": each.technique,
        "probability": each.probability,
        "scanner": each.scanner,
        "zombie": each.zombie,
        "sources": " ".join(each.sources),
        "targets": " ".join(each.targets),
        "n_targets": each.n_targets,
        "n_probes": each.n_probes,
        "first_ns": each.first_ns,
        "last_ns": each.last_ns,
        **{
            f"ports_{state}": port_ranges(getattr(each.ports, state)).replace(", ", " ")
            for state in _STATES
        },
        "reason": spreadsheet(strongest.text) if strongest else None,
    }
