"""What the flows of a machine add up to: volumes, times, and what most of them show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.side_columns import SideColumns

IntArray = NDArray[np.int64]

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


def volume_of(columns: SideColumns, own: slice = slice(None)) -> Volume:
    """Of all sides of an address, or of its `own`; there are some."""
    return Volume(
        len(columns.bytes_out[own]),
        int(columns.bytes_out[own].sum()),
        int(columns.bytes_in[own].sum()),
        int(columns.start_ns[own].min()),
        int(columns.end_ns[own].max()),
    )


def facts_of(
    members: Sequence[Sequence[int]],
    columns: SideColumns,
    regimes: Mapping[str, Mapping[int, str]],
) -> list[Facts]:
    """Facts of each set of sides (numbers; none is empty)."""
    said = _said(members, columns)
    tallies = {"ttl": _Tally.of(columns.ttl), "syn": _Tally.of(columns.opened_syn)}
    for column, signal in REGIMES.items():
        told = regimes.get(signal)
        shown = list(map(told.get, range(columns.n_sides))) if told else ()
        tallies[column] = _Tally.of(shown, nothing=UNKNOWN)
    found: list[Facts] = []
    for of_group, words in zip(members, said, strict=True):
        own = np.array(of_group, dtype=np.int64)
        volume = Volume(
            len(own),
            int(columns.bytes_out[own].sum()),
            int(columns.bytes_in[own].sum()),
            int(columns.start_ns[own].min()),
            int(columns.end_ns[own].max()),
        )
        counts = {column: tally.counts(own) for column, tally in tallies.items()}
        found.append(Facts(volume, counts, words))
    return found


def _said(members: Sequence[Sequence[int]], columns: SideColumns) -> list[Counter[tuple[str, str]]]:
    """Per group how often each (quantity, text) was said: names and User-Agents."""
    found: list[Counter[tuple[str, str]]] = [Counter() for _ in members]
    if columns.said:
        home = {side: g for g, own in enumerate(members) for side in own}
        for side, quantity, text in columns.said:
            if side in home:
                found[home[side]][quantity, text] += 1
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
        if not self.shown:
            return Counter()
        counts = np.bincount(self.code[own])[1:].tolist()
        return Counter({value: n for value, n in zip(self.shown, counts, strict=False) if n})
