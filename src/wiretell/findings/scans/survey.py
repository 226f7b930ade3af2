"""Scans of a capture, from what was gathered of it. READ FIRST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wiretell.findings.scans.asked import detailed
from wiretell.findings.scans.backscatter import backscatter
from wiretell.findings.scans.decoys import decoy_scans
from wiretell.findings.scans.finding import KINDS, LIKELY, Finding, Scans
from wiretell.findings.scans.gathered import Gathered
from wiretell.findings.scans.idle import idle_scans
from wiretell.findings.scans.merged import merged, not_part_of, victims_alone, without_scanned
from wiretell.findings.scans.port_scans import port_scans
from wiretell.findings.scans.sweeps import sweeps


def find_scans(gathered: Gathered, provenance: Mapping[str, Any]) -> Scans:
    """All findings, unlikely ones included, the surest of the gravest kind first."""
    if gathered.probes.is_empty():
        return Scans((), _counts(gathered), dict(provenance))
    probes = detailed(gathered)
    scans = list(port_scans(probes, gathered))
    likely = [scan for scan in scans if scan.probability >= LIKELY]
    decoys = list(decoy_scans(probes, likely, gathered))
    idle = list(idle_scans(likely, decoys, gathered))
    found = [
        *merged(not_part_of(scans, [*idle, *decoys])),
        *idle,
        *decoys,
        *without_scanned(sweeps(probes, gathered), scans),
        *victims_alone(backscatter(probes, gathered), idle, scans),
    ]
    return Scans(tuple(sorted(found, key=_order)), _counts(gathered), dict(provenance))


def _order(found: Finding) -> tuple[Any, ...]:
    likely = found.probability >= LIKELY
    return (not likely, KINDS.index(found.kind), -found.probability, -found.n_probes,
            found.first_ns, found.sources, found.targets)  # fmt: skip


def _counts(gathered: Gathered) -> dict[str, int]:
    return {
        "packets": gathered.n_packets,
        "flows": gathered.n_flows,
        "probes": gathered.probes.height,
        "probes_dropped": gathered.n_probes_dropped,
        "events_dropped": gathered.n_events_dropped,
        "pairs_dropped": gathered.n_pairs_dropped,
        "errors_dropped": gathered.n_errors_dropped,
    }
