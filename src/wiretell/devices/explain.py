"""A judgement -> rows of the report: devices, members, evidence, address, each with its reasons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from wiretell.devices.alike import Crowd, address_words, crowds_of
from wiretell.devices.assign import Evidence
from wiretell.devices.compare import Argument
from wiretell.devices.describe import Row, describe, whole
from wiretell.devices.judge import Judgement
from wiretell.devices.verdict import verdict_of
from wiretell.stats.counting import interval, mode
from wiretell.stats.likelihood import probability

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


def explain(
    address: str,
    role: str,
    sides: pl.DataFrame,
    observations: pl.DataFrame,
    evidence: Evidence,
    regimes: Mapping[str, Mapping[int, str]],
    judgement: Judgement,
) -> Rows:
    """Rows for one address; devices are numbered by their flows, most first."""
    members = members_of(judgement)
    order = list(members)
    names = {g: f"{address}#{i}" for i, g in enumerate(order, start=1)}
    arguments = _arguments(judgement, names)
    crowds = crowds_of(judgement.crowds, judgement.bodies)
    told = describe(
        [judgement.groups[g] for g in order], list(members.values()), sides, observations, regimes
    )
    confidence = _confidences(judgement)
    sure = [probability(bits) for bits, _ in judgement.partition.weakest]
    numbers = {name: i for i, name in enumerate(dict.fromkeys(b.look for b in judgement.bodies))}
    look = [numbers[body.look] for body in judgement.bodies]
    together = _together(evidence, judgement)
    devices = [
        row
        | {
            "device": names[g],
            "address": address,
            "confidence": confidence[g],
            "n_machines": crowds[g].likely,
            "n_machines_low": crowds[g].low,
            "n_machines_high": crowds[g].high,
            "pair_confidence": sure[g] ** 2 * judgement.company.within[g],
            "look": look[g],
            "stray_confidence": judgement.company.across[g],
            "reasons": _reasons(
                together[g], judgement.partition.weakest[g], arguments.get(g, ()), crowds[g], row
            ),
        }
        for g, row in zip(order, told, strict=True)
    ]
    return Rows(
        _address(address, role, sides, judgement, evidence, [crowds[g] for g in order]),
        devices,
        _members(address, sides, evidence, judgement, names),
        _evidence(address, sides, evidence, judgement, names),
    )


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


def _together(evidence: Evidence, judgement: Judgement) -> list[list[tuple[float, str]]]:
    """Per group (weight, words) of the strongest link of each signal within it."""
    strongest: list[dict[str, tuple[int, float, str]]] = [{} for _ in judgement.groups]
    home = judgement.home
    nowhere = (-1, 0.0)
    for link in evidence.links:
        g = home.get(link.a, nowhere)[0]
        if g < 0 or g != home.get(link.b, nowhere)[0]:
            continue
        n, bits, words = strongest[g].get(link.signal, (0, link.bits, link.reason))
        strongest[g][link.signal] = (n + 1, *max((bits, words), (link.bits, link.reason)))
    together: list[list[tuple[float, str]]] = []
    for found in strongest:
        told: list[tuple[float, str]] = []
        for signal, (n, bits, words) in found.items():
            more = f" ({n} such links)" if n > 1 and signal != "tcp_timestamp" else ""
            told.append((bits + min(n, 20) * 0.1, f"{words}{more}: {bits:+.1f} bits"))
        together.append(told)
    return together


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


def _members(
    address: str,
    sides: pl.DataFrame,
    evidence: Evidence,
    judgement: Judgement,
    names: Mapping[int, str],
) -> Columns:
    home, nowhere = judgement.home, (-1, 0.0)
    reason = ["nothing contradicts it"] * sides.height
    for link in sorted(evidence.links, key=lambda x: x.bits):
        g = home.get(link.a, nowhere)[0]
        if g >= 0 and g == home.get(link.b, nowhere)[0]:
            reason[link.a] = reason[link.b] = link.reason
    for own, attachment in judgement.attachments:
        words = max(attachment.arguments, key=lambda x: x.bits).reason
        for side in own:
            reason[side] = words
    sure = [probability(bits) for bits, _ in judgement.partition.weakest]
    chain = list(range(sides.height))
    for tied in judgement.chains:
        for side in tied:
            chain[side] = tied[0]
    devices: list[str | None] = [None] * sides.height
    confidence = [0.0] * sides.height
    for side in range(sides.height):
        g, share = home.get(side, nowhere)
        if g in names:
            devices[side] = names[g]
            confidence[side] = share * sure[g] * judgement.trusts[g]
        else:
            reason[side] = "nothing tells"
    return {
        "flow_id": sides["flow_id"].to_list(),
        "side": sides["side"].to_list(),
        "address": [address] * sides.height,
        "device": devices,
        "confidence": confidence,
        "chain": chain,
        "reason": reason,
    }


def _evidence(
    address: str,
    sides: pl.DataFrame,
    evidence: Evidence,
    judgement: Judgement,
    names: Mapping[int, str],
) -> Columns:
    flow = [f"flow:{flow_id}" for flow_id in sides["flow_id"].to_list()]
    rows: list[tuple[str, str, str, float, str]] = []
    for (a, b), (_, arguments) in sorted(judgement.partition.between.items()):
        rows += [(x.signal, names[a], names[b], x.bits, x.reason) for x in arguments]
    rows += [(x.signal, flow[x.a], flow[x.b], x.bits, x.reason) for x in evidence.links]
    for own, attachment in judgement.attachments:
        x = max(attachment.arguments, key=lambda x: x.bits)
        rows.append((x.signal, flow[own[0]], names[attachment.group], x.bits, x.reason))
    columns: Sequence[Sequence[object]] = list(zip(*rows, strict=True)) or [()] * 5
    told = dict(zip(("signal", "a", "b", "bits", "reason"), columns, strict=True))
    return told | {"address": [address] * len(rows)}


def _in_order(distribution: Mapping[int, float]) -> list[float]:
    """Probabilities of 1, 2, ... machines; those beyond the last are less than `NEGLIGIBLE`."""
    last = max((n for n, p in distribution.items() if p >= NEGLIGIBLE), default=1)
    return [distribution.get(n, 0.0) for n in range(1, last + 1)]


def _likely(distribution: Mapping[int, float], n_told: int) -> int:
    """The most probable count; one where nothing is told apart and one is not excluded."""
    if n_told == 1 and distribution.get(1, 0.0) >= NOT_EXCLUDED:
        return 1
    return mode(distribution)


def _address(
    address: str,
    role: str,
    sides: pl.DataFrame,
    judgement: Judgement,
    evidence: Evidence,
    crowds: Sequence[Crowd],
) -> Row:
    """`crowds` are those of the devices, in order of their numbers."""
    verdict = verdict_of(evidence, judgement, len(crowds), role)
    low, high = interval(verdict.distribution)
    likely = _likely(verdict.distribution, len(crowds))
    alike = address_words(dict(enumerate(crowds, start=1)), len(crowds), likely)
    return {
        "address": address,
        "role": role,
        "n_devices": likely,
        "low": min(low, likely),
        "high": max(high, likely),
        "probability": verdict.distribution.get(likely, 0.0),
        "count_probabilities": _in_order(verdict.distribution),
        "verdict": verdict.word,
        "n_flows": sides.height,
        "n_bytes": int(whole(sides["ip_bytes"]).sum() + whole(sides["bytes_in"]).sum()),
        "first_ns": int(whole(sides["start_ns"]).min()),
        "last_ns": int(whole(sides["end_ns"]).max()),
        "reasons": [verdict.reason, alike] if alike else [verdict.reason],
    }
