"""Does an anonymised trace still give its hosts away? A reference capture is looked for in it.

Addresses and ports are rewritten there, times are kept or shifted. What remains: clock rates,
lines of timestamps (once the shift is known), how the stack writes, and what was left of payload.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from wiretell.findings.match.across import Matching, match
from wiretell.findings.match.arguments import LINE, Argument
from wiretell.findings.match.line_arguments import PATH_S, jump_s
from wiretell.model.profiles import ClockProfile, Profile, ProfileSet
from wiretell.stats.drift import DriftModel
from wiretell.stats.time_shift import Shift, Votes, find_shift

REWRITTEN = ("card", "served", "ports")
"""Kinds of labels that rewriting of addresses and ports takes away."""
VOTING_LINES = 8
"""Lines of one machine that vote on the shift of time."""
REACH_SDS = 3.0
MOST_BITS = 25.0
NONE_BITS = -2.0


@dataclass(frozen=True)
class LinkBack:
    """The matching, hosts of the anonymised trace first, and how its times were moved."""

    matching: Matching
    shift: Shift


def link_back(
    reference: ProfileSet, anonymised: ProfileSet, drift: DriftModel | None = None
) -> LinkBack:
    """Machines of `anonymised` looked for among those of `reference`, one to one.

    Raises ValueError where the sets cannot be compared (see `match`).
    """
    drift = drift or DriftModel()
    shift = find_shift(_votes(reference, anonymised))
    moved = anonymised
    if shift.seconds is not None:
        moved = replace(
            anonymised, profiles=tuple(_moved(p, -shift.seconds) for p in anonymised.profiles)
        )

    def lines(a: Profile, b: Profile) -> list[Argument]:
        return [] if shift.seconds is None else _lines(a, b, drift)

    found = match(moved, reference, drift, ignored=REWRITTEN, lines=False, more=lines)
    return LinkBack(found, shift)


def _votes(reference: ProfileSet, anonymised: ProfileSet) -> Votes:
    """Where a line of one would go on in a line of the other if the trace's times were moved."""
    votes = Votes()
    for i, a in enumerate(reference.profiles):
        for j, b in enumerate(anonymised.profiles):
            if a.clock is None or b.clock is None or a.clock.nominal_hz != b.clock.nominal_hz:
                continue
            ppm = a.clock.ppm if math.isfinite(a.clock.error_ppm) else 0.0
            hz = a.clock.nominal_hz * (1.0 + ppm * 1e-6)
            for x in a.clock.lines[:VOTING_LINES]:
                for y in b.clock.lines[:VOTING_LINES]:
                    ran_s = (y.tsval - x.tsval) / hz
                    votes.add(i, j, (y.time_ns - x.time_ns) / 1e9 - ran_s, hz)
    return votes


def _moved(profile: Profile, by_s: float) -> Profile:
    by_ns = round(by_s * 1e9)
    clock = profile.clock
    if clock is not None:
        clock = replace(
            clock,
            curve=tuple(replace(p, time_ns=p.time_ns + by_ns) for p in clock.curve),
            lines=tuple(
                replace(
                    x,
                    time_ns=x.time_ns + by_ns,
                    first_ns=x.first_ns + by_ns,
                    last_ns=x.last_ns + by_ns,
                )
                for x in clock.lines
            ),
        )
    return replace(
        profile, first_ns=profile.first_ns + by_ns, last_ns=profile.last_ns + by_ns, clock=clock
    )


def _lines(a: Profile, b: Profile, drift: DriftModel) -> list[Argument]:
    """Lines of both that go on in one another, whatever destination they were to."""
    if a.clock is None or b.clock is None or a.clock.nominal_hz != b.clock.nominal_hz:
        return []
    if not _rated(a.clock) and not _rated(b.clock):
        return []
    hits, chance, best = 0, 0.0, math.inf
    for x in a.clock.lines:
        for y in b.clock.lines:
            jump, sd, circle = jump_s(x, y, a.clock, b.clock, drift)
            chance += 2.0 * REACH_SDS * sd / circle
            if abs(jump) <= REACH_SDS * sd:
                hits += 1
                best = min(best, abs(jump))
    if chance > 0.5:
        return []
    if not hits:
        return [Argument(LINE, "tcp_timestamp", NONE_BITS, "none of their clock lines go on")]
    bits = hits * math.log2(hits / chance) - (hits - chance) / math.log(2.0)
    plural = "line goes" if hits == 1 else "lines go"
    words = f"{hits} clock {plural} on from one to the other, {max(best, PATH_S):.2f} s off or less"
    return [Argument(LINE, "tcp_timestamp", min(bits, MOST_BITS), words)]


def _rated(clock: ClockProfile) -> bool:
    return math.isfinite(clock.error_ppm)
