"""The tables of a report -> a profile of every machine."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import polars as pl

from wiretell.devices.sides import SERVER, number, sides_of
from wiretell.findings.clocks.report import clock_report
from wiretell.findings.match.clock_profile import clock_profile, rate_alone
from wiretell.model.clocks import DEVICE, TCP_TIMESTAMP
from wiretell.model.profiles import FLOW, Opening, Profile, ProfileSet
from wiretell.model.report import Report
from wiretell.signal import Label, LabelRule
from wiretell.signals import handwriting, link_address, tcp_syn

MAX_PROFILES = 20_000
"""Machines kept of one capture, those with most flows first; the rest is counted."""
MAX_TEXTS = 32
"""Texts kept of one kind of label, commonest first."""
MAX_OPENINGS = 256
"""Connections whose beginning is kept, first ones first."""

PLAIN = frozenset(
    {
        "stack",
        "window",
        "mss",
        "initial ttl",
        "system",
        "system version",
        "ja4",
        "hassh",
        "dhcp_fingerprint",
        "answer",
        "ip ids",
        "ports",
    }
)
"""Kinds of labels that say how software writes: kept as they are. All others are hashed."""
PATH = frozenset({"hops"})
"""Kinds that the access network writes: no trait of the machine."""
COMMON = frozenset({"initial ttl", "mss", "ip ids", "ports"})
"""Kinds that nearly all machines share: a machine that shows no more is left out."""
ASKED = ("sni", "http_host")

RULES: Mapping[str, LabelRule] = {
    rule.kind: rule
    for rule in (
        *handwriting.RULES,
        *tcp_syn.RULES,
        *link_address.RULES,
        LabelRule("answer", 2.0, -4.0, "initial TTL and options of its SYN/ACKs", 3),
        LabelRule("ip ids", 1.0, -1.5, "behaviour of its IP identifications", 6),
        LabelRule("ports", 1.0, -1.5, "behaviour of its source ports", 6),
        LabelRule("served", 5.0, 0.0, "host name that it is asked for"),
    )
    if rule.kind not in PATH
}
"""How labels of profiles are weighed."""


def profiles_of(
    report: Report, source: str, *, key: bytes = b"", version: str = "", servers: bool = True
) -> ProfileSet:
    """A profile of every machine of the report that showed anything to know it by.

    Without `servers` those that only answer are `others` with nothing but the rate of their
    clock, unless there is no client at all: there may be thousands of them.

    `source` names the capture. Texts are hashed (BLAKE2b, 8 bytes) with `key`, or without one:
    then whoever has the file can try names until one fits.
    """
    members = report.members.filter(pl.col("device").is_not_null())
    sides = sides_of(report.flows).join(
        members.select("flow_id", "side", "address", "device"), on=["flow_id", "side", "address"]
    )
    groups = {str(d): group for (d,), group in sides.group_by(["device"], maintain_order=True)}
    said = {
        str(a): group for (a,), group in report.observations.group_by(["address"]) if a is not None
    }
    clocks = _clock_rows(report)
    served, roles = _served(report), dict(report.addresses.select("address", "role").iter_rows())
    rows = report.devices.sort("n_flows", "device", descending=[True, False]).to_dicts()
    found: list[Profile] = []
    others: list[Profile] = []
    brief = not servers and any(role != SERVER for role in roles.values())
    for row in rows[:MAX_PROFILES]:
        group, address = groups.get(row["device"]), row["address"]
        if group is None:
            continue
        clock = clocks.get(row["device"], {})
        if brief and roles.get(address) == SERVER:
            others.append(replace(_told(row, source), role=SERVER, clock=rate_alone(clock)))
            continue
        group = group.sort("start_ns", "flow_id", "side")
        answered = group.filter(~pl.col("initiator"))["flow_id"].to_list()
        names = [name for flow_id in answered for name in served.get(flow_id, ())]
        names += served.get(address, ())
        own = said.get(address, report.observations.clear())
        profile = _profile(row, group, own, names, clock, source, key)
        found.append(replace(profile, role=roles.get(address) or "unknown"))
    kept = tuple(p for p in found if p.clock is not None or p.labels.keys() - COMMON)
    return ProfileSet(
        source,
        kept,
        key_id=hashed("key", "", key) if key else "",
        version=version,
        damaged=report.damaged,
        n_left_out=len(rows) - len(kept) - len(others),
        others=tuple(others),
    )


def hashed(kind: str, text: str, key: bytes = b"") -> str:
    """What stands for a text: enough to compare it, 16 hex digits."""
    data = f"{kind}\0{text}".encode("utf-8", "surrogatepass")
    return blake2b(data, key=blake2b(key).digest() if key else b"", digest_size=8).hexdigest()


def _profile(
    row: Mapping[str, Any],
    group: pl.DataFrame,
    observations: pl.DataFrame,
    served: Sequence[str],
    clock: Mapping[str, Any],
    source: str,
    key: bytes,
) -> Profile:
    sides, told = number(group), _told(row, source)
    return replace(
        told,
        clock=clock_profile(sides, clock, lambda peer: hashed("peer", peer, key)),
        labels=_labels(sides, observations, served, key) | _behaviour(row, told.n_flows),
        opened=_openings(sides, observations, key),
    )


def _told(row: Mapping[str, Any], source: str) -> Profile:
    """What the table of machines itself says."""
    return Profile(
        source=source,
        device=row["device"],
        address=row["address"],
        role="unknown",
        looks_like=row["looks_like"] or "unknown",
        first_ns=row["first_ns"],
        last_ns=row["last_ns"],
        n_flows=row["n_flows"],
        n_machines=row["n_machines"] or 1,
        clock_regime=row["clock_regime"] or "unknown",
        ipid_regime=row["ipid_regime"] or "unknown",
        port_regime=row["port_regime"] or "unknown",
    )


def _labels(
    sides: pl.DataFrame, observations: pl.DataFrame, served: Sequence[str], key: bytes
) -> dict[str, dict[str, int]]:
    """Kind -> text (hashed unless it is PLAIN) -> flow sides that showed it."""
    said: dict[str, Counter[str]] = defaultdict(Counter)
    for label in _written(sides, observations):
        if label.kind in RULES and label.text:
            said[label.kind][label.text] += 1
    if served:
        said["served"].update(served)
    return {
        kind: {
            text if kind in PLAIN else hashed(kind, text, key): n
            for text, n in sorted(said[kind].items(), key=lambda x: (-x[1], x[0]))[:MAX_TEXTS]
        }
        for kind in sorted(said)
    }


def _behaviour(row: Mapping[str, object], n_flows: int) -> dict[str, dict[str, int]]:
    """What was seen of its counters, as labels."""
    regimes = {"ip ids": row["ipid_regime"], "ports": row["port_regime"]}
    return {
        kind: {str(regime): n_flows}
        for kind, regime in regimes.items()
        if regime not in (None, "unknown") and n_flows
    }


def _written(sides: pl.DataFrame, observations: pl.DataFrame) -> Iterable[Label]:
    yield from tcp_syn.score(sides, observations).labels
    yield from handwriting.score(sides, observations).labels
    yield from link_address.score(sides, observations).labels
    answers = sides.filter(~pl.col("initiator") & pl.col("syn").is_not_null())
    for at, text in answers.select("number", "syn").iter_rows():
        signature = tcp_syn.parse(text)
        if signature is not None and signature.layout:
            scale = signature.window.partition(",")[2]
            yield Label(at, "answer", f"{signature.stack} scale {scale}")


def _clock_rows(report: Report) -> dict[str, Mapping[str, Any]]:
    """Device -> what CLOCKS says of its timestamps."""
    clocks = clock_report(report, level=DEVICE).clocks.filter(pl.col("source") == TCP_TIMESTAMP)
    return {row["subject"]: row for row in clocks.unique("subject", keep="first").to_dicts()}


def _served(report: Report) -> dict[int | str, list[str]]:
    """Flow -> names that its client asked for; address -> names that DNS gave it."""
    found: dict[int | str, list[str]] = defaultdict(list)
    told = report.observations.filter(pl.col("text").is_not_null())
    asked = told.filter(pl.col("quantity").is_in(ASKED) & (pl.col("side") == 0))
    for flow_id, text in asked.select("flow_id", "text").iter_rows():
        found[flow_id].append(text.lower())
    answers = told.filter(pl.col("quantity") == "dns_answer")["text"].unique().sort()
    for text in answers.to_list():
        name, _, address = text.rpartition(" ")
        if name:
            found[address].append(name.lower())
    return found


def _openings(sides: pl.DataFrame, observations: pl.DataFrame, key: bytes) -> tuple[Opening, ...]:
    """Its first connections: when, from which port, for whom."""
    opened = sides.filter(pl.col("initiator") & (pl.col("n_syn") > 0)).head(MAX_OPENINGS)
    if opened.is_empty():
        return ()
    asked: dict[tuple[int, int], str] = {}
    names = observations.filter(
        pl.col("quantity").is_in(ASKED) & pl.col("text").is_not_null()
    ).select("flow_id", "side", "text")
    for flow_id, side, text in names.iter_rows():
        asked.setdefault((flow_id, side), text)
    return tuple(
        Opening(start_ns, port, hashed("asked", text, key) if text else "")
        for flow_id, side, start_ns, port in opened.select(
            "flow_id", "side", "start_ns", "port"
        ).iter_rows()
        for text in (asked.get((flow_id, side), ""),)
    )


def known_rates(profiles: Sequence[Profile]) -> list[Profile]:
    """Profiles whose clock's rate is measured."""
    return [p for p in profiles if p.clock is not None and math.isfinite(p.clock.error_ppm)]


def connections_alone(profile: Profile) -> bool:
    """Only lines of single connections: its offsets tell nothing between captures."""
    return profile.clock is not None and all(x.scope == FLOW for x in profile.clock.lines)
