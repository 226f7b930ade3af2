"""What was found, as values: with reasons, a probability, and what else it could be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wiretell.findings.scans.belief import Reason

PORT_SCAN, SWEEP, BACKSCATTER = "port_scan", "sweep", "backscatter"
IDLE_SCAN, IP_ID_WATCH, DECOY_SCAN = "idle_scan", "ip_id_watch", "decoy_scan"
KINDS = (IDLE_SCAN, DECOY_SCAN, PORT_SCAN, SWEEP, IP_ID_WATCH, BACKSCATTER)
"""What a finding can be, the gravest first."""
LIKELY = 0.5
"""Findings of this probability and more are told unasked."""


@dataclass(frozen=True)
class Ports:
    """Ports by what the answers say of them (nmap's words), each ascending."""

    open: tuple[int, ...] = ()
    closed: tuple[int, ...] = ()
    filtered: tuple[int, ...] = ()
    open_or_filtered: tuple[int, ...] = ()
    unfiltered: tuple[int, ...] = ()

    @property
    def n(self) -> int:
        """All of them."""
        return len({*self.open, *self.closed, *self.filtered, *self.open_or_filtered,
                    *self.unfiltered})  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """An address that may be the real scanner among decoys, and why or why not."""

    address: str
    probability: float
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Finding:
    """One thing found. Times in ns UTC; addresses are text.

    `sources` are addresses that seem to ask, `targets` those asked (the first of many: `n_targets`
    counts all). `scanner` is the machine behind it where this capture shows it, `zombie` whose
    counter was used. `technique` is how was asked: syn, connect, fin, ..., idle.
    `candidates` are for decoys: who of `sources` is real.
    """

    kind: str
    technique: str
    probability: float
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    n_targets: int
    scanner: str | None
    zombie: str | None
    first_ns: int
    last_ns: int
    n_probes: int
    ports: Ports
    reasons: tuple[Reason, ...]
    alternatives: tuple[str, ...]
    candidates: tuple[Candidate, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def rate_per_s(self) -> float:
        """Probes a second; 0 where all have one time."""
        seconds = (self.last_ns - self.first_ns) / 1e9
        return (self.n_probes - 1) / seconds if seconds > 0 and self.n_probes > 1 else 0.0


@dataclass(frozen=True)
class Scans:
    """All that a capture holds: `findings` likely ones first, of each kind the surest first.

    `counts`: flows looked at, probes kept, and what was dropped to bound memory.
    """

    findings: tuple[Finding, ...]
    counts: Mapping[str, int]
    provenance: Mapping[str, Any]

    @property
    def likely(self) -> tuple[Finding, ...]:
        """Those that are more likely than not."""
        return tuple(each for each in self.findings if each.probability >= LIKELY)
