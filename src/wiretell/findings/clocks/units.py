"""Flows -> units: readings of one TCP timestamp clock that share one offset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from wiretell.devices.sides import number, sides_of
from wiretell.model.clocks import TCP_TIMESTAMP
from wiretell.model.tables import OBSERVATIONS
from wiretell.signal import Clock
from wiretell.signals.tcp_timestamp import clouds_of_sides, score
from wiretell.stats.clouds import Clouds
from wiretell.stats.joint_rate import edges_of, rates_each
from wiretell.stats.line import FloatArray

Key = tuple[int, int]
"""A flow side: flow_id, side."""

RATE_SURE = 0.02
"""Relative error above which a flow's rate says nothing."""


@dataclass(frozen=True)
class Told:
    """Readings of a clock that payloads tell: x in s since the earliest packet of all, ticks
    since the first. `ahead_s` of the observer's clock, where it tells the time; `note`: what is
    odd about its form."""

    x: FloatArray
    ticks: FloatArray
    ahead_s: float | None
    note: str


@dataclass(frozen=True)
class Unit:
    """Readings with one offset: `clock` says what they show, `keys` in which flow sides.

    `n_readings` counts all of them, those of one burst too; times of `clock` are seconds since
    the earliest packet of all. `delay_s` is their mean distance below the line.
    """

    source: str
    address: str
    clock: Clock
    keys: tuple[Key, ...]
    n_readings: int
    delay_s: float = 0.0
    told: Told | None = None


@dataclass(frozen=True)
class Heard:
    """One address: its flow sides by number, the regime of each side's offsets, its units."""

    address: str
    sides: pl.DataFrame
    regimes: Mapping[int, str]
    units: tuple[Unit, ...]


def heard_of(
    flows: pl.DataFrame, *, addresses: Sequence[str] = (), each_flow: bool = False
) -> Iterator[Heard]:
    """What each address (of `addresses`, where some are named) shows in its TCP timestamps.

    Those that open the most flows come first.

    `flows` as FLOWS. `each_flow`: a unit for every flow side, though several may be on one line.
    """
    sides = sides_of(flows)
    if addresses:
        sides = sides.filter(pl.col("address").is_in(list(addresses)))
    ordered = sides.with_columns(
        opened=pl.col("initiator").sum().over("address"), count=pl.len().over("address")
    ).sort(
        ["opened", "count", "address", "start_ns", "flow_id", "side"],
        descending=[True, True, False, False, False, False],
    )
    for (address,), group in ordered.drop("opened", "count").group_by(
        ["address"], maintain_order=True
    ):
        yield _heard(str(address), number(group), each_flow)


def _heard(address: str, sides: pl.DataFrame, each_flow: bool) -> Heard:
    scores = score(sides, OBSERVATIONS.empty())
    shown = sides.filter(pl.col("ts_n") > 0)
    if not shown.height:
        return Heard(address, sides, scores.regimes, ())
    clouds = clouds_of_sides(shown)
    _, gaps = clouds.bounds()
    keys: list[Key] = sides.select("flow_id", "side").rows()
    row_of = {n: row for row, n in enumerate(shown["number"].to_list())}
    clocks = scores.clocks
    if each_flow:
        clocks = _each_flow(clocks, shown, clouds, row_of)
    units = [
        Unit(
            TCP_TIMESTAMP,
            address,
            clock,
            tuple(keys[n] for n in clock.sides),
            sum(int(clouds.n[row_of[n]]) for n in clock.sides),
            _delay_s(clock, clouds, gaps, row_of),
        )
        for clock in clocks
    ]
    return Heard(address, sides, scores.regimes, tuple(units))


def _delay_s(clock: Clock, clouds: Clouds, gaps: FloatArray, row_of: Mapping[int, int]) -> float:
    """Mean distance of the readings of each flow below its own line, in s."""
    if clock.hz <= 0.0:
        return 0.0
    rows = [row_of[n] for n in clock.sides]
    n = sum(int(clouds.n[row]) for row in rows)
    total: float = sum(float(clouds.n[row]) * float(gaps[row]) for row in rows)
    return total / n / clock.hz


def _each_flow(
    clocks: Sequence[Clock], shown: pl.DataFrame, clouds: Clouds, row_of: Mapping[int, int]
) -> list[Clock]:
    """A clock for every flow side, of the nominal rate that its line has."""
    hz, error = rates_each(clouds)
    peers: list[str] = shown["peer"].to_list()
    first_s, last_s = shown["ts_first_s"].to_list(), shown["ts_last_s"].to_list()
    first, last = shown["ts_first"].to_list(), shown["ts_last"].to_list()
    found: list[Clock] = []
    for clock in clocks:
        if len(clock.sides) == 1:
            found.append(clock)
            continue
        for n in clock.sides:
            row = row_of[n]
            told = 0.0 < error[row] < RATE_SURE
            nominal = clock.nominal_hz
            found.append(
                replace(
                    clock,
                    sides=(n,),
                    hz=float(hz[row]) if told else clock.hz,
                    skew_ppm=(float(hz[row]) / nominal - 1.0) * 1e6 if told and nominal else 0.0,
                    error_ppm=float(error[row]) * 1e6,
                    n_readings=int(clouds.n_apart[row]),
                    first_s=first_s[row],
                    last_s=last_s[row],
                    v_first=first[row],
                    v_last=last[row],
                    peer=peers[row],
                    edges=edges_of(clouds.cloud(row)) if told and nominal else None,
                )
            )
    return sorted(found, key=lambda clock: clock.sides)
