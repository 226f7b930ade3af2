"""What the flows of a machine add up to: volumes, times, and what most of them show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

NAME_QUANTITIES = ("dhcp_hostname", "mdns_name", "netbios_name")
REGIMES = {"clock_regime": "tcp_timestamp", "ipid_regime": "ip_id", "port_regime": "source_port"}
"""Column -> the signal whose regime it is."""
UNKNOWN = "unknown"
"""A regime that is not counted."""


@dataclass(frozen=True)
class Volume:
    """Sums over sides: how many, IP bytes both ways, first and last moment in ns."""

    n_flows: int
    bytes_out: int
    bytes_in: int
    first_ns: int
    last_ns: int

    def __add__(self, other: Volume) -> Volume:
        """Of both together."""
        return Volume(
            self.n_flows + other.n_flows,
            self.bytes_out + other.bytes_out,
            self.bytes_in + other.bytes_in,
            min(self.first_ns, other.first_ns),
            max(self.last_ns, other.last_ns),
        )


@dataclass(frozen=True)
class Facts:
    """Of the sides of one machine: `shown` is column of DEVICES -> value -> how many show it.

    `said` is (quantity, text) -> how often a name or User-Agent was said.
    """

    volume: Volume
    shown: Mapping[str, Counter[object]]
    said: Counter[tuple[str, str]]

    def __add__(self, other: Facts) -> Facts:
        """Of both together."""
        shown = {name: counts + other.shown[name] for name, counts in self.shown.items()}
        return Facts(self.volume + other.volume, shown, self.said + other.said)


def volume_of(sides: pl.DataFrame) -> Volume:
    """Of all sides of a table that has some."""
    return Volume(
        sides.height,
        int(whole(sides["ip_bytes"]).sum()),
        int(whole(sides["bytes_in"]).sum()),
        int(whole(sides["start_ns"]).min()),
        int(whole(sides["end_ns"]).max()),
    )


def facts_of(
    members: Sequence[Sequence[int]],
    sides: pl.DataFrame,
    observations: pl.DataFrame,
    regimes: Mapping[str, Mapping[int, str]],
) -> list[Facts]:
    """Facts of each set of sides (numbers; none is empty)."""
    said = _said(members, sides, observations)
    out, into, first, last = (
        whole(sides[name]) for name in ("ip_bytes", "bytes_in", "start_ns", "end_ns")
    )
    opened = zip(sides["initiator"].to_list(), sides["syn"].to_list(), strict=True)
    syn = [text if own else None for own, text in opened]
    tallies = {"ttl": _Tally.of(sides["ttl"].to_list()), "syn": _Tally.of(syn)}
    for column, signal in REGIMES.items():
        told = regimes.get(signal, {})
        tallies[column] = _Tally.of([told.get(n) for n in range(sides.height)], nothing=UNKNOWN)
    found: list[Facts] = []
    for of_group, words in zip(members, said, strict=True):
        own = np.array(of_group, dtype=np.int64)
        volume = Volume(
            len(own),
            int(out[own].sum()),
            int(into[own].sum()),
            int(first[own].min()),
            int(last[own].max()),
        )
        shown = {column: tally.counts(own) for column, tally in tallies.items()}
        found.append(Facts(volume, shown, words))
    return found


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
        return cls(shown, code)

    def counts(self, own: IntArray) -> Counter[object]:
        """How many of these sides show each value."""
        counts = np.bincount(self.code[own])[1:].tolist()
        return Counter({value: n for value, n in zip(self.shown, counts, strict=False) if n})
