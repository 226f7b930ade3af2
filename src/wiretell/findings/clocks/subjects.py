"""Whose clock it is: units gathered for a flow side, an address or a machine, and one rate each."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl
from scipy.special import gammaincc

from wiretell.findings.clocks.units import Heard, Key, Unit
from wiretell.model.clocks import ADDRESS, FLOW, TCP_TIMESTAMP
from wiretell.stats.joint_rate import Rate, combine
from wiretell.stats.offset_regime import EITHER, PAIR

FEWEST_READINGS = 10
"""A unit with fewer readings of its own does not say that it is another clock."""
WANDER_PPM = 0.3
"""Two measurements of one clock are about this far apart by its wander alone."""
SURELY_SEVERAL = 1e-4
"""Rates that differ by more than chance, at this level, are several clocks'."""


class Side(NamedTuple):
    """What a TCP flow side says of its timestamps; `held_s` from the first to the last one."""

    number: int
    flow_id: int
    side: int
    pkts: int
    ts_n: int
    ts_zero: int
    ts_back: int
    ts_sum_vv: float
    held_s: float | None
    initiator: bool
    syn: str | None
    ttl: int | None


_HELD = (pl.col("ts_last_s") - pl.col("ts_first_s")).alias("held_s")


@dataclass(frozen=True)
class Subject:
    """Something with a clock. `sides` are its TCP flow sides, with or without timestamps.

    `number` tells subjects of one name apart (an address with clocks of two rates).
    """

    name: str
    level: str
    address: str
    source: str
    units: tuple[Unit, ...]
    sides: tuple[Side, ...]
    regime: str
    key: Key | None = None
    number: int = 0


@dataclass(frozen=True)
class Fit:
    """One rate for the units of a subject that tick at `nominal_hz` (0: unknown).

    `p_one` is the probability of rates at least so different if the clock is one.
    """

    nominal_hz: float
    rate: Rate | None
    units: tuple[Unit, ...]
    p_one: float = 1.0

    @property
    def skew_ppm(self) -> tuple[float, float] | None:
        """Skew and its standard error; None where no rate is known."""
        return self.rate.skew_ppm(self.nominal_hz) if self.rate and self.nominal_hz else None

    @property
    def is_several(self) -> bool:
        """Its units run at rates that differ by more than chance."""
        return self.p_one < SURELY_SEVERAL


def subjects_of(
    heard: Heard, level: str, device_of: Mapping[Key, str] | None = None
) -> Iterator[Subject]:
    """The subjects of one address at `level` (FLOW, ADDRESS or DEVICE).

    `device_of` names the machine of each flow side, at level DEVICE; a unit goes where most of
    its sides are. Sides of no machine are left out. Only TCP sides count.
    """
    tcp = heard.sides.filter(pl.col("proto") == 6).with_columns(_HELD)
    sides: dict[str, list[Side]] = defaultdict(list)
    for side in map(Side._make, tcp.select(Side._fields).iter_rows()):
        name = _name(heard.address, (side.flow_id, side.side), level, device_of)
        if name is not None:
            sides[name].append(side)
    units: dict[str, list[Unit]] = defaultdict(list)
    for unit in heard.units:
        homes = Counter(_name(heard.address, key, level, device_of) for key in unit.keys)
        home = homes.most_common(1)[0][0] if homes else None
        if home is not None:
            units[home].append(unit)
    # Flows to one destination that share an offset or not may be those of several machines.
    peers = {unit.clock.peer for unit in heard.units}
    told = len(peers) > 1 or "" in peers
    for name, own in sides.items():
        parts = _by_rate(units.get(name, []), own, heard.regimes, level)
        for part, (several, regime) in enumerate(parts):
            yield Subject(
                name,
                level,
                heard.address,
                TCP_TIMESTAMP,
                several,
                tuple(own),
                EITHER if regime == PAIR and not told else regime,
                (own[0].flow_id, own[0].side) if level == FLOW else None,
                part,
            )


def _name(address: str, key: Key, level: str, device_of: Mapping[Key, str] | None) -> str | None:
    if level == FLOW:
        return f"flow:{key[0]}/{key[1]}"
    if level == ADDRESS:
        return address
    return (device_of or {}).get(key)


def _by_rate(
    units: Sequence[Unit], sides: Sequence[Side], regimes: Mapping[int, str], level: str
) -> list[tuple[tuple[Unit, ...], str]]:
    """Units with their regime; an address with several rates has several clocks at least."""
    nominals = Counter(unit.clock.nominal_hz for unit in units if unit.clock.nominal_hz)
    if level != ADDRESS or len(nominals) < 2:
        return [(tuple(units), _regime(regimes, [s.number for s in sides], ticks=bool(units)))]
    parts: list[tuple[tuple[Unit, ...], str]] = []
    for nominal, _ in nominals.most_common():
        own = tuple(unit for unit in units if unit.clock.nominal_hz == nominal)
        numbers = [n for unit in own for n in unit.clock.sides]
        parts.append((own, _regime(regimes, numbers, ticks=True)))
    return parts


def _regime(regimes: Mapping[int, str], numbers: Iterable[int], *, ticks: bool) -> str:
    """The commonest regime that says something; `ticks`: some of them show a clock."""
    said = Counter(regimes[n] for n in numbers if n in regimes)
    told = [words for words, _ in said.most_common() if words != "unknown"]
    shown = [words for words in told if words not in ("absent", "zero")]
    return (shown or ([] if ticks else told) or ["unknown"])[0]


def fit(units: Sequence[Unit]) -> Fit:
    """The joint rate of the best measured nominal rate among the units."""
    best = Fit(0.0, None, tuple(units))
    for nominal in sorted({u.clock.nominal_hz for u in units if u.clock.edges is not None}):
        own = tuple(u for u in units if u.clock.nominal_hz == nominal)
        rate = combine(u.clock.edges for u in own if u.clock.edges is not None).rate
        if len(own) == 1 and own[0].clock.error_ppm > 0.0:
            rate = Rate(own[0].clock.hz, own[0].clock.error_ppm * 1e-6)
        if rate.error < (best.rate.error if best.rate else math.inf):
            best = Fit(nominal, rate, own, _p_one(own))
    if best.rate is None:
        known = [u.clock for u in units if u.clock.hz > 0.0]
        if known:
            clock = min(known, key=lambda c: c.error_ppm)
            same = tuple(u for u in units if u.clock.nominal_hz == clock.nominal_hz)
            return Fit(clock.nominal_hz, Rate(clock.hz, clock.error_ppm * 1e-6), same)
    return best


def _p_one(units: Sequence[Unit]) -> float:
    """Chi-squared test of one rate: the units' own rates against their weighted mean."""
    own = [
        (u.clock.skew_ppm, math.hypot(u.clock.error_ppm, WANDER_PPM))
        for u in units
        if u.clock.n_readings >= FEWEST_READINGS and u.clock.error_ppm < 1000.0
    ]
    if len(own) < 2:
        return 1.0
    weights = [error**-2 for _, error in own]
    mean = math.fsum(w * ppm for w, (ppm, _) in zip(weights, own, strict=True)) / sum(weights)
    squares = math.fsum(((ppm - mean) / error) ** 2 for ppm, error in own)
    return float(gammaincc((len(own) - 1) / 2.0, squares / 2.0))
