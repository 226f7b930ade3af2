"""What a reader must know beside the result: damage, losses, failed signals, in one line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wiretell.exporters.escape import visible
from wiretell.exporters.quantity import count
from wiretell.findings.quality_finding import QualityFinding, from_files

if TYPE_CHECKING:
    import polars as pl

    from wiretell.model.report import Report

PRIVACY = (
    "Telling machines apart is processing of personal data: a machine is often a person. "
    "Keep and share this report only where you may."
)
LIMITS = (
    "Every count is an estimate with a 90 % interval. Machines that share every visible habit, "
    "or that were seen too briefly, cannot be told apart; randomised timestamps, zero or random "
    "IP IDs and port-rewriting NATs take evidence away. Clock skew is relative to the machine "
    "that captured. Names and User-Agents are what machines say of themselves."
)
MAX_DAMAGE_NOTES = 5
_TOLD = frozenset({"dropped_by_capture"})
"""Faults of the capture that have a note of their own."""
_LOSSES = {
    "evicted_flows": "ended early, the flow table was full",
    "payload_bytes_dropped": "of first payload not kept, the memory set aside was full",
    "time_absurd": "with an absurd time",
    "clock_readings_left_out": "with a clock in the payload not read, there were too many",
}
_UNITS = {
    "evicted_flows": "flow",
    "payload_bytes_dropped": "byte",
    "time_absurd": "packet",
    "clock_readings_left_out": "packet",
}


def notes(report: Report) -> list[str]:
    """Notes in plain, escaped text, the gravest first; empty where all is well."""
    return notes_on(report.provenance, report.flows)


def notes_on(provenance: Mapping[str, Any], flows: pl.DataFrame | None = None) -> list[str]:
    """The same of a report's provenance, and of its FLOWS where they are at hand."""
    return [
        *_damage(provenance.get("damage") or ()),
        *_failed_signals(provenance.get("failed_signals") or {}),
        *(visible(problem) for problem in provenance.get("edits_left_out") or ()),
        *_capture_drops(provenance.get("files") or ()),
        *_losses(provenance.get("counters") or {}),
        *_capture_quality(_findings(provenance, flows)),
    ]


def _damage(damage: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for entry in damage[:MAX_DAMAGE_NOTES]:
        place = ", ".join(
            f"{word} {entry[key]}"
            for key, word in (("packet", "after packet"), ("offset", "byte"))
            if entry.get(key) is not None
        )
        what = entry.get("message") or entry.get("kind") or "damaged"
        text = f"input damaged: {entry.get('file', '')}: {what}"
        yield visible(f"{text} ({place})" if place else text)
    if len(damage) > MAX_DAMAGE_NOTES:
        yield f"input damaged: {count(len(damage) - MAX_DAMAGE_NOTES, 'more place')}"


def _failed_signals(failed: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(failed):
        yield visible(f"signal {name} failed and was left out: {failed[name]}")


def _capture_drops(files: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for file in files:
        dropped = sum(i.get("dropped") or 0 for i in file.get("interfaces") or ())
        if dropped:
            yield visible(
                f"{file.get('path', '')}: the capturing machine dropped {count(dropped, 'packet')}"
            )


def _findings(provenance: Mapping[str, Any], flows: pl.DataFrame | None) -> list[QualityFinding]:
    """What is wrong with the capture itself, as far as numbers at hand show it."""
    if flows is None:
        return from_files(provenance)
    from wiretell.findings.capture_quality import from_report  # noqa: PLC0415 - loads Polars

    return from_report(provenance, flows)


def _capture_quality(findings: Sequence[QualityFinding]) -> Iterator[str]:
    for finding in findings:
        if finding.kind not in _TOLD:
            yield visible(f"capture quality: {finding.what} {finding.means}")


def _losses(counters: Mapping[str, Any]) -> Iterator[str]:
    for name, meaning in _LOSSES.items():
        number = counters.get(name) or 0
        if number:
            yield f"{count(number, _UNITS[name])} {meaning}"
