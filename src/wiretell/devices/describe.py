"""A group of flow sides -> what is told of the machine: looks, clock, regimes, names, volume."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from wiretell.devices.group import Group
from wiretell.devices.looks import looks_like

Row = dict[str, object]
Texts = Mapping[tuple[object, object], Sequence[tuple[str, str]]]
"""(flow id, side) -> (quantity, text) said there."""

NAME_QUANTITIES = ("dhcp_hostname", "mdns_name", "netbios_name")
CLOCK_WORTH_PPM = 1000.0
"""A rate known no better than this is not shown as a clock."""


def texts_of(observations: pl.DataFrame) -> Texts:
    """Names and User-Agents of one address, by flow side."""
    wanted = [*NAME_QUANTITIES, "user_agent"]
    found: dict[tuple[object, object], list[tuple[str, str]]] = defaultdict(list)
    rows = observations.filter(pl.col("quantity").is_in(wanted) & pl.col("text").is_not_null())
    columns = rows.select("flow_id", "side", "quantity", "text")
    for flow_id, side, quantity, text in columns.iter_rows():
        found[flow_id, side].append((quantity, text))
    return found


def describe(
    group: Group,
    members: Sequence[int],
    rows: Sequence[Row],
    texts: Texts,
    regimes: Mapping[str, Mapping[int, str]],
) -> Row:
    """Columns of DEVICES that describe; `members` index `rows` (the sides of the address)."""
    own = [rows[side] for side in members]
    said = Counter(fact for r in own for fact in texts.get((r["flow_id"], r["side"]), ()))
    syns = Counter(str(r["syn"]) for r in own if r["syn"] is not None and r["initiator"])
    ttls = Counter(r["ttl"] for r in own if r["ttl"] is not None)
    hz, skew_ppm, error_ppm = _clock(group) or (None, None, None)
    return {
        "looks_like": looks_like(group),
        "names": _commonest(said, NAME_QUANTITIES),
        "user_agents": _commonest(said, ("user_agent",)),
        "ttl": _first(ttls),
        "syn": _first(syns),
        "clock_hz": hz,
        "skew_ppm": skew_ppm,
        "skew_error_ppm": error_ppm,
        "clock_regime": _regime(regimes, "tcp_timestamp", members),
        "ipid_regime": _regime(regimes, "ip_id", members),
        "port_regime": _regime(regimes, "source_port", members),
        "boots": max(1, sum(clock.scope == "host" for clock in group.lines)),
        "n_flows": len(own),
        "bytes_out": sum(whole(r["ip_bytes"]) for r in own),
        "bytes_in": sum(whole(r["bytes_in"]) for r in own),
        "first_ns": min(whole(r["start_ns"]) for r in own),
        "last_ns": max(whole(r["end_ns"]) for r in own),
    }


def whole(value: object) -> int:
    """An integer cell; 0 for null."""
    return value if isinstance(value, int) else 0


def _clock(group: Group) -> tuple[float, float, float] | None:
    """Rate in Hz, skew and its standard error in ppm: of the longest line, else of all flows."""
    lines = [clock for clock in group.lines if clock.error_ppm < CLOCK_WORTH_PPM]
    if lines and all(clock.scope == "host" for clock in lines):
        best = max(lines, key=lambda clock: len(clock.sides))
        return best.hz, best.skew_ppm, best.error_ppm
    skew = group.skew()
    if skew is None or skew[2] > CLOCK_WORTH_PPM:
        return None
    return skew[0] * (1.0 + skew[1] * 1e-6), skew[1], skew[2]


def _regime(regimes: Mapping[str, Mapping[int, str]], signal: str, members: Iterable[int]) -> str:
    found = Counter(regimes.get(signal, {}).get(side, "unknown") for side in members)
    known = Counter({words: n for words, n in found.items() if words != "unknown"})
    return str(_first(known) or "unknown")


def _commonest(said: Mapping[tuple[str, str], int], quantities: Sequence[str]) -> list[str]:
    texts = Counter[str]()
    for (quantity, text), n in said.items():
        if quantity in quantities:
            texts[text] += n
    return [text for text, _ in sorted(texts.items(), key=lambda x: (-x[1], x[0]))]


def _first(counts: Mapping[object, int] | Counter[str]) -> object:
    ordered = sorted(counts.items(), key=lambda x: (-x[1], str(x[0])))
    return ordered[0][0] if ordered else None
