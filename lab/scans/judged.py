"""A recording held against its truth: one row of Markdown per capture."""

from __future__ import annotations

from collections.abc import Iterator

from lab.scans.record import Recording
from lab.scans.scenario import Scenario
from wiretell.findings.scans.finding import Finding
from wiretell.pipeline import survey_scans

_KINDS = {"idle": "idle_scan", "decoys": "decoy_scan"}


def judged(scenario: Scenario, made: Recording) -> Iterator[str]:
    """`| scenario | place | found | scanner | bits | verdict |`, for captures that hold packets."""
    for place, path in made.captures.items():
        found = survey_scans(path)
        if not found.counts["flows"]:
            continue
        told = "; ".join(_told(each) for each in found.likely) or "nothing"
        verdict = _verdict(scenario, found.likely)
        yield f"| {scenario.name} | {place} | {told} | {verdict} |"


def _told(each: Finding) -> str:
    bits = sum(reason.bits for reason in each.reasons)
    who = each.scanner or "not on this wire"
    return f"{each.kind} ({each.technique}), scanner {who}, {bits:+.0f} bits"


def _verdict(scenario: Scenario, found: tuple[Finding, ...]) -> str:
    """right, undecided (the kind is right and nobody is named), or wrong."""
    kind = _KINDS.get(scenario.kind.partition("-")[0], "sweep" if scenario.sweep else "port_scan")
    if len(found) != 1 or found[0].kind != kind:
        return "wrong"
    if found[0].scanner is None:
        return "undecided"
    return "right" if found[0].scanner == scenario.hosts.scanner else "wrong"
