"""Loose sides -> the group each most probably belongs to.

Some sides carry no identity of their own: short connections without clock, name or counter, UDP
and ICMP. They never found a machine unless no machine found so far could have sent them; they
are attached one chain at a time to the group that explains them best, if it is more probable than
all others together; the confidence is that probability. What speaks for a group, beside links and
handwriting: that it is active at the same moments, talks to the same remote addresses, and uses
the same services. The remote addresses of a group grow with what is attached, so the chains are
gone through again.
"""

from __future__ import annotations

import bisect
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from wiretell.devices.compare import (
    ONE_MACHINE_BITS,
    Argument,
    clock_bits,
    discounted,
    labels_bits,
    skew_bits,
)
from wiretell.devices.group import Group
from wiretell.signal import LabelRule, Link
from wiretell.stats.likelihood import capped

ROUNDS = 3
SURE_ENOUGH = 0.5
"""A chain stays without a machine unless one is more probable than all others together."""
NEAR_S = 20.0
"""Two flows this close in time count as activity of the same moment."""
ACTIVITY_BITS = (-4.0, 4.0)
FIRST_PEER_BITS, NEXT_PEER_BITS, PEER_BITS_CAP = 3.0, 1.0, 8.0
"""For remote addresses that no other group talks to."""
SERVICE_BITS = (-2.0, 3.0)
MAX_STARTS = 48
"""Starts of one chain that are compared with the groups' activity."""


@dataclass(frozen=True)
class Attachment:
    """Where a chain went: numbers of chain and group, probability among all groups, why."""

    chain: int
    group: int
    probability: float
    arguments: tuple[Argument, ...]


@dataclass
class Profile:
    """What a group is seen to do: when it opens flows, to whom, for what."""

    starts: list[float] = field(default_factory=list)
    services: Counter[str] = field(default_factory=Counter)

    def near(self, time: float) -> int:
        """Flows begun within NEAR_S of `time`."""
        low = bisect.bisect_left(self.starts, time - NEAR_S)
        return bisect.bisect_right(self.starts, time + NEAR_S) - low


@dataclass(frozen=True)
class Activity:
    """When each side of the address began, and which service it used."""

    starts: Sequence[float]
    services: Sequence[str]


def attach(
    groups: Sequence[Group],
    loose: Sequence[Group],
    links: Sequence[Link],
    activity: Activity,
    rules: Mapping[str, LabelRule],
) -> tuple[list[Attachment], list[int]]:
    """Attach each loose chain to a group; returns the attachments and the chains that fit none.

    A chain that several groups explain about equally is in neither: the evidence does not say.
    """
    if not groups:
        return [], list(range(len(loose)))
    linked = _linked(groups, loose, links)
    profiles = [_profile(group, activity) for group in groups]
    known: list[list[list[Argument]]] = []
    for c, fits in enumerate(_fits(groups, loose, rules)):
        company = _company(loose[c], profiles, activity)
        tied = [[linked[c][g]] if g in linked[c] else [] for g in range(len(groups))]
        known.append([fits[g] + company[g] + tied[g] for g in range(len(groups))])
    bits = [[_sum(arguments) for arguments in row] for row in known]
    placed: dict[int, Attachment] = {}
    homeless: list[int] = []
    for _ in range(ROUNDS):
        owners = _owners(groups, loose, placed)
        before = {c: a.group for c, a in placed.items()}
        homeless, placed = [], {}
        for c, chain in enumerate(loose):
            extra = _peers(chain, owners, before.get(c))
            scores = [b + (extra[g].bits if g in extra else 0.0) for g, b in enumerate(bits[c])]
            best = max(range(len(scores)), key=lambda g: (scores[g], -g))
            if scores[best] <= 0.0:
                homeless.append(c)
                continue
            total = sum(math.exp2(max(s - scores[best], -1000.0)) for s in scores)
            if total >= 1.0 / SURE_ENOUGH:
                continue
            arguments = known[c][best] + ([extra[best]] if best in extra else [])
            placed[c] = Attachment(c, best, 1.0 / total, tuple(arguments))
        if before == {c: a.group for c, a in placed.items()}:
            break
    return [placed[c] for c in sorted(placed)], homeless


def ranking(
    groups: Sequence[Group],
    chain: Group,
    links: Sequence[Link],
    activity: Activity,
    rules: Mapping[str, LabelRule],
    owners: Mapping[str, Counter[int]],
) -> list[tuple[float, list[Argument]]]:
    """Per group the bits for one loose chain being its machine's, and what they consist of.

    `owners` is remote address -> group -> how many sides of it, the chain's own aside.
    """
    if not groups:
        return []
    linked = _linked(groups, [chain], links)[0]
    company = _company(chain, [_profile(group, activity) for group in groups], activity)
    alone = _peers(chain, owners, None)
    found: list[tuple[float, list[Argument]]] = []
    for g, fits in enumerate(_fits(groups, [chain], rules)[0]):
        more = [x[g] for x in (linked, alone) if g in x]
        arguments = [*fits, *company[g], *more]
        found.append((_sum(arguments), arguments))
    return found


