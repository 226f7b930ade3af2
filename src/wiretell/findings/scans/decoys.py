"""Decoy scans: one machine that asks in many names, so that its own is lost among them.

nmap writes each probe once per address, in one go: same source port, sequence number and IP ID, a
fraction of a millisecond apart. Other programs leave marks too: one counter, one clock, one order
of ports. Which of the addresses is real shows where a machine speaks by itself: its system resets
the connections that it is offered, from its own distance and link address; decoys are silent, or
answer from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from wiretell.findings.scans.asked import ports_of
from wiretell.findings.scans.belief import Reason, alternatives, bits_of, probability
from wiretell.findings.scans.finding import DECOY_SCAN, LIKELY, Finding
from wiretell.findings.scans.gathered import Gathered
from wiretell.findings.scans.machines import link_addresses
from wiretell.findings.scans.real_one import candidates
from wiretell.findings.scans.same_machine import Prober, prober, same_machine

MAX_SOURCES = 256
"""Of one target and technique; each is compared with a few, not with all."""


def decoy_scans(
    probes: pl.DataFrame, scans: Sequence[Finding], gathered: Gathered
) -> Iterator[Finding]:
    """Sets of addresses that scan one target and are one machine. `scans`: the port scans found."""
    by_target: dict[tuple[str, str], list[Finding]] = {}
    for scan in scans:
        by_target.setdefault((scan.targets[0], scan.technique), []).append(scan)
    for (target, technique), several in by_target.items():
        if len(several) < 2:
            continue
        chosen = sorted(several, key=lambda each: (each.first_ns, each.sources))[:MAX_SOURCES]
        probers = [prober(each.sources[0], target, technique, probes) for each in chosen]
        several_macs = len(link_addresses(gathered)) > 2
        for members, reasons in _sets(probers, several_macs):
            yield _finding(members, reasons, target, technique, probes, gathered)


def _sets(
    probers: Sequence[Prober], several_macs: bool
) -> Iterator[tuple[list[Prober], list[Reason]]]:
    """Probers joined by arguments that make one machine likelier than two; each joins the set
    whose first member it fits best. The reasons are of the weakest join."""
    sets: list[tuple[list[Prober], list[list[Reason]]]] = []
    for one in probers:
        told = [same_machine(members[0], one, several_macs=several_macs) for members, _ in sets]
        best = max(range(len(told)), key=lambda n: bits_of(told[n]), default=None)
        if best is not None and bits_of(told[best]) > 0:
            sets[best][0].append(one)
            sets[best][1].append(told[best])
        else:
            sets.append(([one], []))
    for members, joins in sets:
        if joins:
            yield members, min(joins, key=bits_of)


def _finding(
    members: Sequence[Prober],
    reasons: Sequence[Reason],
    target: str,
    technique: str,
    probes: pl.DataFrame,
    gathered: Gathered,
) -> Finding:
    sources = tuple(each.address for each in members)
    own = probes.filter(
        pl.col("src").is_in(sources)
        & (pl.col("dst") == target)
        & pl.col("kind").is_in(list(members[0].kinds))
    )
    found = candidates(members, target, gathered)
    best = found[0] if found and found[0].probability >= LIKELY else None
    first, last = own["time_ns"].min(), own["time_ns"].max()
    assert isinstance(first, int) and isinstance(last, int)
    note = () if best else ("which of them is real does not show on this wire",)
    return Finding(
        kind=DECOY_SCAN,
        technique=technique,
        probability=probability(reasons),
        sources=sources,
        targets=(target,),
        n_targets=1,
        scanner=best.address if best else None,
        zombie=None,
        first_ns=first,
        last_ns=last,
        n_probes=own.height,
        ports=ports_of(own),
        reasons=tuple(reasons),
        alternatives=alternatives(DECOY_SCAN),
        candidates=tuple(found),
        notes=note,
    )
