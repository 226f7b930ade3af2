"""TCP timestamps (RFC 7323): the clock of a machine, read through its TSval.

Physics: TSval counts ticks of a crystal that runs some parts per million fast or slow; the rate
is fitted, never assumed (real Apple clocks ran at 959, 977 and 994 Hz). What the *offset* tells
depends on the stack (Linux `secure_tcp_ts_off`, XNU `tcp_subr.c`): one line per host, one per
(source, destination) pair, or a random one per connection. So the regime is decided first, from
whether readings of several flows fall on common lines, and offsets are used only where they do.
Source: Kohno, Broido, claffy, "Remote physical device fingerprinting" (2005); Wicherski,
Weingarten, Meyer (LCN 2013) for lines across flows.
Blind spots: Windows clients send no timestamps; pf re-modulates them; NTP pulls rates to zero.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from wiretell.signal import Clock, Link, Scores, Signal
from wiretell.stats.counter_lines import (
    MODULUS,
    CounterLine,
    Reading,
    chance_bits,
    find_lines,
    wrapped,
)
from wiretell.stats.joint_rate import Edges, edges_of
from wiretell.stats.line import Cloud, bound_from_above, slope_error, upper_hull

NAME = "tcp_timestamp"
NOMINAL_HZ = (1000.0, 100.0, 250.0, 200.0, 10.0, 2.0, 50.0, 128.0, 300.0, 500.0, 512.0, 1024.0)
"""Rates tried where no flow is long enough to measure one, commonest first."""
FAST_HZ = 1_000_000.0
"""`tcp_usec_ts` of Linux 6.7; only taken where measured: its circle is short (71 minutes)."""

TOLERANCE_S = 0.15
"""Delay jitter between two readings of one clock that is still the same line."""
RATE_KNOWN = 1e-3
"""Relative error below which a flow's own rate is used."""
RATE_SURE = 0.02
"""Relative error above which a line's rate is unknown: flows at one moment fit any rate."""
RATE_LIKELY = 0.2
"""Relative error up to which a flow alone is likely of one of the usual rates."""
LEAST_ALONE = 1e-3
"""A late first packet bends a flow by more than its error tells: no flow alone shows 998 Hz."""
RATE_MISS = 4.0
"""Errors that a usual rate may lie away from a fit."""
DRIFT_NOMINAL = 3e-4
"""Relative uncertainty of a nominal rate: skews beyond 300 ppm are measured or missed."""
UNSTEADY_S = 0.3
UNSTEADY_DRIFT = 0.06
"""Tolerance and relative uncertainty for clocks that lose ticks when idle."""
LONG_LINE, BURST_S, LATE_S = 8, 5.0, 5.0
"""A burst of up to 5 s that is up to 5 s late joins a line of 8 flows or more."""
PAIR_HZ = (1000.0, FAST_HZ)
"""Rates of stacks that draw an offset for each destination: Linux from 4.11 on, at 1000 Hz."""
ALONE_SHARE = 0.2
"""Share of sides alone, among those of lines of one destination, from which it is a rule."""
LINE_BITS_CAP = 25.0
SURE_LINE, SURE_BITS = 6, 14.0
"""Shorter lines must be this much rarer than by chance among all flows."""


@dataclass(frozen=True)
class _Side:
    number: int
    peer: str
    ends: tuple[int, str, int]
    reading: Reading
    cloud: Cloud
    n_apart: int
    rate: float
    error: float
    """Relative standard error of `rate`; infinite where the flow is too short to have one."""


def score(sides: pl.DataFrame, observations: pl.DataFrame) -> Scores:
    """Clock lines, links between sides on one line, and the regime of every side."""
    del observations
    without = _without(sides)
    readings = _sides(sides)
    if not readings:
        return Scores(regimes=without)
    clocks = _clocks(readings)
    return Scores(
        links=_links(clocks),
        clocks=clocks,
        regimes=without | _regimes(clocks),
    )