def _sum(arguments: Sequence[Argument]) -> float:
    """Handwriting is discounted against itself; the other arguments stand alone."""
    written = [x for x in arguments if x.correlated]
    return (
        ONE_MACHINE_BITS + discounted(written) + sum(x.bits for x in arguments if not x.correlated)
    )


def _fits(
    groups: Sequence[Group], loose: Sequence[Group], rules: Mapping[str, LabelRule]
) -> list[list[list[Argument]]]:
    """Per chain and group the arguments of handwriting (compared once per look) and of clocks."""
    alike: dict[tuple[object, ...], list[list[Argument]]] = {}
    fits: list[list[list[Argument]]] = []
    for chain in loose:
        key = tuple(
            (kind, tuple(sorted(texts.items()))) for kind, texts in sorted(chain.labels.items())
        )
        if key not in alike:
            alike[key] = [labels_bits(group, chain, rules) for group in groups]
        if chain.lines or chain.singles:
            clocks = [skew_bits(group, chain) + clock_bits(group, chain) for group in groups]
            fits.append([a + b for a, b in zip(alike[key], clocks, strict=True)])
        else:
            fits.append(alike[key])
    return fits


def _profile(group: Group, activity: Activity) -> Profile:
    starts = sorted(activity.starts[s] for s in group.sides)
    return Profile(starts, Counter(activity.services[s] for s in group.sides))


def _owners(
    groups: Sequence[Group], loose: Sequence[Group], placed: Mapping[int, Attachment]
) -> dict[str, Counter[int]]:
    """Remote address -> group -> how many of its parts talk to that address."""
    owners: dict[str, Counter[int]] = defaultdict(Counter)
    parts = [(g, group) for g, group in enumerate(groups)]
    parts += [(attachment.group, loose[c]) for c, attachment in placed.items()]
    for g, part in parts:
        for peer in part.peers:
            owners[peer][g] += 1
    return owners


def _company(chain: Group, profiles: Sequence[Profile], activity: Activity) -> list[list[Argument]]:
    """Per group: its share in what the address does at these moments, and for this service."""
    n = len(profiles)
    moments = np.zeros(n)
    sides = chain.sides[:: max(1, len(chain.sides) // MAX_STARTS)]
    for side in sides:
        counts = np.array([profile.near(activity.starts[side]) for profile in profiles])
        moments += np.log2(n * (counts + 0.5) / (counts.sum() + 0.5 * n))
    moments *= min(len(sides), 4) / len(sides)
    service = activity.services[chain.sides[0]]
    used = np.array([profile.services[service] for profile in profiles])
    rates = (used + 0.5) / np.array([profile.services.total() + 10.0 for profile in profiles])
    shares = np.log2(rates * n / rates.sum()) if used.any() else np.zeros(n)
    found: list[list[Argument]] = []
    for moment, share in zip(np.clip(moments, *ACTIVITY_BITS), shares, strict=True):
        when = "active at the same moments" if moment > 0 else "little active at these moments"
        arguments = [Argument("activity", float(moment), when)]
        if share:
            words = f"uses {service} {'also' if share > 0 else 'seldom'}"
            arguments.append(Argument("services", capped(float(share), *SERVICE_BITS), words))
        found.append(arguments)
    return found


def _peers(
    chain: Group, owners: Mapping[str, Counter[int]], now: int | None
) -> dict[int, Argument]:
    """Groups that alone talk to some of the chain's remote addresses (its own visit aside)."""
    known: dict[int, list[str]] = defaultdict(list)
    for peer in sorted(chain.peers):
        visits = Counter(owners.get(peer, {}))
        if now is not None:
            visits[now] -= 1
        alone = [group for group, n in visits.items() if n > 0]
        if len(alone) == 1:
            known[alone[0]].append(peer)
    return {
        g: Argument(
            "peers",
            min(FIRST_PEER_BITS + NEXT_PEER_BITS * (len(peers) - 1), PEER_BITS_CAP),
            f"no other machine here talks to {peers[0]}",
        )
        for g, peers in known.items()
    }


def _linked(
    groups: Sequence[Group], loose: Sequence[Group], links: Sequence[Link]
) -> list[dict[int, Argument]]:
    """Per chain: group -> sum of the links between them, with the words of the strongest."""
    home = {side: g for g, group in enumerate(groups) for side in group.sides}
    chain_of = {side: c for c, chain in enumerate(loose) for side in chain.sides}
    strongest: dict[tuple[int, int], float] = {}
    linked: list[dict[int, Argument]] = [{} for _ in loose]
    for link in links:
        for side, other in ((link.a, link.b), (link.b, link.a)):
            chain, group = chain_of.get(side), home.get(other)
            if chain is None or group is None:
                continue
            old = linked[chain].get(group)
            words = link if old is None or link.bits > strongest[chain, group] else old
            strongest[chain, group] = max(link.bits, strongest.get((chain, group), 0.0))
            bits = link.bits + (old.bits if old else 0.0)
            linked[chain][group] = Argument(words.signal, bits, words.reason)
    return linked
