"""p0f's NAT score: how p0f 3 tells that several systems share one address.

Physics: the SYNs of one system look alike, hold one distance, and their timestamps and ports count
up; a persistent pattern of changes is address sharing.
Source: p0f 3.09b: documentation, section 6, and behaviour; the weights are the program's.
Rule: each new SYN (and, for servers, SYN/ACK) of an address is scored against the one before; the
last 32 scores raise "ip sharing" when enough of them are high, else a score of 2 or more is a
"host change".
Blind spots: it is a flag and no count; its signatures are of 2012; timestamps with an offset per
connection make false reasons once another difference is there; equal systems never differ.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from lab.baselines.line import TCP, Counted, Line
from lab.baselines.p0f_signatures import (
    DATABASE,
    Database,
    Match,
    Signature,
    match,
    parse_signature,
    read_database,
)

N_SCORES = 32
_ALARM_LIMITS = ((6, 2), (3, 4), (2, 6), (1, 8))
"""(score, how many of at least that score are still no alarm)."""
_FUZZY_QUIRKS = frozenset({"ecn", "df", "id+", "id-"})
_NEAR, _LOCAL, _SMALL_TTL_CHANGE = 9, 5, 2
_MIN_PORT_DROP = 64
_MAX_HZ, _GRACE_MS, _DAY_MS = 1500, 100, 86_400_000
_U32 = 0xFFFFFFFF


@dataclass(frozen=True)
class Seen:
    """A SYN or SYN/ACK with what p0f makes of it; `tsval` 0 is none."""

    signature: Signature
    match: Match
    tsval: int
    time_ms: int


@dataclass
class Host:
    """What p0f remembers of an address."""

    last_syn: Seen | None = None
    last_synack: Seen | None = None
    kind: str | None = None
    name: str | None = None
    last_port: int = 0
    client_scores: deque[int] = field(default_factory=lambda: deque([0] * N_SCORES, N_SCORES))
    server_scores: deque[int] = field(default_factory=lambda: deque([0] * N_SCORES, N_SCORES))
    reasons: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Finding:
    """A line of p0f's log: "host change" or "ip sharing", its reasons, and `raw_hits`."""

    kind: str
    reasons: frozenset[str]
    hits: tuple[int, int, int, int]


def p0f_nat(line: Line, database: Path = DATABASE) -> Counted:
    """One machine, or two as soon as p0f says "ip sharing": it claims no more than "several".

    Without the alarm all flows are the one machine's; with it none is assigned, for p0f does not
    say whose they are. SYNs are those that flows keep: the first of each. Raises OSError where
    there is no database.
    """
    known = read_database(database)
    alarms = [x for x in findings_of(line.flows, known) if x.kind == "ip sharing"]
    if alarms:
        return Counted(2, {})
    return Counted(int(line.flows.height > 0), dict.fromkeys(line.flows["flow_id"].to_list(), 0))


def findings_of(flows: pl.DataFrame, database: Database) -> list[Finding]:
    """What p0f says of the address that opened `flows` (rows of `FLOWS`), SYN by SYN."""
    syns = (
        flows.filter((pl.col("proto") == TCP) & pl.col("orig_syn").is_not_null())
        .sort("first_ns", "flow_id")
        .select(
            "orig_syn",
            "orig_window",
            pl.when("orig_ts_syn").then("orig_ts_first").fill_null(0).alias("tsval"),
            pl.col("first_ns") // 10**6,
            "orig_p",
        )
    )
    host = Host()
    findings: list[Finding] = []
    for text, window, tsval, time_ms, port in syns.iter_rows():
        signature = parse_signature(text, window)
        seen = Seen(signature, match(signature, database.request), tsval, time_ms)
        _, finding = observe(host, seen, port, to_server=True)
        if finding is not None:
            findings.append(finding)
    return findings


def observe(
    host: Host, seen: Seen, client_port: int, *, to_server: bool
) -> tuple[bool, Finding | None]:
    """Score a SYN (`to_server`) or SYN/ACK that `host` sent, and remember it.

    False, and nothing remembered, for the SYN of a program: p0f compares only systems, and asks of
    programs whether they run on the system.
    """
    record = seen.match.record
    if record is not None and record.kind is None:
        return False, _programme(host, record.systems, to_server=to_server)
    before = host.last_syn if to_server else host.last_synack
    points, reasons = score(host, seen, before, client_port, to_server=to_server)
    finding = add_score(host, points, reasons, to_server=to_server)
    if record is not None:
        host.kind, host.name = record.kind, record.name
    host.last_port = client_port
    if to_server:
        host.last_syn = seen
    else:
        host.last_synack = seen
    return True, finding


