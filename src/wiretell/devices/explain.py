"""A judgement -> rows of the report: devices, members, evidence, address, each with its reasons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.alike import Crowd, address_words, crowds_of
from wiretell.devices.assign import Evidence
from wiretell.devices.compare import Argument
from wiretell.devices.describe import Row, describe
from wiretell.devices.facts import Facts, Volume, facts_of, volume_of
from wiretell.devices.judge import Judgement
from wiretell.devices.side_columns import SideColumns
from wiretell.devices.verdict import verdict_of
from wiretell.signal import Links
from wiretell.stats.assignment import codes, distinct, firsts
from wiretell.stats.counting import interval, mode
from wiretell.stats.likelihood import probability

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

N_REASONS = 6
NEGLIGIBLE = 1e-6
NOT_EXCLUDED = 0.1
"""Machines are not multiplied without need: a lone one this probable is said to be one."""


Columns = Mapping[str, Sequence[object]]
"""Column -> its values, of all columns the same number."""


@dataclass(frozen=True)
class Rows:
    """Rows for the tables of the report that speak of one address; the long ones as columns."""

    address: Row
    devices: list[Row]
    members: Columns
    evidence: Columns


@dataclass(frozen=True)
class Strongest:
    """Of the links of one signal within a group: how many, bits and words of the strongest."""

    n: int
    bits: float
    words: str

    def __add__(self, other: Strongest) -> Strongest:
        """Of both together."""
        bits, words = max((self.bits, self.words), (other.bits, other.words))
        return Strongest(self.n + other.n, bits, words)


@dataclass(frozen=True)
class Belonging:
    """Of each side: its group (-1: none) and how probably, its chain (a number), and why."""

    group: IntArray
    share: FloatArray
    chain: IntArray
    reason: list[str]


def explain(
    address: str,
    role: str,
    columns: SideColumns,
    evidence: Evidence,
    regimes: Mapping[str, Mapping[int, str]],
    judgement: Judgement,
) -> Rows:
    """Rows for one address; devices are numbered by their flows, most first."""
    members = members_of(judgement)
    facts = dict(zip(members, facts_of([*members.values()], columns, regimes), strict=True))
    names = {g: f"{address}#{i}" for i, g in enumerate(members, start=1)}
    flows = [f"flow:{flow_id}" for flow_id in columns.flow_id]
    rows = [
        *between_rows(judgement, names),
        *((x.signal, flows[x.a], flows[x.b], x.bits, x.reason) for x in evidence.links),
        *(
            (x.signal, flows[own[0]], names[attachment.group], x.bits, x.reason)
            for own, attachment in judgement.attachments
            for x in (strongest(attachment.arguments),)
        ),
    ]
    values: Sequence[Sequence[object]] = list(zip(*rows, strict=True)) or [()] * 5
    told = dict(zip(("signal", "a", "b", "bits", "reason"), values, strict=True))
    belonging = belonging_of(evidence, judgement)
    group = belonging.group.tolist()
    confidence = belonging.share * trust_of(judgement)[belonging.group]
    return Rows(
        address_row(address, role, volume_of(columns), judgement, names),
        device_rows(address, judgement, names, facts, strongest_links(evidence, judgement)),
        {
            "flow_id": columns.flow_id,
            "side": columns.side,
            "address": [address] * columns.n_sides,
            "device": [names.get(g) for g in group],
            "confidence": confidence.tolist(),
            "chain": belonging.chain.tolist(),
            "reason": belonging.reason,
        },
        told | {"address": [address] * len(rows)},
    )


def device_rows(
    address: str,
    judgement: Judgement,
    names: Mapping[int, str],
    facts: Mapping[int, Facts],
    together: Sequence[Mapping[str, Strongest]],
) -> list[Row]:
    """A row for each group of `names`, in that order; `together` as of `strongest_links`."""
    counted, partition = judgement.count, judgement.partition
    arguments = _arguments(judgement, names)
    crowds = crowds_of(counted.crowds, counted.bodies)
    confidence = _confidences(judgement)
    # Of a lone group the count has the merges in it.
    lone = len(counted.bodies) == 1
    merged = [1.0 if lone else probability(bits) ** 2 for bits, _ in partition.weakest]
    numbers = {name: i for i, name in enumerate(dict.fromkeys(b.look for b in counted.bodies))}
    rows: list[Row] = []
    for g, name in names.items():
        row = describe(judgement.groups[g], facts[g])
        reasons = _reasons(
            _words(together[g]), partition.weakest[g], arguments.get(g, ()), crowds[g], row
        )
        rows.append(
            row
            | {
                "device": name,
                "address": address,
                "confidence": confidence[g],
                "n_machines": crowds[g].likely,
                "n_machines_low": crowds[g].low,
                "n_machines_high": crowds[g].high,
                "pair_confidence": merged[g] * counted.company.within[g],
                "look": numbers[counted.bodies[g].look],
                "stray_confidence": counted.company.across[g],
                "reasons": reasons,
            }
        )
    return rows


def trust_of(judgement: Judgement) -> FloatArray:
    """Per group how sure it is that a flow of it is its machine's, and a 0 for no group."""
    sure = [probability(bits) for bits, _ in judgement.partition.weakest]
    return np.array([a * b for a, b in zip(sure, judgement.count.trusts, strict=True)] + [0.0])