def _without(sides: pl.DataFrame) -> dict[int, str]:
    silent = sides.filter((pl.col("proto") == 6) & (pl.col("ts_n") == 0))
    zero = silent.filter(pl.col("ts_zero") > 1)["number"].to_list()
    return dict.fromkeys(silent["number"].to_list(), "absent") | dict.fromkeys(zero, "zero")


def _sides(sides: pl.DataFrame) -> list[_Side]:
    found: list[_Side] = []
    for r in sides.filter(pl.col("ts_n") > 0).iter_rows(named=True):
        cloud = Cloud(
            int(r["ts_n"]),
            float(r["ts_sum_x"]),
            float(r["ts_sum_v"]),
            np.array(r["ts_hull_x"], dtype=np.float64),
            np.array(r["ts_hull_v"], dtype=np.float64),
            float(r["ts_sum_xx"]),
            int(r["ts_apart"]),
        )
        n_apart = int(r["ts_apart"])
        line = bound_from_above(cloud)
        rate, error = 0.0, float("inf")
        if line is not None and line.slope > 0.0 and cloud.n >= 3:
            span = float(cloud.hull_x[-1] - cloud.hull_x[0])
            # No delay beyond TOLERANCE_S is believed, so the ends alone bound the rate.
            ends_error = (TOLERANCE_S + 1.0 / line.slope) / span
            rate, error = line.slope, min(slope_error(line, n_apart, span), ends_error)
        number = int(r["number"])
        first, last = (
            (float(r["ts_first_s"]), int(r["ts_first"])),
            (float(r["ts_last_s"]), int(r["ts_last"])),
        )
        ends = (int(r["port"]), str(r["peer"]), int(r["peer_port"]))
        found.append(
            _Side(
                number,
                str(r["peer"]),
                ends,
                Reading(number, *first, *last),
                cloud,
                n_apart,
                rate,
                error,
            )
        )
    return found


