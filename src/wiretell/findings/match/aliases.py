"""Addresses that share one clock: aliases, containers, virtual machines, members of a farm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from wiretell.findings.match.arguments import measured
from wiretell.findings.match.line_arguments import jump_s, maybe_host
from wiretell.findings.match.profile import known_rates
from wiretell.model.profiles import Profile, ProfileSet
from wiretell.stats.clock_population import HELD_PPM, Measured, Population, population
from wiretell.stats.common_rate import CommonRate, groups_of_one_rate, holm, judged
from wiretell.stats.drift import DriftModel

SURE_P = 0.01
"""A group is claimed where chance makes one such group, or more, in a hundred captures."""
WORTH_PPM = 5.0
"""Rates known no better than this are not compared."""
SAME_LINE_SDS = 4.0
MAX_MEMBERS_COMPARED = 64
"""Offsets within a group are compared for so many members; what one more says is the same."""
MAX_NEAREST = 8
SYNTHETIC_PPM = 0.02

SAME_OFFSET, OTHER_OFFSETS, SOME_OFFSETS, UNKNOWN_OFFSETS = (
    "same offset",
    "same rate, other offsets",
    "same rate, some offsets equal",
    "same rate, offsets unknowable",
)
MEANS = {
    SAME_OFFSET: "one kernel: several addresses of one machine, containers, a honeynet, or a load"
    " balancer's own timestamps",
    OTHER_OFFSETS: "one crystal and several kernels: virtual machines of one host (or one machine"
    " seen before and after a reboot)",
    SOME_OFFSETS: "virtual machines of one host, of which one has several addresses or containers",
    UNKNOWN_OFFSETS: "one crystal; the stack draws an offset for each connection or destination,"
    " so whether it is one kernel cannot be told",
}


@dataclass(frozen=True)
class AliasGroup:
    """Machines of several addresses with one clock.

    `p_chance` is the probability that clocks of their own look so much alike, corrected for all
    choices of addresses (Bonferroni) and all groups (Holm). `p_line` is the same for equal
    offsets; None where none is known.
    """

    members: tuple[Profile, ...]
    rate: CommonRate
    p_chance: float
    p_line: float | None
    offsets: str
    reasons: tuple[str, ...]

    @property
    def means(self) -> str:
        """What it stands for, in words."""
        return MEANS[self.offsets]


@dataclass(frozen=True)
class Nearest:
    """Two machines of no group: `rate` judges them as if they were one, by rate alone."""

    a: Profile
    b: Profile
    rate: CommonRate


@dataclass(frozen=True)
class Aliases:
    """All groups that chance does not explain, surest first, and what was not compared."""

    source: str
    groups: tuple[AliasGroup, ...]
    alone: tuple[Profile, ...]
    """Clocks of their own, or that cannot be told from clocks of their own."""
    n_compared: int
    n_held: int
    n_without: int
    notes: tuple[str, ...]
    nearest: tuple[Nearest, ...] = ()
    """Of those alone the pairs most alike in rate, nearest first."""
    damaged: bool = False


def aliases(of_set: ProfileSet, drift: DriftModel | None = None) -> Aliases:
    """Groups of addresses that share a clock."""
    drift = drift or DriftModel()
    clocked = [p for p in known_rates(of_set.profiles) if _rate(p).error_ppm <= WORTH_PPM]
    clocks = _population(clocked)
    candidates: list[tuple[list[Profile], CommonRate, float | None, str]] = []
    for own in _by_nominal(clocked):
        rates = [_rate(p) for p in own]
        for group in groups_of_one_rate(rates):
            members = [own[i] for i in group]
            if len({p.address for p in members}) < 2:
                continue
            rate = judged([rates[i] for i in group], len(own), clocks)
            candidates += [(members, rate, *_offsets(members, len(own), drift))]
            candidates += _on_one_line(members, len(own), clocks, drift)
    least = [min(rate.p_chance, 1.0 if p is None else p) for _, rate, p, _ in candidates]
    groups = [
        AliasGroup(
            tuple(sorted(members, key=lambda p: (p.address, p.device))),
            rate,
            p_chance,
            p_line,
            offsets,
            tuple(_reasons(members, rate, p_line, offsets)),
        )
        for (members, rate, p_line, offsets), p_chance in zip(candidates, holm(least), strict=True)
        if p_chance <= SURE_P
    ]
    groups = _largest(groups)
    claimed = {p.device for group in groups for p in group.members}
    return Aliases(
        of_set.source,
        tuple(groups),
        tuple(p for p in clocked if p.device not in claimed),
        len(clocked),
        sum(clocks.held(_rate(p)) > 0.5 for p in clocked),
        len(of_set.profiles) - len(clocked),
        tuple(_notes(groups, clocked)),
        _nearest([p for p in clocked if p.device not in claimed], clocks),
        of_set.damaged,
    )


def _nearest(alone: Sequence[Profile], clocks: Population) -> tuple[Nearest, ...]:
    """Neighbours in rate at different addresses, those that one rate fits best first.

    Clocks that NTP holds are all alike, and left out.
    """
    found = []
    for own in _by_nominal([p for p in alone if clocks.held(_rate(p)) <= 0.5]):
        ordered = sorted(own, key=lambda p: (_rate(p).ppm, p.device))
        for a, b in pairwise(ordered):
            if a.address != b.address:
                found.append(Nearest(a, b, judged([_rate(a), _rate(b)], len(own), clocks)))
    found.sort(key=lambda x: (-x.rate.p_fit, x.rate.range_ppm, x.a.device))
    return tuple(found[:MAX_NEAREST])


def _rate(profile: Profile) -> Measured:
    found = measured(profile.clock)
    assert found is not None
    return found


def _population(clocked: Sequence[Profile]) -> Population:
    """As the capture shows it, with the observer's clock taken for true.

    Addresses of one machine bunch: of clocks in a bunch one alone is counted.
    """
    rates = [_rate(p) for p in clocked]
    apart = [rates[group[0]] for group in groups_of_one_rate(rates)] if rates else []
    found = population(apart)
    return Population(0.0, found.held_share) if not found.bunched else population([])


def _by_nominal(clocked: Sequence[Profile]) -> list[list[Profile]]:
    rates: dict[float, list[Profile]] = {}
    for profile in clocked:
        assert profile.clock is not None
        rates.setdefault(profile.clock.nominal_hz, []).append(profile)
    return [rates[hz] for hz in sorted(rates)]


def _one_line(a: Profile, b: Profile, drift: DriftModel) -> float | None:
    """Chance that lines of two machines lie as close; None where they lie apart, inf if unknown."""
    best: float | None = math.inf
    assert a.clock is not None
    assert b.clock is not None
    for x in maybe_host(a):
        for y in maybe_host(b):
            jump, sd, circle = jump_s(x, y, a.clock, b.clock, drift)
            if abs(jump) <= SAME_LINE_SDS * sd:
                return min(1.0, 2.0 * SAME_LINE_SDS * sd / circle)
            best = None
    return best


def _offsets(members: Sequence[Profile], n_all: int, drift: DriftModel) -> tuple[float | None, str]:
    """(p-value of offsets that agree, in words): every member on one line, none, or some."""
    shown = members[:MAX_MEMBERS_COMPARED]
    found = [_one_line(a, b, drift) for a, b in combinations(shown, 2)]
    known = [p for p in found if p is None or p < math.inf]
    if not known:
        return None, UNKNOWN_OFFSETS
    agreeing = [p for p in known if p is not None]
    if not agreeing:
        return None, OTHER_OFFSETS
    if len(agreeing) < len(known):
        return None, SOME_OFFSETS
    if len(known) < len(found):
        return None, UNKNOWN_OFFSETS
    pairs = n_all * (n_all - 1) / 2.0
    return min(1.0, pairs * max(agreeing)), SAME_OFFSET


def _on_one_line(
    members: Sequence[Profile], n_all: int, clocks: Population, drift: DriftModel
) -> list[tuple[list[Profile], CommonRate, float | None, str]]:
    """Parts of a group that lie on one line, where not all do."""
    parts: list[list[Profile]] = []
    for profile in members:
        for part in parts:
            p = _one_line(part[0], profile, drift)
            if p is not None and p < math.inf:
                part.append(profile)
                break
        else:
            parts.append([profile])
    found: list[tuple[list[Profile], CommonRate, float | None, str]] = []
    for part in parts:
        if 1 < len(part) < len(members) and len({p.address for p in part}) > 1:
            rate = judged([_rate(p) for p in part], n_all, clocks)
            p_line, offsets = _offsets(part, n_all, drift)
            if offsets == SAME_OFFSET:
                found.append((part, rate, p_line, offsets))
    return found


def _largest(groups: Sequence[AliasGroup]) -> list[AliasGroup]:
    """Surest groups first; a part of a group is told only where its offsets say more."""
    ordered = sorted(groups, key=lambda g: (g.p_chance, -len(g.members), g.members[0].device))
    kept: list[AliasGroup] = []
    for group in ordered:
        inside = [
            k
            for k in kept
            if {p.device for p in group.members} <= {p.device for p in k.members}
            and k.offsets == group.offsets
        ]
        if not inside:
            kept.append(group)
    return kept


def _reasons(
    members: Sequence[Profile], rate: CommonRate, p_line: float | None, offsets: str
) -> list[str]:
    reasons = [
        f"one rate fits all {len(members)}: {rate.ppm:+.2f} +-{rate.error_ppm:.2f} ppm within"
        f" {rate.range_ppm:.2f} (p = {rate.p_fit:.2g} that it fits no worse)",
        f"clocks of their own would lie so close with p = {rate.p_chance:.2g};"
        f" likelihood ratio {rate.bits:+.0f} bits",
    ]
    if p_line is not None:
        reasons.append(f"their timestamps lie on one line: by chance with p = {p_line:.2g}")
    elif offsets == OTHER_OFFSETS:
        reasons.append("their timestamps lie on lines of their own")
    if offsets == SAME_OFFSET and abs(rate.ppm) < SYNTHETIC_PPM:
        reasons.append(
            "the rate is the observer's own to the last figure: perhaps no machine's clock, but"
            " timestamps that a program or load balancer makes up"
        )
    stacks = {
        text for p in members for kind in ("stack", "answer") for text in p.labels.get(kind, ())
    }
    if len({text.split(" ")[0] for text in stacks}) > 1:
        reasons.append("they do not write alike: several systems on one crystal")
    return reasons


def _notes(groups: Sequence[AliasGroup], clocked: Sequence[Profile]) -> list[str]:
    by_rate = [g for g in groups if g.p_line is None or g.p_line > SURE_P]
    near_true = [p for p in clocked if abs(_rate(p).ppm) <= 2.0 * HELD_PPM]
    if by_rate and not near_true:
        return [
            "no clock here runs at the observer's rate: if the observer's own clock is off by"
            f" {-by_rate[0].rate.ppm:+.1f} ppm, the largest group may be clocks that NTP holds"
        ]
    return []
