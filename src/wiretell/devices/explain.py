"""A judgement -> rows of the report: devices, members, evidence, address, each with its reasons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from wiretell.devices.alike import Crowd, address_words, crowds_of
from wiretell.devices.assign import Evidence
from wiretell.devices.compare import Argument
from wiretell.devices.describe import Row, describe, texts_of, whole
from wiretell.devices.judge import Judgement, bodies_of
from wiretell.devices.sides import connections_of
from wiretell.devices.verdict import verdict_of
from wiretell.stats.counting import interval, mode
from wiretell.stats.likelihood import probability

N_REASONS = 6


@dataclass(frozen=True)
class Rows:
    """Rows for the tables of the report that speak of one address."""

    address: Row
    devices: list[Row]
    members: list[Row]
    evidence: list[Row]


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
    crowds = group_crowds(sides, role, evidence, judgement)
    rows = sides.rows(named=True)
    texts = texts_of(observations)
    devices = [
        describe(judgement.groups[g], sorted(members[g]), rows, texts, regimes)
        | {
            "device": names[g],
            "address": address,
            "confidence": _confidence(g, judgement),
            "n_machines": crowds[g].likely,
            "n_machines_low": crowds[g].low,
            "n_machines_high": crowds[g].high,
            "reasons": _reasons(g, evidence, judgement, arguments, crowds[g]),
        }
        for g in order
    ]
    return Rows(
        _address(address, role, rows, judgement, evidence, [crowds[g] for g in order]),
        devices,
        _members(address, rows, evidence, judgement, names),
        _evidence(address, rows, evidence, judgement, names),
    )


def members_of(judgement: Judgement) -> dict[int, list[int]]:
    """Group -> its sides, in the order in which devices are numbered: most sides first."""
    members: dict[int, list[int]] = defaultdict(list)
    for side, (group, _) in judgement.home.items():
        members[group].append(side)
    order = sorted(members, key=lambda g: (-len(members[g]), min(members[g])))
    return {g: members[g] for g in order}


def group_crowds(
    sides: pl.DataFrame, role: str, evidence: Evidence, judgement: Judgement
) -> list[Crowd]:
    """How many alike machines each group may stand for."""
    bodies = bodies_of(judgement.groups, judgement.home, evidence, connections_of(sides, role))
    return crowds_of(judgement.crowds, bodies)


def _confidence(g: int, judgement: Judgement) -> float:
    """Probability that the group is one machine, and that no other group is the same machine."""
    sure = probability(judgement.partition.weakest[g][0])
    for pair, (bits, _) in judgement.partition.between.items():
        if g in pair:
            sure *= probability(-bits)
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


def _reasons(
    g: int,
    evidence: Evidence,
    judgement: Judgement,
    arguments: Mapping[int, Sequence[tuple[str, Argument]]],
    crowd: Crowd,
) -> list[str]:
    inside = {side for side, (group, _) in judgement.home.items() if group == g}
    by_signal: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for link in evidence.links:
        if link.a in inside and link.b in inside:
            by_signal[link.signal].append((link.bits, link.reason))
    together: list[tuple[float, str]] = []
    for signal, found in by_signal.items():
        bits, words = max(found)
        more = f" ({len(found)} such links)" if len(found) > 1 and signal != "tcp_timestamp" else ""
        together.append((bits + min(len(found), 20) * 0.1, f"{words}{more}: {bits:+.1f} bits"))
    _, merge = judgement.partition.weakest[g]
    best = max(merge, key=lambda x: x.bits, default=None)
    if best is not None and best.bits > 0.0:
        together.append((best.bits, f"{best.reason}: {best.bits:+.1f} bits"))
    together.sort(key=lambda x: (-x[0], x[1]))
    apart = [f"not {name}: {x.reason}: {x.bits:+.1f} bits" for name, x in arguments.get(g, ())]
    woven = ["; ".join(crowd.reasons)] if crowd.reasons else []
    woven += [words for _, words in together[:1]] + apart[:1]
    woven += [words for _, words in together[1:]] + apart[1:]
    if len(inside) == 1:
        woven.append("a single flow")
    return woven[:N_REASONS] or ["nothing contradicts that these flows are one machine"]


def _members(
    address: str,
    rows: Sequence[Row],
    evidence: Evidence,
    judgement: Judgement,
    names: Mapping[int, str],
) -> list[Row]:
    reason: dict[int, str] = {}
    for link in sorted(evidence.links, key=lambda x: x.bits):
        if judgement.home.get(link.a, (-1,))[0] == judgement.home.get(link.b, (-2,))[0]:
            reason[link.a] = reason[link.b] = link.reason
    for sides, attachment in judgement.attachments:
        words = max(attachment.arguments, key=lambda x: x.bits).reason
        for side in sides:
            reason[side] = words
    found: list[Row] = []
    for side, row in enumerate(rows):
        group, sure = judgement.home.get(side, (-1, 0.0))
        found.append(
            {
                "flow_id": row["flow_id"],
                "side": row["side"],
                "address": address,
                "device": names.get(group),
                "confidence": sure * probability(judgement.partition.weakest[group][0])
                if group in names
                else 0.0,
                "reason": reason.get(side, "nothing contradicts it")
                if group in names
                else "nothing tells",
            }
        )
    return found


def _evidence(
    address: str,
    rows: Sequence[Row],
    evidence: Evidence,
    judgement: Judgement,
    names: Mapping[int, str],
) -> list[Row]:
    found: list[Row] = []
    for (a, b), (_, arguments) in sorted(judgement.partition.between.items()):
        for x in arguments:
            found.append(_argument(address, names[a], names[b], x))
    for link in evidence.links:
        tail, head = f"flow:{rows[link.a]['flow_id']}", f"flow:{rows[link.b]['flow_id']}"
        argument = Argument(link.signal, link.bits, link.reason)
        found.append(_argument(address, tail, head, argument))
    for sides, attachment in judgement.attachments:
        strongest = max(attachment.arguments, key=lambda x: x.bits)
        flow = f"flow:{rows[sides[0]]['flow_id']}"
        found.append(_argument(address, flow, names[attachment.group], strongest))
    return found


def _argument(address: str, a: str, b: str, x: Argument) -> Row:
    return {
        "signal": x.signal,
        "address": address,
        "a": a,
        "b": b,
        "bits": x.bits,
        "reason": x.reason,
    }


def _address(
    address: str,
    role: str,
    rows: Sequence[Row],
    judgement: Judgement,
    evidence: Evidence,
    crowds: Sequence[Crowd],
) -> Row:
    """`crowds` are those of the devices, in order of their numbers."""
    verdict = verdict_of(evidence, judgement, len(crowds), role)
    low, high = interval(verdict.distribution)
    likely = mode(verdict.distribution)
    alike = address_words(dict(enumerate(crowds, start=1)), len(crowds), likely)
    return {
        "address": address,
        "role": role,
        "n_devices": likely,
        "low": min(low, likely),
        "high": max(high, likely),
        "probability": verdict.distribution.get(likely, 0.0),
        "verdict": verdict.word,
        "n_flows": len(rows),
        "n_bytes": sum(whole(r["ip_bytes"]) + whole(r["bytes_in"]) for r in rows),
        "first_ns": min(whole(r["start_ns"]) for r in rows),
        "last_ns": max(whole(r["end_ns"]) for r in rows),
        "reasons": [verdict.reason, alike] if alike else [verdict.reason],
    }