def candidate_rates(measured: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """(rate, relative error) of each flow -> candidate rates with their relative uncertainty.

    Measured rates are grouped where their errors allow; a group that its error cannot tell from
    a nominal rate takes the nominal one.
    """
    groups: list[list[tuple[float, float]]] = []
    for rate, error in sorted(m for m in measured if m[1] <= RATE_KNOWN):
        if groups:
            last, last_error = groups[-1][-1]
            if rate / last - 1.0 <= 3.0 * (error + last_error) + 5e-4:
                groups[-1].append((rate, error))
                continue
        groups.append([(rate, error)])
    rates: list[tuple[float, float]] = []
    for group in groups:
        weight = np.array([1.0 / e**2 for _, e in group])
        mean = float(np.average([r for r, _ in group], weights=weight))
        error = float(weight.sum() ** -0.5)
        nominal = nominal_rate(mean)
        if abs(mean / nominal - 1.0) < 3.0 * error + 5e-5:
            mean = nominal
        rates.append((mean, max(3.0 * error, DRIFT_NOMINAL)))
    return rates


def nominal_rate(hz: float) -> float:
    """Nearest nominal rate if within 400 ppm, else the rate rounded to 1 Hz (if 20 Hz or more)."""
    nearest = min((*NOMINAL_HZ, FAST_HZ), key=lambda n: abs(hz / n - 1.0))
    if abs(hz / nearest - 1.0) <= 4e-4:
        return nearest
    return float(round(hz)) if hz >= 20.0 else hz


def likely_rate(hz: float, error: float, known: Sequence[float]) -> float:
    """Nominal rate that a fit with this relative error is likely of; 0 if there is none.

    `known` are rates measured on other flows: of several that fit, such a one is likelier, then
    the commoner, unless the fit lies nearer to another.
    """
    if (
        error < RATE_KNOWN
        and abs(hz / nominal_rate(hz) - 1.0) <= 4e-4
        and nominal_rate(hz)
        in (
            *known,
            *NOMINAL_HZ,
            FAST_HZ,
        )
    ):
        return nominal_rate(hz)
    believed = max(error, LEAST_ALONE)
    ranked = list(dict.fromkeys([*known, *NOMINAL_HZ]))
    best, least = 0.0, RATE_MISS**2
    for rank, rate in enumerate(ranked):
        miss = (hz / rate - 1.0) / believed
        cost = miss**2 + (0.0 if rate in known else 1.0) + 0.2 * rank
        if abs(miss) <= RATE_MISS and cost < least:
            best, least = rate, cost
    return best or (nominal_rate(hz) if error < RATE_KNOWN else 0.0)


def _clocks(readings: list[_Side]) -> list[Clock]:
    """Lines of unsteady clocks, then of steady ones at every candidate rate; the rest are alone.

    Some stacks lose ticks when idle: their rate differs by percents between flows, while their
    readings stay within a fraction of a second of one line. Such flows seed loose lines, which
    short flows then join.
    """
    proposals = [
        (0, rate, UNSTEADY_DRIFT, UNSTEADY_S, line) for rate, line in _unsteady_lines(readings)
    ]
    held = {item for *_, line in proposals for item in line.items}
    steady = [s for s in readings if s.number not in held]
    rates = candidate_rates([(s.rate, s.error) for s in steady])
    n_measured = len(rates)
    for nominal in NOMINAL_HZ:
        if all(abs(nominal / rate - 1.0) > 4e-4 for rate, _ in rates):
            rates.append((nominal, DRIFT_NOMINAL))
    for order, (rate, drift) in enumerate(rates, start=1):
        fitting = [s.reading for s in steady if _fits(s, rate)]
        candidates = find_lines(fitting, rate, TOLERANCE_S, drift)
        found = [line for line in candidates if len(line.items) > 1]
        proposals += [(order, rate, drift, TOLERANCE_S, line) for line in found]
    proposals.sort(key=lambda p: (-len(p[-1].items), p[0], p[-1].items[0]))
    by_number = {s.number: s for s in readings}
    taken: set[int] = set()
    lines: list[tuple[list[_Side], float]] = []
    for _, rate, drift, tolerance_s, line in proposals:
        members = [by_number[i] for i in line.items if i not in taken]
        loose = (
            [s for s in readings if s.number not in taken] if 1 < len(members) < SURE_LINE else []
        )
        if len(members) > 1 and not _by_chance(members, loose, rate, drift, tolerance_s):
            taken.update(m.number for m in members)
            lines.append((members, rate))
    alone = [[s] for s in readings if s.number not in taken]
    # Rates are known where several flows agree on them: one alone may have been late.
    known = [nominal_rate(rate) for rate, _ in rates[:n_measured]]
    return [_clock(m, r, late, known) for m, r, late in _adopt_late(lines, alone)]


def _by_chance(
    members: list[_Side], loose: list[_Side], rate: float, drift: float, tolerance_s: float
) -> bool:
    """Could so few of so many flows with random offsets have met on a line by accident?

    The bits of each agreement against the number of ways to choose the members among the flows
    that are on no line yet (only those to one destination, where the members have one).
    """
    if len(members) >= SURE_LINE:
        return False
    peers = {m.peer for m in members}
    n = len(loose) if len(peers) > 1 else sum(s.peer in peers for s in loose)
    choices = math.log2(math.comb(n, len(members)) * len(NOMINAL_HZ))
    times = sorted(m.reading.t_first for m in members)
    steps = pairwise(times)
    bits = sum(chance_bits(rate, tolerance_s + drift * (u - t)) for t, u in steps)
    return bits < choices + SURE_BITS


def _adopt_late(
    lines: list[tuple[list[_Side], float]], alone: list[list[_Side]]
) -> list[tuple[list[_Side], float, list[_Side]]]:
    """Bursts that were held up on the way join the long line that they miss by being late.

    Radio links keep packets back for seconds; all flows of that moment then show the same,
    smaller count. A machine of its own would show its offset at more than one moment.
    """
    longs = [(m, r, _line_of(m)) for m, r in lines if len(m) >= LONG_LINE and _span_s(m) > BURST_S]
    adopted: list[list[_Side]] = [[] for _ in longs]
    kept: list[tuple[list[_Side], float, list[_Side]]] = []
    long = {id(m) for m, _, _ in longs}
    shorts = [(m, r) for m, r in lines if id(m) not in long]
    hz = np.array([r for _, r, _ in longs])
    t_mid, v_mid = (
        np.array([line.anchors[len(line.anchors) // 2] for *_, line in longs], dtype=np.float64)
        .reshape(-1, 2)
        .T
    )
    for members, rate in [*shorts, *((m, 0.0) for m in alone)]:
        first = members[0].reading
        age = first.t_first - t_mid
        off = np.abs((first.v_first - v_mid - hz * age + MODULUS / 2) % MODULUS - MODULUS / 2) / hz
        near = np.flatnonzero(off <= 2.0 * LATE_S + UNSTEADY_DRIFT * np.abs(age))
        late = [
            (-miss, int(i))
            for i in (near if _span_s(members) <= BURST_S else ())
            if -LATE_S
            <= (miss := longs[i][2].signed_miss_s(first.t_first, first.v_first, longs[i][1]))
            <= 0.0
            and all(_fits(m, longs[i][1]) for m in members)
        ]
        if late:
            adopted[min(late)[1]].extend(members)
        else:
            own = members[0]
            kept.append((members, rate or (own.rate if own.error <= RATE_LIKELY else 0.0), []))
    return [(m, r, late) for (m, r, _), late in zip(longs, adopted, strict=True)] + kept


def _line_of(members: list[_Side]) -> CounterLine:
    line = CounterLine()
    for m in members:
        line.add(m.reading)
    return line


def _span_s(members: list[_Side]) -> float:
    return max(m.reading.t_last for m in members) - min(m.reading.t_first for m in members)


def _unsteady_lines(readings: list[_Side]) -> list[tuple[float, CounterLine]]:
    """Lines seeded by flows whose own rate is certainly off nominal, one try per nominal rate."""
    found: list[tuple[float, CounterLine]] = []
    for nominal in NOMINAL_HZ:
        near = [s for s in readings if abs(s.rate / nominal - 1.0) <= UNSTEADY_DRIFT]
        seeds = [s for s in near if s.error < 0.01 and _off_nominal(s)]
        if len(seeds) < 2:
            continue
        rate = float(np.average([s.rate for s in seeds], weights=[1.0 / s.error**2 for s in seeds]))
        lines = find_lines([s.reading for s in seeds], rate, UNSTEADY_S, UNSTEADY_DRIFT)
        lines = [line for line in lines if len(line.items) > 1]
        if not lines:
            continue
        held = {s.number for s in seeds}
        close = {s.number for s in near}
        short = [
            s.reading
            for s in readings
            if s.number not in held and (s.error > 0.01 or s.number in close)
        ]
        for line in find_lines(short, rate, UNSTEADY_S, UNSTEADY_DRIFT, lines)[: len(lines)]:
            line.items.sort()
            found.append((rate, line))
    return found


def _off_nominal(side: _Side) -> bool:
    return all(abs(side.rate / n - 1.0) > 6.0 * side.error + 1e-3 for n in NOMINAL_HZ)


def _fits(side: _Side, rate: float) -> bool:
    unknown = side.error > 0.05
    return unknown or abs(side.rate / rate - 1.0) <= 4.0 * side.error + 5e-4


def _clock(members: list[_Side], rate: float, late: list[_Side], known: Sequence[float]) -> Clock:
    """A line fitted through `members`; `late` sides belong to it but would bend it."""
    first, last = members[0].reading, max((m.reading for m in members), key=lambda r: r.t_last)
    peers = {m.peer for m in members}
    # A hash of the 4-tuple gives a 4-tuple that is used again its old offset: no common line.
    one = len({m.ends for m in members}) == 1
    hz, error, edges = _fit(members, rate) if rate > 0.0 else (0.0, float("inf"), None)
    if len(members) == 1 and rate > 0.0:
        error = min(error, members[0].error)
        nominal = likely_rate(hz, error, known)
    else:
        nominal = likely_rate(hz, error, known) if rate > 0.0 and error < RATE_SURE else 0.0
    return Clock(
        sides=tuple(sorted(m.number for m in (*members, *late))),
        scope="flow" if one else "host" if len(peers) > 1 else "destination",
        hz=hz,
        nominal_hz=nominal,
        skew_ppm=(hz / nominal - 1.0) * 1e6 if nominal else 0.0,
        error_ppm=error * 1e6,
        n_readings=sum(m.n_apart for m in members),
        first_s=first.t_first,
        last_s=last.t_last,
        v_first=first.v_first,
        v_last=last.v_last,
        peer=members[0].peer if len(peers) == 1 else "",
        edges=edges if nominal and error < RATE_SURE else None,
    )


def _fit(members: list[_Side], rate: float) -> tuple[float, float, Edges | None]:
    """Rate (Hz), relative error and edges of one line with one intercept through all readings."""
    cloud = _merged(members, rate) if len(members) > 1 else members[0].cloud
    edges = edges_of(cloud)
    if edges is None or edges.rate.hz <= 0.0:
        return rate, float("inf"), None
    found = edges.rate
    return (found.hz, found.error, edges) if found.error < RATE_SURE else (rate, found.error, None)


def _merged(members: list[_Side], rate: float) -> Cloud:
    """All readings of one line put on the axes of its first side."""
    t0, v0 = members[0].reading.t_first, members[0].reading.v_first
    xs, vs, n, sum_x, sum_v, sum_xx = [], [], 0, 0.0, 0.0, 0.0
    for m in members:
        shift = m.reading.t_first - t0
        turns = round(rate * shift)
        base = turns + wrapped(m.reading.v_first - v0 - turns)
        xs.append(m.cloud.hull_x + shift)
        vs.append(m.cloud.hull_v + base)
        n += m.cloud.n
        sum_x += m.cloud.sum_x + m.cloud.n * shift
        sum_v += m.cloud.sum_v + m.cloud.n * base
        sum_xx += (m.cloud.sum_xx or 0.0) + shift * (2.0 * m.cloud.sum_x + m.cloud.n * shift)
    n_apart = sum(m.n_apart for m in members)
    hull_x, hull_v = upper_hull(np.concatenate(xs), np.concatenate(vs))
    return Cloud(n, sum_x, sum_v, hull_x, hull_v, sum_xx, n_apart)


def _links(clocks: Sequence[Clock]) -> list[Link]:
    links: list[Link] = []
    for clock in clocks:
        if len(clock.sides) < 2:
            continue
        bits = min(chance_bits(clock.hz, TOLERANCE_S), LINE_BITS_CAP)
        reason = f"TCP timestamps of {len(clock.sides)} flows on one line of {clock.hz:.2f} Hz"
        pairs = zip(clock.sides, clock.sides[1:], strict=False)
        links += [Link(NAME, a, b, bits, reason) for a, b in pairs]
    return links


def _regimes(clocks: Sequence[Clock]) -> dict[int, str]:
    """Side -> per host, per destination, per connection, or unknown.

    A side alone on its line proves a random offset only where another side that went to the
    same destination is alone on its line too, and where that is the rule: several machines with
    an offset for each destination may go there once each. A line of one destination is the
    host's where its rate is not of the stacks that draw an offset for each destination.
    """
    alone: dict[str, list[int]] = defaultdict(list)
    lined: dict[str, list[int]] = defaultdict(list)
    regimes: dict[int, str] = {}
    for clock in clocks:
        words = {"host": "per host", "destination": "per destination"}.get(clock.scope, "unknown")
        if clock.scope == "destination":
            lined[clock.peer].append(len(clock.sides))
            if clock.nominal_hz in NOMINAL_HZ and clock.nominal_hz not in PAIR_HZ:
                words = "per host"
        regimes.update(dict.fromkeys(clock.sides, words))
        if clock.scope == "flow":
            alone[clock.peer].append(clock.sides[0])
    n_alone = sum(len(sides) for sides in alone.values() if len(sides) >= 2)
    n_lined = sum(sum(lines) for lines in lined.values())
    if n_alone >= ALONE_SHARE * (n_alone + n_lined):
        for sides in alone.values():
            if len(sides) >= 2:
                regimes.update(dict.fromkeys(sides, "per connection"))
    return regimes


SIGNAL = Signal(NAME, score=score, of_servers=True)