def strongest(arguments: Sequence[Argument]) -> Argument:
    """The argument that decided where a chain went."""
    return max(arguments, key=lambda x: x.bits)


def members_of(judgement: Judgement) -> dict[int, list[int]]:
    """Group -> its sides, in the order in which devices are numbered: most sides first."""
    members: dict[int, list[int]] = defaultdict(list)
    for side, (group, _) in judgement.home.items():
        members[group].append(side)
    order = sorted(members, key=lambda g: (-len(members[g]), min(members[g])))
    return {g: members[g] for g in order}


def _confidences(judgement: Judgement) -> list[float]:
    """Per group the probability that it is one machine, and that no other is the same machine."""
    sure = [probability(bits) for bits, _ in judgement.partition.weakest]
    for pair, (bits, _) in judgement.partition.between.items():
        for g in pair:
            sure[g] *= probability(-bits)
    return sure


def _arguments(
    judgement: Judgement, names: Mapping[int, str]
) -> dict[int, list[tuple[str, Argument]]]:
    """Group -> (other device, argument against being the same), strongest first."""
    against: dict[int, list[tuple[str, Argument]]] = defaultdict(list)
    for (a, b), (_, arguments) in judgement.partition.between.items():
        worst = min(arguments, key=lambda x: x.bits, default=None)
        if worst is not None and worst.bits < 0.0 and a in names and b in names:
            against[a].append((names[b], worst))
            against[b].append((names[a], worst))
    return {g: sorted(found, key=lambda x: (x[1].bits, x[0])) for g, found in against.items()}


def strongest_links(
    evidence: Evidence, judgement: Judgement, own: range | None = None
) -> list[dict[str, Strongest]]:
    """Per group and signal the strongest link within it; only links that end in `own`, if given."""
    found: list[dict[str, Strongest]] = [{} for _ in judgement.groups]
    links = Links.of(evidence.links)
    if not links:
        return found
    group = _home_of_links(links, judgement, evidence.n_sides)
    within = group >= 0
    if own is not None:
        within &= (links.ends[:, 1] >= own.start) & (links.ends[:, 1] < own.stop)
    at = np.flatnonzero(within)
    if not len(at):
        return found
    said = [links.signals[i] for i in at.tolist()]
    names = list(dict.fromkeys(said))
    if len(found) == len(names) == 1:  # most addresses
        strongest_bits = float(links.bits[at].max())
        best = at[links.bits[at] == strongest_bits].tolist()
        text = max(links.reasons[i] for i in best)
        return [{names[0]: Strongest(len(at), strongest_bits, text)}]
    signal = codes(said)
    keys, of = distinct(group[at] * len(names) + signal)
    n = np.bincount(of)
    bits = links.bits[at]
    most = np.full(len(keys), -np.inf)
    np.maximum.at(most, of, bits)
    words = [""] * len(keys)
    for i, k in zip(at[bits == most[of]].tolist(), of[bits == most[of]].tolist(), strict=True):
        words[k] = max(words[k], links.reasons[i])
    for k in np.argsort(firsts(of), kind="stable").tolist():
        g, name = divmod(int(keys[k]), len(names))
        found[g][names[name]] = Strongest(int(n[k]), float(most[k]), words[k])
    return found


def _home_of_links(links: Links, judgement: Judgement, n_sides: int) -> IntArray:
    """Group that both ends of each link are of; -1 where they are not of one."""
    if len(judgement.groups) == 1 and len(judgement.home) == n_sides:
        return np.zeros(len(links), dtype=np.int64)
    home = np.full(n_sides, -1, dtype=np.int64)
    at = np.fromiter(judgement.home, dtype=np.int64, count=len(judgement.home))
    home[at] = [g for g, _ in judgement.home.values()]
    a, b = home[links.ends].T
    return np.where(a == b, a, -1)


