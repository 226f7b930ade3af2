"""Sides of one machine -> its clock: rate, rate over time, lines of timestamps, time of boot."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from wiretell.model.profiles import DESTINATION, HOST, ClockProfile, RatePoint, TimeLine
from wiretell.signal import Clock
from wiretell.signals import tcp_timestamp
from wiretell.stats.counter_lines import MODULUS, wrapped
from wiretell.stats.joint_rate import combine

MAX_LINES = 64
"""Lines kept of one machine: those of the host first, then those that most flows read."""
MAX_POINTS = 24
POINT_S = 600.0
"""Points of the rate curve are at least this far apart: shorter stretches show noise alone."""
CURVE_S = 1800.0
"""A capture shorter than this has no curve."""
WORTH_PPM = 500.0
"""A rate known no better than this is no rate: the nominal one is told alone."""

NS = 1e9


def clock_profile(
    sides: pl.DataFrame, known: Mapping[str, Any], peer_name: Callable[[str], str]
) -> ClockProfile | None:
    """The clock of the machine that sent these sides (numbered); None where it showed none.

    `known` is its row of CLOCKS, empty where it has none; `peer_name` is what a destination is
    called in the profile.
    """
    clocks = _clocks(sides)
    if not clocks:
        return None
    rates = [clock.nominal_hz for clock in clocks]
    nominal = known.get("nominal_hz") or max(sorted(set(rates)), key=rates.count)
    ppm, error_ppm = _rate(known)
    own = [clock for clock in clocks if clock.nominal_hz == nominal]
    hz = nominal * (1.0 + (ppm if math.isfinite(ppm) else 0.0) * 1e-6)
    return ClockProfile(
        nominal_hz=nominal,
        ppm=ppm,
        error_ppm=error_ppm,
        n_readings=sum(clock.n_readings for clock in own),
        curve=_curve(sides, nominal),
        lines=_lines(sides, own, hz, peer_name),
        boot_ns=known.get("boot_ns"),
        boot=known.get("boot") or "unknown",
    )


def rate_alone(known: Mapping[str, Any]) -> ClockProfile | None:
    """The clock by its row of CLOCKS alone: nominal rate, ppm and error."""
    nominal = known.get("nominal_hz")
    return ClockProfile(nominal, *_rate(known)) if nominal else None


def _rate(known: Mapping[str, Any]) -> tuple[float, float]:
    ppm, error_ppm = known.get("best_ppm"), known.get("best_se_ppm")
    if ppm is None or error_ppm is None or not 0.0 < error_ppm < WORTH_PPM:
        return math.nan, math.inf
    return ppm, error_ppm


def _clocks(sides: pl.DataFrame) -> list[Clock]:
    clocks = tcp_timestamp.score(sides, sides).clocks
    return [clock for clock in clocks if clock.nominal_hz]


def _curve(sides: pl.DataFrame, nominal: float) -> tuple[RatePoint, ...]:
    """The rate in stretches of equal length, on marks that are the same for every machine."""
    clocked = sides.filter(pl.col("ts_n") > 0)
    first_ns, last_ns = clocked["ts_first_ns"].min(), clocked["ts_last_ns"].max()
    if not isinstance(first_ns, int) or not isinstance(last_ns, int):
        return ()
    span_s = (last_ns - first_ns) / NS
    if span_s < CURVE_S:
        return ()
    # A stretch is a power of two of POINT_S: captures of unlike lengths share marks.
    length_s = POINT_S * 2.0 ** max(0, math.ceil(math.log2(span_s / POINT_S / MAX_POINTS)))
    middle = (pl.col("ts_first_ns") + pl.col("ts_last_ns")) // 2
    stretch = (middle / (length_s * NS)).floor().cast(pl.Int64)
    points: list[RatePoint] = []
    for (mark,), group in clocked.with_columns(mark=stretch).group_by(["mark"]):
        own = [c for c in _clocks(group.drop("mark")) if c.nominal_hz == nominal and c.edges]
        if not own:
            continue
        ppm, error = combine([c.edges for c in own if c.edges]).rate.skew_ppm(nominal)
        if error < WORTH_PPM:
            points.append(RatePoint(round((int(str(mark)) + 0.5) * length_s * NS), ppm, error))
    points.sort(key=lambda point: point.time_ns)
    return tuple(points) if len(points) > 1 else ()


def _lines(
    sides: pl.DataFrame, clocks: Sequence[Clock], hz: float, peer_name: Callable[[str], str]
) -> tuple[TimeLine, ...]:
    rank = {HOST: 0, DESTINATION: 1}
    ordered = sorted(
        clocks, key=lambda c: (rank.get(c.scope, 2), -len(c.sides), -c.n_readings, c.first_s)
    )
    columns = ("ts_first", "ts_first_ns", "ts_last_ns", "ts_hull_x", "ts_hull_v")
    # Sides were numbered in the order of the table, so a number is a row.
    rows = dict(zip(sides["number"].to_list(), sides.select(columns).rows(), strict=True))
    return tuple(_line([rows[n] for n in c.sides], c, hz, peer_name) for c in ordered[:MAX_LINES])


_Row = tuple[int, int, int, list[float], list[float]]


def _line(
    rows: Sequence[_Row], clock: Clock, hz: float, peer_name: Callable[[str], str]
) -> TimeLine:
    """Where the clock stood in the middle of the line: the reading least delayed tells."""
    hz = clock.hz if clock.scope != "flow" and clock.error_ppm < 100.0 else hz
    tsval, first_ns = rows[0][0], rows[0][1]
    ahead = -math.inf
    for value, at_ns, _, hull_x, hull_v in rows:
        expected = hz * (at_ns - first_ns) / NS
        off = wrapped(value - tsval - round(expected)) + round(expected) - expected
        peaks = (v - hz * x for x, v in zip(hull_x, hull_v, strict=True))
        ahead = max(ahead, off + max(peaks, default=0.0))
    start_ns, end_ns = min(row[1] for row in rows), max(row[2] for row in rows)
    middle_ns = (start_ns + end_ns) // 2
    stood = tsval + hz * (middle_ns - first_ns) / NS + ahead
    return TimeLine(
        scope=clock.scope,
        peer=peer_name(clock.peer) if clock.scope == DESTINATION else "",
        time_ns=middle_ns,
        tsval=stood % MODULUS,
        first_ns=start_ns,
        last_ns=end_ns,
        n_flows=len(rows),
    )