def _programme(host: Host, systems: tuple[str, ...], *, to_server: bool) -> Finding | None:
    if host.kind is None:
        return None
    fits = f"@{host.kind}" in systems or host.name in systems
    reasons = set() if fits else {"app_vs_os"}
    return add_score(host, 0 if fits else 4, reasons, to_server=to_server)


def score(
    host: Host, seen: Seen, before: Seen | None, client_port: int, *, to_server: bool
) -> tuple[int, set[str]]:
    """Points and reasons of a SYN or SYN/ACK against the one before."""
    new = seen.match.record
    other_system = new is not None and host.kind is not None and host.name != new.name
    if before is None:
        return (8, {"os_diff"}) if other_system else (0, set())
    points, reasons, differs = _signature_points(seen, before, to_server=to_server)
    if other_system and not differs:
        points, differs = points + 8, True
        reasons.add("os_diff")
    if not differs and (ttl_points := _ttl_points(seen, before)):
        points += ttl_points
        reasons.add("ttl")
    if to_server and host.last_port - client_port >= _MIN_PORT_DROP:
        points += 1
        reasons.add("port")
    if seen.signature.mss != before.signature.mss:
        points += 1
        reasons.add("mtu")
    consistent = _timestamps_agree(seen, before) if points else None
    if consistent is False:
        points += 4
        reasons.add("tstamp")
    elif consistent:
        points //= 2
    return points, reasons


def _signature_points(seen: Seen, before: Seen, *, to_server: bool) -> tuple[int, set[str], bool]:
    """Points, reasons, and whether the systems' names differ."""
    new, old = seen.match.record, before.match.record
    points = 0
    reasons: set[str] = set()
    if new is None or old is None:
        if (seen.signature.quirks ^ before.signature.quirks) - _FUZZY_QUIRKS:
            points, reasons = 2, {"sig_diff"}
        elif to_server and seen.signature.layout != before.signature.layout:
            points, reasons = 1, {"sig_diff"}
        if to_server and (new is None) != (old is None):
            points += 1
            reasons.add("x_known")
        return points, reasons, False
    if new.name != old.name:
        return 8, {"os_diff"}, True
    if not to_server:
        return 0, reasons, False
    if new.label != old.label:
        return 2, {"os_diff"}, False
    if new.line != old.line:
        return 1, {"os_diff"}, False
    if seen.match.fuzzy != before.match.fuzzy:
        return 1, {"fuzzy"}, False
    return 0, reasons, False


def _ttl_points(seen: Seen, before: Seen) -> int:
    difference = seen.signature.ttl - before.signature.ttl
    distance = seen.match.distance
    bad = any(x.match.record is not None and x.match.record.bad_ttl for x in (seen, before))
    if not difference or bad or (distance > _NEAR and difference <= 1):
        return 0
    return 1 if distance > _LOCAL and abs(difference) <= _SMALL_TTL_CHANGE else 4


def _timestamps_agree(seen: Seen, before: Seen) -> bool | None:
    """Whether the clock went on at a lawful pace; None where it cannot be said."""
    elapsed_ms = seen.time_ms - before.time_ms
    if not (seen.tsval and before.tsval and 0 <= elapsed_ms < _DAY_MS):
        return None
    most = max(elapsed_ms, _GRACE_MS) * _MAX_HZ // 1000
    advance = (seen.tsval - before.tsval) & _U32
    back = advance ^ _U32
    return not (advance > most and (elapsed_ms >= _GRACE_MS or back > most))


def add_score(host: Host, points: int, reasons: set[str], *, to_server: bool) -> Finding | None:
    """Put a score into the window of the last 32, and say what p0f would say."""
    scores = host.client_scores if to_server else host.server_scores
    scores.append(points)
    host.reasons |= reasons
    if not points:
        return None
    n = tuple(sum(x >= least for x in scores) for least, _ in _ALARM_LIMITS)
    hits = (n[0], n[1], n[2], n[3])
    if any(count > limit for count, (_, limit) in zip(hits, _ALARM_LIMITS, strict=True)):
        finding = Finding("ip sharing", frozenset(host.reasons), hits)
        scores.extend([0] * N_SCORES)
        host.reasons.clear()
        return finding
    return Finding("host change", frozenset(reasons), hits) if points > 1 else None
