"""One address -> its machines: chains, anchors, groups, attachment, count.

A chain with an identity of its own (a clock, a name, a counter's run of connections) is an anchor.
Anchors are merged into groups; the rest is attached to these, or founds a group where none could
have sent it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from wiretell.devices.assign import Evidence, Partition, chains, partition
from wiretell.devices.attach import Activity, Attachment, attach
from wiretell.devices.compare import ONE_MACHINE_BITS
from wiretell.devices.group import Group, groups_of
from wiretell.stats.counting import count_distribution
from wiretell.stats.likelihood import probability

ANCHOR_LABELS = frozenset(
    {
        "user_agent",
        "user_agent_cut",
        "http_cookie",
        "tls_session",
        "dhcp_hostname",
        "mdns_name",
        "netbios_name",
        "ssh_banner",
        "bittorrent_peer",
        "sip_contact",
    }
)
"""Handwriting that gives a chain an identity of its own to compare."""
ANCHOR_SKEW_PPM = 8.0
"""A clock rate known this well is an identity."""
FOUNDING_FLOWS = 4
"""So many UDP or ICMP flows found a machine where no other could have sent them."""
ENOUGH_SIDES = 3
"""Fewer flows than this are never parted."""
ANCHOR_CONNECTIONS = 3
"""So many connections on one counter are an identity."""
KEY_KINDS = (
    "stack",
    "window",
    "initial ttl",
    "hops",
    "user_agent",
    "user_agent_cut",
    "system",
    "ja4",
)


@dataclass(frozen=True)
class Judgement:
    """Groups of one address, who was attached to them, and how sure the count is.

    `distribution` is number of machines -> probability. `home` maps side -> (group, probability).
    `partition` holds the near misses and the weakest merges of the groups (by their number).
    """

    groups: list[Group]
    partition: Partition
    attachments: list[tuple[tuple[int, ...], Attachment]]
    home: dict[int, tuple[int, float]]
    distribution: dict[int, float]


def judge(evidence: Evidence, connections: frozenset[int]) -> Judgement:
    """Which sides belong together. `connections` are the sides that may found a machine (TCP)."""
    if evidence.n_sides < ENOUGH_SIDES:
        return _alone(evidence)
    parts = chains(evidence)
    known = groups_of(parts, evidence.labels, evidence.clocks, evidence.peers)
    anchored = [i for i, group in enumerate(known) if _anchored(group, connections)]
    loose = [i for i in range(len(known)) if i not in set(anchored)]
    activity = Activity(evidence.starts, evidence.services)
    found = partition(evidence, _alike(known, anchored))
    chains_left = [known[i] for i in loose]
    attachments, homeless = attach(
        found.groups, chains_left, evidence.links, activity, evidence.rules
    )
    homeless = [c for c in homeless if _founds(chains_left[c], connections)]
    if homeless:
        founders = [*[g.sides for g in found.groups], *[chains_left[c].sides for c in homeless]]
        found = partition(evidence, founders)
        rest = [c for c in range(len(chains_left)) if c not in set(homeless)]
        attachments, _ = attach(
            found.groups, [chains_left[c] for c in rest], evidence.links, activity, evidence.rules
        )
        chains_left = [chains_left[c] for c in rest]
    if not found.groups:
        return _alone(evidence)
    placed = [(tuple(chains_left[a.chain].sides), a) for a in attachments]
    home = {side: (g, 1.0) for g, group in enumerate(found.groups) for side in group.sides}
    for sides, attachment in placed:
        for side in sides:
            home[side] = (attachment.group, attachment.probability)
    return Judgement(found.groups, found, placed, home, _distribution(found))


def judge_server(evidence: Evidence) -> Judgement:
    """The machines of an address that only answers: one, unless several clocks answer."""
    lines = sum(clock.scope != "flow" for clock in evidence.clocks)
    return _alone(evidence) if lines < 2 else judge(evidence, frozenset(range(evidence.n_sides)))


def _alone(evidence: Evidence) -> Judgement:
    """Nothing to part the sides by: one group, as sure as the prior."""
    parts = [list(range(evidence.n_sides))]
    groups = groups_of(parts, evidence.labels, evidence.clocks, evidence.peers)
    doubt = float("inf") if evidence.n_sides == 1 else ONE_MACHINE_BITS
    found = Partition(groups, {}, [(doubt, [])])
    return Judgement(groups, found, [], dict.fromkeys(parts[0], (0, 1.0)), {1: 1.0})


def _anchored(group: Group, connections: frozenset[int]) -> bool:
    if connections.isdisjoint(group.sides):
        return False
    if group.lines:
        return True
    skew = group.skew()
    if skew is not None and skew[2] <= ANCHOR_SKEW_PPM:
        return True
    if any(kind in group.labels for kind in ANCHOR_LABELS):
        return True
    return group.labels.get("stack", Counter()).total() >= ANCHOR_CONNECTIONS


def _founds(chain: Group, connections: frozenset[int]) -> bool:
    """May this chain, which fits no machine, be one of its own?"""
    return not connections.isdisjoint(chain.sides) or len(chain.sides) >= FOUNDING_FLOWS


def _alike(known: Sequence[Group], anchored: Sequence[int]) -> list[list[int]]:
    """Single flows without a clock that write exactly alike are one part: nothing parts them."""
    parts: list[list[int]] = []
    alike: dict[tuple[tuple[str, tuple[str, ...]], ...], list[int]] = defaultdict(list)
    for i in anchored:
        group = known[i]
        if len(group.sides) > 1 or group.lines or group.skew() is not None:
            parts.append(group.sides)
        else:
            key = tuple((kind, tuple(sorted(group.labels.get(kind, ())))) for kind in KEY_KINDS)
            alike[key] += group.sides
    return parts + [sorted(sides) for sides in alike.values()]


def _distribution(found: Partition) -> dict[int, float]:
    """Count of machines: near misses may still merge, weak merges may be two machines."""
    merges: list[float] = []
    used: set[int] = set()
    for (a, b), (bits, _) in sorted(found.between.items(), key=lambda item: (-item[1][0], item[0])):
        if a not in used and b not in used and bits > -12.0:
            merges.append(probability(bits))
            used.add(b)
    splits = [probability(-bits) for bits, _ in found.weakest if bits < 12.0]
    return count_distribution(max(1, len(found.groups)), merges, splits)
