"""A judgement -> rows of the report: devices, members, evidence, address, each with its reasons."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from wiretell.devices.assign import Evidence
from wiretell.devices.compare import Argument
from wiretell.devices.group import Group
from wiretell.devices.judge import ENOUGH_SIDES, Judgement
from wiretell.devices.looks import looks_like
from wiretell.signal import Clock
from wiretell.stats.counting import interval
from wiretell.stats.likelihood import probability

NAME_QUANTITIES = ("dhcp_hostname", "mdns_name", "netbios_name")
CLOCK_WORTH_PPM = 1000.0
"""A rate known no better than this is not shown as a clock."""
N_REASONS = 6
SEPARATE_BITS = -7.0
"""Pairs of devices below this are certainly two."""
INFORMED_SHARE = 0.5

Row = dict[str, object]


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
    members: dict[int, list[int]] = defaultdict(list)
    for side, (group, _) in judgement.home.items():
        members[group].append(side)
    order = sorted(members, key=lambda g: (-len(members[g]), min(members[g])))
    names = {g: f"{address}#{i}" for i, g in enumerate(order, start=1)}
    arguments = _arguments(judgement, names)
    rows = sides.rows(named=True)
    texts = _texts(observations)
    devices = [
        _device(names[g], address, judgement.groups[g], sorted(members[g]), rows, texts, regimes)
        | {
            "confidence": _confidence(g, judgement),
            "reasons": _reasons(g, evidence, judgement, arguments),
        }
        for g in order
    ]
    return Rows(
        _address(address, role, rows, judgement, evidence, len(order)),
        devices,
        _members(address, rows, evidence, judgement, names),
        _evidence(address, rows, evidence, judgement, names),
    )


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
    woven = [words for _, words in together[:1]] + apart[:1]
    woven += [words for _, words in together[1:]] + apart[1:]
    if len(inside) == 1:
        woven.append("a single flow")
    return woven[:N_REASONS] or ["nothing contradicts that these flows are one machine"]


def _device(
    name: str,
    address: str,
    group: Group,
    members: Sequence[int],
    rows: Sequence[Row],
    texts: Mapping[tuple[object, object], list[tuple[str, str]]],
    regimes: Mapping[str, Mapping[int, str]],
) -> Row:
    own = [rows[side] for side in members]
    said = Counter(fact for r in own for fact in texts.get((r["flow_id"], r["side"]), ()))
    syns = Counter(str(r["syn"]) for r in own if r["syn"] is not None and r["initiator"])
    ttls = Counter(r["ttl"] for r in own if r["ttl"] is not None)
    clock = _clock(group)
    return {
        "device": name,
        "address": address,
        "looks_like": looks_like(group),
        "names": _of(said, NAME_QUANTITIES),
        "user_agents": _of(said, ("user_agent",)),
        "ttl": _first(ttls),
        "syn": _first(syns),
        "clock_hz": clock[0] if clock else None,
        "skew_ppm": clock[1] if clock else None,
        "skew_error_ppm": clock[2] if clock else None,
        "clock_regime": _regime(regimes, "tcp_timestamp", members),
        "ipid_regime": _regime(regimes, "ip_id", members),
        "port_regime": _regime(regimes, "source_port", members),
        "boots": max(1, sum(c.scope == "host" for c in group.lines)),
        "n_flows": len(own),
        "bytes_out": sum(_int(r["ip_bytes"]) for r in own),
        "bytes_in": sum(_int(r["bytes_in"]) for r in own),
        "first_ns": min(_int(r["start_ns"]) for r in own),
        "last_ns": max(_int(r["end_ns"]) for r in own),
    }


def _clock(group: Group) -> tuple[float, float, float] | None:
    """Rate in Hz, skew and its standard error in ppm: of the longest line, else of all flows."""
    lines = [c for c in group.lines if c.error_ppm < CLOCK_WORTH_PPM]
    if lines and len({c.scope for c in lines}) == 1 and lines[0].scope == "host":
        best: Clock = max(lines, key=lambda c: len(c.sides))
        return best.hz, best.skew_ppm, best.error_ppm
    skew = group.skew()
    if skew is None or skew[2] > CLOCK_WORTH_PPM:
        return None
    return skew[0] * (1.0 + skew[1] * 1e-6), skew[1], skew[2]


def _regime(regimes: Mapping[str, Mapping[int, str]], signal: str, members: Iterable[int]) -> str:
    found = Counter(regimes.get(signal, {}).get(side, "unknown") for side in members)
    known = Counter({words: n for words, n in found.items() if words != "unknown"})
    return str(_first(known) or "unknown")


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
    n_devices: int,
) -> Row:
    verdict, reasons, distribution = _verdict(rows, judgement, evidence, n_devices, role)
    low, high = interval(distribution)
    return {
        "address": address,
        "role": role,
        "n_devices": n_devices,
        "low": min(low, n_devices),
        "high": max(high, n_devices),
        "probability": distribution.get(n_devices, 0.0),
        "verdict": verdict,
        "n_flows": len(rows),
        "n_bytes": sum(_int(r["ip_bytes"]) + _int(r["bytes_in"]) for r in rows),
        "first_ns": min(_int(r["start_ns"]) for r in rows),
        "last_ns": max(_int(r["end_ns"]) for r in rows),
        "reasons": reasons,
    }


HIDDEN = {0: 0.8, 1: 0.13, 2: 0.05, 3: 0.02}
"""Further machines that write exactly alike, where nothing could tell them apart (prior)."""


def _verdict(
    rows: Sequence[Row], judgement: Judgement, evidence: Evidence, n_devices: int, role: str
) -> tuple[str, list[str], dict[int, float]]:
    distribution = dict(judgement.distribution)
    if len(rows) < ENOUGH_SIDES:
        return "too little", [f"only {len(rows)} flows"], distribution
    tied = {side for link in evidence.links for side in (link.a, link.b)}
    share = len(tied) / len(rows)
    near = max((bits for bits, _ in judgement.partition.between.values()), default=float("-inf"))
    if n_devices == 1:
        if share >= INFORMED_SHARE:
            return (
                "single",
                [f"{share:.0%} of the flows continue one another's counters or clock"],
                distribution,
            )
        words = f"only {share:.0%} of the flows carry a counter or clock that goes on"
        words += ": alike machines would look the same"
        return "not separable", [words], _widened(distribution)
    if role == "server":
        return "farm", ["several clocks answer at this address: a load-balanced farm"], distribution
    if near > SEPARATE_BITS:
        return (
            "partly separable",
            [f"two of them may be one machine: {near:+.1f} bits"],
            distribution,
        )
    return (
        "separated",
        [f"every pair of machines is contradicted by {-near:.0f} bits or more"],
        distribution,
    )


def _widened(distribution: Mapping[int, float]) -> dict[int, float]:
    wide: dict[int, float] = defaultdict(float)
    for count, p in distribution.items():
        for more, q in HIDDEN.items():
            wide[count + more] += p * q
    return dict(wide)


def _texts(observations: pl.DataFrame) -> dict[tuple[object, object], list[tuple[str, str]]]:
    wanted = [*NAME_QUANTITIES, "user_agent"]
    found: dict[tuple[object, object], list[tuple[str, str]]] = defaultdict(list)
    rows = observations.filter(pl.col("quantity").is_in(wanted) & pl.col("text").is_not_null())
    for flow_id, side, quantity, text in rows.select(
        "flow_id", "side", "quantity", "text"
    ).iter_rows():
        found[flow_id, side].append((quantity, text))
    return found


def _of(said: Counter[tuple[str, str]], quantities: Sequence[str]) -> list[str]:
    texts = Counter[str]()
    for (quantity, text), n in said.items():
        if quantity in quantities:
            texts[text] += n
    return [text for text, _ in sorted(texts.items(), key=lambda x: (-x[1], x[0]))]


def _first(counts: Mapping[object, int] | Counter[str]) -> object:
    ordered = sorted(counts.items(), key=lambda x: (-x[1], str(x[0])))
    return ordered[0][0] if ordered else None


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
