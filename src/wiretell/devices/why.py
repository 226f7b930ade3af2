"""Two flows: what speaks for and against one machine, what was decided about them, and how."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wiretell.devices.alike import Crowd, crowds_of
from wiretell.devices.assign import chains, grouped
from wiretell.devices.attach import Activity, ranking
from wiretell.devices.balance import (
    TOPICS,
    Balance,
    balance,
    of_two_groups,
    of_two_sides,
)
from wiretell.devices.bodies import CARRIERS
from wiretell.devices.engine import Judged
from wiretell.devices.explain import members_of
from wiretell.devices.group import Group
from wiretell.devices.joining import Joining, joining
from wiretell.devices.link_path import best_path
from wiretell.devices.looks import looks_like
from wiretell.devices.more_traffic import more_traffic
from wiretell.devices.sides import SERVER
from wiretell.devices.silence import silence
from wiretell.signal import Link
from wiretell.stats.likelihood import probability

SAME, ALIKE = "one machine", "one machine or alike ones"
DIFFERENT, OPEN = "two machines", "left open"
N_CANDIDATES = 2
"""Machines shown for a flow that has no identity of its own."""
HELD_BITS = 9.0
"""A chain of counters with no link below this holds two flows together among alike machines."""


@dataclass(frozen=True)
class FlowSide:
    """One of the two flows as seen from the address; `device` is None where nothing tells."""

    flow_id: int
    side: int
    local: tuple[str, int]
    remote: tuple[str, int]
    proto: int
    first_ns: int
    last_ns: int
    n_packets: int
    device: str | None
    confidence: float
    looks_like: str


@dataclass(frozen=True)
class Step:
    """One link of the chain of counters and clocks between the two flows."""

    flow_a: int
    flow_b: int
    bits: float
    signal: str
    reason: str


@dataclass(frozen=True)
class Why:
    """The answer. `balances` begins with what the two flows say alone; `silent` is topic -> why.

    `probability` is that of one machine, all doubts of the decision included.
    """

    address: str
    role: str
    flows: tuple[FlowSide, FlowSide]
    decision: str
    reasons: tuple[str, ...]
    probability: float
    balances: tuple[Balance, ...]
    silent: Mapping[str, str]
    path: tuple[Step, ...]
    more: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """What a reader must know beside it: which flow was meant, what failed."""


def why(judged: Judged, flow_a: int, flow_b: int) -> Why:
    """What is known of two flows that both have an end at the judged address.

    Raises ValueError where one of them has none there.
    """
    return _Question(judged, flow_a, flow_b).answer()


class _Question:
    def __init__(self, judged: Judged, flow_a: int, flow_b: int) -> None:
        self.judged, self.evidence, self.judgement = judged, judged.evidence, judged.judgement
        self.rows = judged.sides.rows(named=True)
        self.sides = [self._side_of(flow) for flow in (flow_a, flow_b)]
        self.names = {
            g: f"{judged.address}#{n}" for n, g in enumerate(members_of(self.judgement), start=1)
        }
        self.crowds: list[Crowd] = crowds_of(
            self.judgement.count.crowds, self.judgement.count.bodies
        )
        self.core = {s: g for g, group in enumerate(self.judgement.groups) for s in group.sides}
        self.chain_of = {side: chain for chain in chains(self.evidence) for side in chain}
        i, j = self.sides
        self.one_chain = self.chain_of[i] is self.chain_of[j]
        self.path = self._path(i, j)
        self.joined: Joining | None = joining(self.judgement.partition.history, i, j)
        self.ranked = {side: self._ranking(side) for side in self.sides if side not in self.core}

    def _path(self, i: int, j: int) -> list[Link]:
        """Within the chain where one holds both, else over counters and clocks anywhere."""
        links = self.evidence.links
        if self.one_chain:
            own = set(self.chain_of[i])
            return best_path((link for link in links if link.a in own and link.b in own), i, j)
        return best_path((link for link in links if link.signal in CARRIERS), i, j)

    def _side_of(self, flow_id: int) -> int:
        for row in self.rows:
            if row["flow_id"] == flow_id:
                return int(row["number"])
        raise ValueError(f"flow {flow_id} has no end at {self.judged.address}")

    def _ranking(self, side: int) -> list[tuple[float, Balance, int]]:
        """Groups for a side without identity: (bits, balance, group), the best first."""
        chain = self.chain_of[side]
        judgement, evidence = self.judgement, self.evidence
        own = set(chain)
        owners: dict[str, Counter[int]] = defaultdict(Counter)
        for other, (group, _) in judgement.home.items():
            if other not in own:
                owners[evidence.peers[other]][group] += 1
        (loose,) = _grouped(self.judged, chain)
        activity = Activity(evidence.starts, evidence.services)
        told = judgement.heard.get(loose.sides[0])
        found = ranking(
            judgement.groups, loose, evidence.links, activity, evidence.rules, owners, told
        )
        best = max((bits for bits, _ in found), default=0.0)
        total = sum(math.exp2(max(bits - best, -1000.0)) for bits, _ in found)
        weighed: list[tuple[float, Balance, int]] = []
        for g, (bits, arguments) in enumerate(found):
            share = math.exp2(max(bits - best, -1000.0)) / total
            title = f"flow {self._flow(side)} and machine {_short(self.names[g])}"
            note = f"beside the other machines {share:.0%}"
            weighed.append((bits, balance(title, arguments, note), g))
        return sorted(weighed, key=lambda x: (-x[0], x[2]))

    def _flow(self, side: int) -> int:
        return int(self.rows[side]["flow_id"])

    def answer(self) -> Why:
        i, j = self.sides
        balances = [balance("the two flows alone", of_two_sides(self.evidence, i, j))]
        balances += self._decisive()
        decision = self._decision()
        sure = self._probability(balances[0])
        shown = {line.topic for line in balances[0].lines}
        regimes = self.judged.regimes
        more = more_traffic(
            self.evidence,
            regimes,
            i,
            j,
            sure,
            alike=self._crowd() is not None,
            serves=self.judged.role == SERVER,
        )
        return Why(
            address=self.judged.address,
            role=self.judged.role,
            flows=(self._described(i), self._described(j)),
            decision=decision,
            reasons=tuple(self._reasons(decision)),
            probability=sure,
            balances=tuple(balances),
            silent={
                topic: silence(topic, self.evidence, regimes, i, j, loose=bool(self.ranked))
                for topic in TOPICS
                if topic not in shown
            },
            path=tuple(
                Step(self._flow(x.a), self._flow(x.b), x.bits, x.signal, x.reason)
                for x in self.path
            ),
            more=tuple(more),
            notes=(
                *self._part(),
                *(
                    f"signal {name} failed and was left out: {message}"
                    for name, message in sorted(self.judged.failed.items())
                ),
            ),
        )

    def _part(self) -> list[str]:
        """Said where the address has too many flows to be judged at once."""
        judged, left = self.judged.sides.height, self.judged.n_left_out
        if not left:
            return []
        return [
            f"of {judged + left:,} flows of this address the {judged:,} at the times of these two"
            " were judged: the report may number machines otherwise"
        ]

    def _decision(self) -> str:
        home = self.judgement.home
        if any(side not in home for side in self.sides):
            return SAME if self.one_chain else OPEN
        i, j = self.sides
        if home[i][0] != home[j][0]:
            return DIFFERENT
        return SAME if self._crowd() is None else ALIKE

    def _decisive(self) -> list[Balance]:
        """What the decision hung on, beside the two flows alone."""
        found = [
            each
            for side in self.ranked
            for _, each, _ in self.ranked[side][:N_CANDIDATES]
            if not self.one_chain
        ]
        if self.ranked:
            return found
        i, j = self.sides
        a, b = self.core[i], self.core[j]
        if a != b:
            title = f"machines {_short(self.names[a])} and {_short(self.names[b])}, all their flows"
            return [self._of_groups(title, a, b)]
        if self.joined is not None and self.joined.merge is not None:
            title = "the merge that brought them together: groups of {} and {} flows".format(
                *self.joined.n_sides
            )
            merge = self.joined.merge
            return [balance(title, merge.arguments, bits=merge.bits)]
        return []

    def _of_groups(self, title: str, a: int, b: int) -> Balance:
        """As the engine kept it, else weighed again."""
        known = self.judgement.partition.between.get((min(a, b), max(a, b)))
        if known is not None:
            return balance(title, known[1], bits=known[0])
        return balance(title, of_two_groups(self.judgement.groups, self.evidence, a, b))

    def _reasons(self, decision: str) -> list[str]:
        i = self.sides[0]
        reasons = [words for side in self.sides for words in self._placing(side)]
        if self.one_chain:
            n = len(self.chain_of[i])
            reasons.append(f"strong links tie them into one chain of {n} flows")
        elif decision in (SAME, ALIKE) and not self.ranked:
            reasons += self._merging()
        crowd = self._crowd()
        if decision == ALIKE and crowd is not None:
            name = _short(self.names[self.judgement.home[i][0]])
            reasons.append(
                f"{name} is {crowd.words}: two of its flows that no counter ties are one machine's"
                f" with {self._share():.0%}"
            )
        if decision == DIFFERENT and self.path:
            weakest = min(link.bits for link in self.path)
            reasons.append(
                f"counters connect them all the same, over {len(self.path)} links, the weakest of"
                f" {weakest:+.1f} bits: taken for accidents"
            )
        return reasons

    def _merging(self) -> list[str]:
        if self.joined is None:
            return [self._alone()]
        if self.joined.merge is None:
            return ["single flows that write exactly alike are one part: nothing parts them"]
        merge, before = self.joined.merge, self.joined.before
        best = max(merge.arguments, key=lambda x: x.bits, default=None)
        words = f"their groups were merged at {merge.bits:+.1f} bits"
        reasons = [f"{words}: {best.reason}" if best is not None else words]
        if before:
            weakest = min(before, key=lambda x: x.bits)
            reasons.append(
                f"{len(before)} merges came before on their way, the weakest at"
                f" {weakest.bits:+.1f} bits"
            )
        return reasons

    def _alone(self) -> str:
        if self.judged.role == SERVER:
            return "this address only answers: one machine unless several clock lines answer"
        return "nothing on this address parts its flows"

    def _placing(self, side: int) -> list[str]:
        """Where a side without identity went, and why."""
        if side not in self.ranked:
            return []
        flow = f"flow {self._flow(side)} has no identity of its own"
        home = self.judgement.home.get(side)
        if home is None:
            return [f"{flow}, and no machine explains it better than all others together"]
        best = _short(self.names[home[0]])
        return [f"{flow}: {best} explains it best, {home[1]:.0%} beside the other machines"]

    def _crowd(self) -> Crowd | None:
        """The crowd of the group that both are in, where that may be several machines."""
        homes = {self.judgement.home.get(side, (-1, 0.0))[0] for side in self.sides}
        if len(homes) > 1 or homes == {-1} or self._held():
            return None
        crowd = self.crowds[homes.pop()]
        return crowd if crowd.several else None

    def _held(self) -> bool:
        return self.one_chain or (
            bool(self.path) and min(link.bits for link in self.path) >= HELD_BITS
        )

    def _share(self) -> float:
        """Probability that two flows of the common group are of one machine among alike ones."""
        g = self.judgement.home[self.sides[0]][0]
        if len(self.judgement.groups) > 1:
            return self.judgement.count.company.within[g]
        return float(sum(p / n for n, p in enumerate(self.judgement.count.crowds[g], start=1)))

    def _probability(self, alone: Balance) -> float:
        """One machine: over all groups that either may be of."""
        i, j = self.sides
        if self.one_chain:
            return probability(min((link.bits for link in self.path), default=math.inf))
        mine, theirs = self._spread(i), self._spread(j)
        total = 0.0
        for g, p in mine.items():
            for h, q in theirs.items():
                total += p * q * (self._within(g, alone) if g == h else self._across(g, h))
        return total

    def _spread(self, side: int) -> dict[int, float]:
        """Group -> probability that the side is of it."""
        if side in self.core:
            return {self.core[side]: 1.0}
        ranked = self.ranked[side]
        weights = [math.exp2(max(bits - ranked[0][0], -1000.0)) for bits, _, _ in ranked]
        return {g: w / sum(weights) for w, (_, _, g) in zip(weights, ranked, strict=True)}

    def _within(self, g: int, alone: Balance) -> float:
        """Two sides of one group being one machine's."""
        sure = probability(self.judgement.partition.weakest[g][0])
        if not self.ranked and self.joined is not None:
            sure = probability(self.joined.weakest)
            if self.joined.merge is None:
                sure = min(sure, alone.probability)
        return sure * (self._share() if self._crowd() is not None else 1.0)

    def _across(self, g: int, h: int) -> float:
        """Two sides of different groups: of one machine after all, or one strayed among alike."""
        bodies, across = self.judgement.count.bodies, self.judgement.count.company.across
        strays = min(across[g], across[h]) if bodies[g].look == bodies[h].look else 0.0
        if self.ranked and (min(g, h), max(g, h)) not in self.judgement.partition.between:
            return strays  # one of many such pairs, and none of the near ones
        return max(strays, self._of_groups("", g, h).probability)

    def _described(self, side: int) -> FlowSide:
        row = self.rows[side]
        home = self.judgement.home.get(side)
        looks = looks_like(_grouped(self.judged, self.chain_of[side])[0])
        return FlowSide(
            flow_id=self._flow(side),
            side=int(row["side"]),
            local=(str(row["address"]), int(row["port"] or 0)),
            remote=(str(row["peer"]), int(row["peer_port"] or 0)),
            proto=int(row["proto"]),
            first_ns=int(row["start_ns"]),
            last_ns=int(row["end_ns"]),
            n_packets=int(row["pkts"] or 0),
            device=None if home is None else self.names[home[0]],
            confidence=0.0 if home is None else home[1],
            looks_like=looks,
        )


def _short(device: str) -> str:
    """`#3` of `address#3`."""
    return f"#{device.rpartition('#')[2]}"


def _grouped(judged: Judged, chain: Sequence[int]) -> list[Group]:
    return grouped(judged.evidence, [chain])