def _words(together: Mapping[str, Strongest]) -> list[tuple[float, str]]:
    """(weight, words) of the links of each signal within a group."""
    told: list[tuple[float, str]] = []
    for signal, link in together.items():
        more = f" ({link.n} such links)" if link.n > 1 and signal != "tcp_timestamp" else ""
        told.append(
            (link.bits + min(link.n, 20) * 0.1, f"{link.words}{more}: {link.bits:+.1f} bits")
        )
    return told


def _reasons(
    together: list[tuple[float, str]],
    weakest: tuple[float, list[Argument]],
    arguments: Sequence[tuple[str, Argument]],
    crowd: Crowd,
    row: Row,
) -> list[str]:
    best = max(weakest[1], key=lambda x: x.bits, default=None)
    if best is not None and best.bits > 0.0:
        together.append((best.bits, f"{best.reason}: {best.bits:+.1f} bits"))
    together.sort(key=lambda x: (-x[0], x[1]))
    apart = [f"not {name}: {x.reason}: {x.bits:+.1f} bits" for name, x in arguments]
    woven = ["; ".join(crowd.reasons)] if crowd.reasons else []
    woven += [words for _, words in together[:1]] + apart[:1]
    woven += [words for _, words in together[1:]] + apart[1:]
    if row["n_flows"] == 1:
        woven.append("a single flow")
    return woven[:N_REASONS] or ["nothing contradicts that these flows are one machine"]


def belonging_of(evidence: Evidence, judgement: Judgement) -> Belonging:
    """Where each side of the address belongs, and the strongest reason."""
    n = evidence.n_sides
    home = judgement.home
    reason = ["nothing contradicts it"] * n
    links = Links.of(evidence.links)
    if links:
        within = np.flatnonzero(_home_of_links(links, judgement, n) >= 0)
        within = within[np.argsort(links.bits[within], kind="stable")]
        strongest_of = np.full(n, -1, dtype=np.int64)
        strongest_of[links.ends[within].reshape(-1)] = np.repeat(within, 2)
        for side in np.flatnonzero(strongest_of >= 0).tolist():
            reason[side] = links.reasons[strongest_of[side]]
    for own, attachment in judgement.attachments:
        words = strongest(attachment.arguments).reason
        for side in own:
            reason[side] = words
    chain = np.arange(n)
    for tied in judgement.chains:
        chain[tied] = tied[0]
    group, share = np.full(n, -1), np.zeros(n)
    if home:
        at = np.fromiter(home, dtype=np.int64, count=len(home))
        group[at], share[at] = zip(*home.values(), strict=True)
    for side in np.flatnonzero(group < 0).tolist():
        reason[side] = "nothing tells"
    return Belonging(group, share, chain, reason)


def between_rows(
    judgement: Judgement, names: Mapping[int, str]
) -> list[tuple[str, str, str, float, str]]:
    """(signal, a, b, bits, reason) of what speaks for or against two machines being one."""
    return [
        (x.signal, names[a], names[b], x.bits, x.reason)
        for (a, b), (_, arguments) in sorted(judgement.partition.between.items())
        for x in arguments
    ]


def _in_order(distribution: Mapping[int, float]) -> list[float]:
    """Probabilities of 1, 2, ... machines; those beyond the last are less than `NEGLIGIBLE`."""
    last = max((n for n, p in distribution.items() if p >= NEGLIGIBLE), default=1)
    return [distribution.get(n, 0.0) for n in range(1, last + 1)]


def _likely(distribution: Mapping[int, float], n_told: int) -> int:
    """The most probable count; one where nothing is told apart and one is not excluded."""
    if n_told == 1 and distribution.get(1, 0.0) >= NOT_EXCLUDED:
        return 1
    return mode(distribution)


def address_row(
    address: str, role: str, volume: Volume, judgement: Judgement, names: Mapping[int, str]
) -> Row:
    """The row of the address; `names` are those of its devices, in order of their numbers."""
    crowds = crowds_of(judgement.count.crowds, judgement.count.bodies)
    verdict = verdict_of(volume.n_flows, judgement, len(names), role)
    low, high = interval(verdict.distribution)
    likely = _likely(verdict.distribution, len(names))
    several = {i: crowds[g] for i, g in enumerate(names, start=1)}
    alike = address_words(several, len(names), likely)
    return {
        "address": address,
        "role": role,
        "n_devices": likely,
        "low": min(low, likely),
        "high": max(high, likely),
        "probability": verdict.distribution.get(likely, 0.0),
        "count_probabilities": _in_order(verdict.distribution),
        "verdict": verdict.word,
        "n_flows": volume.n_flows,
        "n_bytes": volume.bytes_out + volume.bytes_in,
        "first_ns": volume.first_ns,
        "last_ns": volume.last_ns,
        "reasons": [verdict.reason, alike] if alike else [verdict.reason],
    }
