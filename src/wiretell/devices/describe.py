"""A group of flow sides -> what is told of the machine: looks, clock, regimes, names, volume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.devices.group import Group
from wiretell.devices.looks import looks_like

Row = dict[str, object]
IntArray = NDArray[np.int64]

NAME_QUANTITIES = ("dhcp_hostname", "mdns_name", "netbios_name")
CLOCK_WORTH_PPM = 1000.0
"""A skew known no better than this is not shown."""
RATE_WORTH_PPM = 10_000.0
"""A rate known no better than this is not shown either."""
REGIMES = {"clock_regime": "tcp_timestamp", "ipid_regime": "ip_id", "port_regime": "source_port"}
"""Column -> the signal whose regime it is."""


def describe(
    groups: Sequence[Group],
    members: Sequence[Sequence[int]],
    sides: pl.DataFrame,
    observations: pl.DataFrame,
    regimes: Mapping[str, Mapping[int, str]],
) -> list[Row]:
    """Columns of DEVICES that describe, for each group and its members (numbers of sides)."""
    said = _said(members, sides, observations)
    volumes = {name: whole(sides[name]) for name in ("ip_bytes", "bytes_in", "start_ns", "end_ns")}
    opened = zip(sides["initiator"].to_list(), sides["syn"].to_list(), strict=True)
    syn = [text if own else None for own, text in opened]
    tallies = {"ttl": _Tally.of(sides["ttl"].to_list()), "syn": _Tally.of(syn)}
    for column, signal in REGIMES.items():
        told = regimes.get(signal, {})
        tallies[column] = _Tally.of([told.get(n) for n in range(sides.height)], nothing="unknown")
    rows: list[Row] = []
    for group, of_group, facts in zip(groups, members, said, strict=True):
        own = np.array(of_group, dtype=np.int64)
        hz, skew_ppm, error_ppm = _clock(group) or (None, None, None)
        rows.append(
            {
                "looks_like": looks_like(group),
                "names": _commonest(facts, NAME_QUANTITIES),
                "user_agents": _commonest(facts, ("user_agent",)),
                "clock_hz": hz,
                "skew_ppm": skew_ppm,
                "skew_error_ppm": error_ppm,
                "boots": max(1, sum(clock.scope == "host" for clock in group.lines)),
                "n_flows": len(own),
                "bytes_out": int(volumes["ip_bytes"][own].sum()),
                "bytes_in": int(volumes["bytes_in"][own].sum()),
                "first_ns": int(volumes["start_ns"][own].min()),
                "last_ns": int(volumes["end_ns"][own].max()),
            }
            | {column: tally.most(own) for column, tally in tallies.items()}
        )
    return rows


def whole(column: pl.Series) -> IntArray:
    """A column of integers; 0 for null."""
    # Most columns have no null: of small addresses the filling would cost most of all.
    filled = column.fill_null(0) if column.null_count() else column
    return filled.to_numpy().astype(np.int64)


def _said(
    members: Sequence[Sequence[int]], sides: pl.DataFrame, observations: pl.DataFrame
) -> list[Counter[tuple[str, str]]]:
    """Per group how often each (quantity, text) was said: names and User-Agents."""
    found: list[Counter[tuple[str, str]]] = [Counter() for _ in members]
    if observations.is_empty():
        return found
    wanted = [*NAME_QUANTITIES, "user_agent"]
    rows = observations.filter(pl.col("quantity").is_in(wanted) & pl.col("text").is_not_null())
    if rows.is_empty():
        return found
    home = np.full(sides.height, -1, dtype=np.int64)
    for g, own in enumerate(members):
        home[own] = g
    told = rows.select("flow_id", "side", "quantity", "text").join(
        sides.select("flow_id", "side", pl.Series("home", home)), on=["flow_id", "side"]
    )
    counts = told.filter(pl.col("home") >= 0).group_by("home", "quantity", "text").len()
    for g, quantity, text, n in counts.iter_rows():
        found[g][quantity, text] = n
    return found


@dataclass(frozen=True)
class _Tally:
    """What each side shows, as numbers: 0 for nothing, else the place in `shown`, from 1."""

    shown: list[object]
    code: IntArray
    nothing: object

    @classmethod
    def of(cls, values: Sequence[object], nothing: object = None) -> _Tally:
        """Null and `nothing` are not counted."""
        known: dict[object, int] = {None: 0, nothing: 0}
        shown: list[object] = []
        for value in dict.fromkeys(values):
            if value not in known:
                shown.append(value)
                known[value] = len(shown)
        code = np.array([known[value] for value in values], dtype=np.int64)
        return cls(shown, code, nothing)

    def most(self, own: IntArray) -> object:
        """The value that most of these sides show, of several the first by its text."""
        counts = np.bincount(self.code[own])[1:].tolist()
        found = [(-n, str(self.shown[i]), i) for i, n in enumerate(counts) if n]
        return self.shown[min(found)[2]] if found else self.nothing


def _clock(group: Group) -> tuple[float, float | None, float | None] | None:
    """Rate in Hz, skew and its standard error in ppm: of the longest line, else of all flows.

    Coarse clocks in short flows show the rate and not yet the skew, which is None then.
    """
    lines = [clock for clock in group.lines if clock.error_ppm < CLOCK_WORTH_PPM]
    if lines and all(clock.scope == "host" for clock in lines):
        best = max(lines, key=lambda clock: len(clock.sides))
        return best.hz, best.skew_ppm, best.error_ppm
    skew = group.skew()
    if skew is None:
        return None
    hz, ppm, error_ppm = skew
    if error_ppm <= CLOCK_WORTH_PPM:
        return hz * (1.0 + ppm * 1e-6), ppm, error_ppm
    fits = error_ppm <= RATE_WORTH_PPM and abs(ppm) <= 3.0 * error_ppm
    return (hz, None, None) if fits else None


def _commonest(said: Mapping[tuple[str, str], int], quantities: Sequence[str]) -> list[str]:
    texts = Counter[str]()
    for (quantity, text), n in said.items():
        if quantity in quantities:
            texts[text] += n
    return [text for text, _ in sorted(texts.items(), key=lambda x: (-x[1], x[0]))]
