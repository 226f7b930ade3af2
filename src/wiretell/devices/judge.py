"""One address -> its machines: chains, anchors, groups, attachment, count.

A chain with an identity of its own (a clock, a name, a counter's run of connections) is an anchor.
Anchors are merged into groups; the rest is attached to these, or founds a group where none could
have sent it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.agglomerate import Partition
from wiretell.devices.assign import Evidence, chains, partition
from wiretell.devices.attach import Activity, Attachment, Told, attach
from wiretell.devices.bodies import Held, bodies_of, held_of, tied
from wiretell.devices.compare import ONE_MACHINE_BITS
from wiretell.devices.group import Group, groups_of
from wiretell.devices.multiplicity import Body, beyond, multiplicities, trusts
from wiretell.devices.together import Company, company
from wiretell.stats.counting import count_distribution
from wiretell.stats.likelihood import probability

FloatArray = NDArray[np.float64]

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
MOST_FOUNDERS = 2_000
"""Parts that are compared pair by pair; of more the smaller are attached: cost grows with its
square, and an address of so many machines has large parts enough."""
WINDOW_FOUNDERS = 500
"""The same for one window of an address: what is told apart is compared again at the seams."""
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
class Count:
    """How many machines the groups of an address are.

    `distribution` is number of machines -> probability. `bodies` is what each group shows of being
    several alike machines, `crowds` the probabilities that it is 1, 2, ... of them, `trusts` what
    share of its flows is its main machine's, `company` how far its flows keep together.
    """

    distribution: dict[int, float]
    bodies: list[Body]
    crowds: list[FloatArray]
    trusts: list[float]
    company: Company


@dataclass(frozen=True)
class Judgement:
    """Groups of one address, who was attached to them, and how sure the count is.

    `home` maps side -> (group, probability). `partition` holds the groups, the near misses and
    the weakest merges of the groups (by their number). `chains` are the sets of sides that strong
    links tie, `tied` the number of the set that counters and clocks tie each side into. `heard` is
    first side of a loose chain -> what other loose chains, tied to it, said.
    """

    partition: Partition
    count: Count
    attachments: list[tuple[tuple[int, ...], Attachment]]
    home: dict[int, tuple[int, float]]
    chains: list[list[int]]
    tied: NDArray[np.int32]
    heard: Mapping[int, Told] = field(default_factory=dict)

    @property
    def groups(self) -> list[Group]:
        """The machines, or crowds of alike ones."""
        return self.partition.groups


def judge(
    evidence: Evidence,
    connections: frozenset[int],
    *,
    is_window: bool = False,
    history: bool = True,
) -> Judgement:
    """Which sides belong together. `connections` are the sides that may found a machine (TCP).

    `is_window`: these are some of an address's sides, and no near misses are asked for.
    `history`: how the groups came about is kept.
    """
    if evidence.n_sides < ENOUGH_SIDES:
        return _alone(evidence)
    most = WINDOW_FOUNDERS if is_window else MOST_FOUNDERS
    parted = partial(partition, near_misses=not is_window, history=history)
    parts = chains(evidence)
    known = groups_of(parts, evidence.labels, evidence.clocks, evidence.peers, evidence.holds)
    anchored = [i for i, group in enumerate(known) if _anchored(group, connections)]
    own = set(anchored)
    loose = [i for i in range(len(known)) if i not in own]
    activity = Activity(evidence.starts, evidence.services)
    anchors, small = _largest(_alike(known, anchored), most)
    found = parted(evidence, anchors)
    chains_left = [known[i] for i in loose] + _groups(evidence, small)
    attached = attach(found.groups, chains_left, evidence.links, activity, evidence.rules)
    homeless = [c for c in attached.homeless if _founds(chains_left[c], connections)]
    if homeless:
        homeless = sorted(homeless, key=lambda c: (-len(chains_left[c].sides), c))[:MOST_FOUNDERS]
        founders = [*[g.sides for g in found.groups], *[chains_left[c].sides for c in homeless]]
        earlier = found.history
        found = parted(evidence, founders)
        found.history = earlier + found.history
        founding = set(homeless)
        rest = [c for c in range(len(chains_left)) if c not in founding]
        chains_left = [chains_left[c] for c in rest]
        attached = attach(
            found.groups, chains_left, evidence.links, activity, evidence.rules, (attached, rest)
        )
    if not found.groups:
        return _alone(evidence)
    placed = [(tuple(chains_left[a.chain].sides), a) for a in attached.attachments()]
    home = {side: (g, 1.0) for g, group in enumerate(found.groups) for side in group.sides}
    for sides, attachment in placed:
        for side in sides:
            home[side] = (attachment.group, attachment.probability)
    label = tied(evidence.links, evidence.n_sides)
    held = held_of(len(found.groups), home, evidence.holds, connections, label)
    counted = count(found, held, max(evidence.starts) - min(evidence.starts))
    loose_heard = {chains_left[c].sides[0]: told for c, told in attached.heard.items()}
    return Judgement(found, counted, placed, home, parts, label, loose_heard)


def count(found: Partition, held: Sequence[Held], seconds: float) -> Count:
    """How many machines these groups are, on an address heard for `seconds`."""
    bodies = bodies_of(found.groups, held)
    more = beyond(bodies, seconds)
    distribution = _distribution(found, more.total)
    return Count(
        distribution,
        bodies,
        multiplicities(bodies, more),
        trusts(bodies, more),
        company(bodies, more, distribution),
    )


def _largest(parts: Sequence[list[int]], most: int) -> tuple[list[list[int]], list[list[int]]]:
    """The parts that are compared pair by pair, and the smaller ones that are attached to them."""
    if len(parts) <= most:
        return list(parts), []
    order = sorted(range(len(parts)), key=lambda i: (-len(parts[i]), i))
    chosen = set(order[:most])
    return (
        [part for i, part in enumerate(parts) if i in chosen],
        [part for i, part in enumerate(parts) if i not in chosen],
    )


def _groups(evidence: Evidence, parts: Sequence[Sequence[int]]) -> list[Group]:
    """Groups of these parts, with what is known of their sides."""
    if not parts:
        return []
    sides = {side for part in parts for side in part}
    clocks = [clock for clock in evidence.clocks if sides.issuperset(clock.sides)]
    holds = [hold for hold in evidence.holds if hold.side in sides]
    return groups_of(parts, evidence.labels, clocks, evidence.peers, holds)


def judge_server(evidence: Evidence, *, is_window: bool = False, history: bool = True) -> Judgement:
    """The machines of an address that only answers: one, unless several clocks answer."""
    if sum(clock.scope != "flow" for clock in evidence.clocks) < 2:
        return _alone(evidence)
    every = frozenset(range(evidence.n_sides))
    return judge(evidence, every, is_window=is_window, history=history)


def _alone(evidence: Evidence) -> Judgement:
    """Nothing to part the sides by: one group, as sure as the prior."""
    parts = [list(range(evidence.n_sides))]
    groups = groups_of(parts, evidence.labels, evidence.clocks, evidence.peers)
    doubt = float("inf") if evidence.n_sides == 1 else ONE_MACHINE_BITS
    found = Partition(groups, {}, [(doubt, [])])
    home = dict.fromkeys(parts[0], (0, 1.0))
    alone = Body("", evidence.n_sides, 1.0, 0)
    together = Company((probability(doubt) ** 2,), (0.0,))
    counted = Count({1: 1.0}, [alone], [np.ones(1)], [1.0], together)
    return Judgement(found, counted, [], home, [], tied(evidence.links, evidence.n_sides))


def _anchored(group: Group, connections: frozenset[int]) -> bool:
    if connections.isdisjoint(group.sides):
        return False
    if group.lines:
        return True
    skew = group.skew()
    if skew is not None and skew[2] <= ANCHOR_SKEW_PPM:
        return True
    if not ANCHOR_LABELS.isdisjoint(group.labels):
        return True
    return "stack" in group.labels and group.labels["stack"].total() >= ANCHOR_CONNECTIONS


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


def _distribution(found: Partition, more: FloatArray) -> dict[int, float]:
    """Count of machines: near misses may still merge, weak merges or alike ones may be several."""
    merges: list[float] = []
    used: set[int] = set()
    for (a, b), (bits, _) in sorted(found.between.items(), key=lambda item: (-item[1][0], item[0])):
        if a not in used and b not in used and bits > -12.0:
            merges.append(probability(bits))
            used.add(b)
    splits = [probability(-bits) for bits, _ in found.weakest if bits < 12.0]
    told = count_distribution(max(1, len(found.groups)), merges, splits)
    total = np.zeros(max(told) + 1)
    total[list(told)] = list(told.values())
    total = np.convolve(total, more)
    kept = {n: float(p) for n, p in enumerate(total) if p > 1e-9}
    whole = sum(kept.values())
    return {n: p / whole for n, p in kept.items()}
