"""Findings that are one thing, told once: a network scanned host by host, for one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from wiretell.findings.scans.asked import SHOWN_HOSTS
from wiretell.findings.scans.belief import bits_of
from wiretell.findings.scans.finding import LIKELY, Finding, Ports
from wiretell.findings.scans.kinds import STATES

MIN_MERGED = 3
"""Hosts that one address scans in one way, from which they are told together."""
SHOWN_OPEN = 8


def merged(scans: Iterable[Finding]) -> list[Finding]:
    """Likely port scans of many hosts by one address put together; the others as they are.

    The reasons are those of the host with the weakest ones: the whole is at least as sure.
    """
    groups: dict[tuple[str, str], list[Finding]] = {}
    told: list[Finding] = []
    for scan in scans:
        if scan.probability >= LIKELY:
            groups.setdefault((scan.sources[0], scan.technique), []).append(scan)
        else:
            told.append(scan)
    for several in groups.values():
        told += several if len(several) < MIN_MERGED else [_together(several)]
    return told


def _together(several: Sequence[Finding]) -> Finding:
    targets = tuple(each.targets[0] for each in several)
    ports = Ports(
        **{
            state: tuple(sorted({port for each in several for port in getattr(each.ports, state)}))
            for state in STATES
        }
    )
    opened = [
        f"{each.targets[0]} has {len(each.ports.open)} open" for each in several if each.ports.open
    ]
    more = f", and {len(opened) - SHOWN_OPEN} more" if len(opened) > SHOWN_OPEN else ""
    return replace(
        min(several, key=lambda each: bits_of(each.reasons)),
        targets=targets[:SHOWN_HOSTS],
        n_targets=len(targets),
        first_ns=min(each.first_ns for each in several),
        last_ns=max(each.last_ns for each in several),
        n_probes=sum(each.n_probes for each in several),
        ports=ports,
        notes=(", ".join(opened[:SHOWN_OPEN]) + more,) if opened else (),
    )


def without_scanned(sweeps: Iterable[Finding], scans: Iterable[Finding]) -> list[Finding]:
    """Sweeps of hosts that are told already, as the same address scans many ports of each."""
    scanned: dict[str, set[str]] = {}
    for scan in scans:
        if scan.probability >= LIKELY:
            for source in scan.sources:
                scanned.setdefault(source, set()).update(scan.targets)
    return [
        sweep for sweep in sweeps if not set(sweep.targets) <= scanned.get(sweep.sources[0], set())
    ]


def not_part_of(scans: Iterable[Finding], graver: Iterable[Finding]) -> list[Finding]:
    """Port scans that are no part of a likely idle or decoy scan."""
    told = {
        (source, target)
        for each in graver
        if each.probability >= LIKELY
        for source in each.sources
        for target in each.targets
    }
    return [each for each in scans if (each.sources[0], each.targets[0]) not in told]


def victims_alone(
    victims: Iterable[Finding], idle: Iterable[Finding], scans: Iterable[Finding]
) -> list[Finding]:
    """Backscatter that is no part of a likely idle scan, and no likelier a scan with SYN/ACKs."""
    told = {
        address
        for each in idle
        if each.probability >= LIKELY
        for address in (each.scanner, each.zombie, *each.targets)
    }
    by_answers = {
        each.sources[0]: bits_of(each.reasons) for each in scans if each.technique == "synack"
    }
    return [
        each
        for each in victims
        if each.sources[0] not in told
        and bits_of(each.reasons) > by_answers.get(each.sources[0], float("-inf"))
    ]
