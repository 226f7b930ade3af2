"""Loose sides -> the group each most probably belongs to.

Some sides carry no identity of their own: short connections without clock, name or counter, UDP
and ICMP. They never found a machine unless no machine found so far could have sent them; they
are attached one chain at a time to the group that explains them best, and the confidence says
how much better it is than the next. What speaks for a group, beside links and handwriting: that
it is active at the same moments, talks to the same remote addresses, and uses the same services.
The remote addresses of a group grow with what is attached, so the chains are gone through again.
"""

from __future__ import annotations

import bisect
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wiretell.devices.compare import Argument, compare
from wiretell.devices.group import Group
from wiretell.signal import LabelRule, Link
from wiretell.stats.likelihood import capped

ROUNDS = 3
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
    """Attach each loose chain to a group; returns the attachments and the chains that fit none."""
    linked = _linked(groups, loose, links)
    alike: dict[tuple[object, ...], list[tuple[float, list[Argument]]]] = {}
    fits: list[list[tuple[float, list[Argument]]]] = []
    for chain in loose:
        key = _key(chain)
        if key not in alike or chain.clocks:
            alike[key] = [compare(group, chain, rules) for group in groups]
        fits.append(alike[key])
    placed: dict[int, Attachment] = {}
    homeless: list[int] = []
    strength = [max((x.bits for x in linked[c].values()), default=0.0) for c in range(len(loose))]
    order = sorted(range(len(loose)), key=lambda c: (-strength[c], -len(loose[c].sides), c))
    profiles = [_profile(group, activity) for group in groups]
    for _ in range(ROUNDS):
        owners = _owners(groups, loose, placed)
        before = {c: a.group for c, a in placed.items()}
        homeless = []
        for c in order:
            scores: list[float] = []
            extras: list[list[Argument]] = []
            for g in range(len(groups)):
                extra = _company(loose[c], g, profiles, activity)
                extra += _peers(loose[c], g, owners, before.get(c))
                if g in linked[c]:
                    extra.append(linked[c][g])
                scores.append(fits[c][g][0] + sum(x.bits for x in extra))
                extras.append(extra)
            if not scores or max(scores) <= 0.0:
                homeless.append(c)
                placed.pop(c, None)
                continue
            best = max(range(len(scores)), key=lambda g: (scores[g], -g))
            total = sum(2.0 ** max(s - scores[best], -1000.0) for s in scores)
            placed[c] = Attachment(c, best, 1.0 / total, (*fits[c][best][1], *extras[best]))
        if before == {c: a.group for c, a in placed.items()}:
            break
    return [placed[c] for c in sorted(placed)], sorted(homeless)


def _key(chain: Group) -> tuple[object, ...]:
    labels = tuple(
        (kind, tuple(sorted(texts.items()))) for kind, texts in sorted(chain.labels.items())
    )
    return (labels, tuple(clock.sides for clock in chain.clocks))


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


def _company(
    chain: Group, g: int, profiles: Sequence[Profile], activity: Activity
) -> list[Argument]:
    """Share of this group in what the address does at these moments, and for this service."""
    n = len(profiles)
    moments = 0.0
    sides = chain.sides[:: max(1, len(chain.sides) // MAX_STARTS)]
    for side in sides:
        counts = [profile.near(activity.starts[side]) for profile in profiles]
        moments += math.log2(n * (counts[g] + 0.5) / (sum(counts) + 0.5 * n))
    bits = capped(moments / len(sides) * min(len(sides), 4), *ACTIVITY_BITS)
    words = "active at the same moments" if bits > 0 else "little active at these moments"
    arguments = [Argument("activity", bits, words)]
    service = activity.services[chain.sides[0]]
    total = sum(profile.services[service] for profile in profiles)
    if total:
        rates = [(p.services[service] + 0.5) / (p.services.total() + 10.0) for p in profiles]
        bits = capped(math.log2(rates[g] * n / sum(rates)), *SERVICE_BITS)
        arguments.append(
            Argument("services", bits, f"uses {service} {'also' if bits > 0 else 'seldom'}")
        )
    return arguments


def _peers(
    chain: Group, g: int, owners: Mapping[str, Counter[int]], now: int | None
) -> list[Argument]:
    """Remote addresses that only this group talks to (the chain's own visits aside)."""
    known = []
    for peer in sorted(chain.peers):
        visits = dict(owners.get(peer, {}))
        if now is not None:
            visits[now] -= 1
        if [group for group, n in visits.items() if n > 0] == [g]:
            known.append(peer)
    if not known:
        return []
    bits = min(FIRST_PEER_BITS + NEXT_PEER_BITS * (len(known) - 1), PEER_BITS_CAP)
    return [Argument("peers", bits, f"no other machine here talks to {known[0]}")]


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
