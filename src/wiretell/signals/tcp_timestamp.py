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

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise, repeat

import numpy as np
import polars as pl

from wiretell.signal import Clock, Link, Scores, Signal
from wiretell.stats.clock_lines import (
    TOLERANCE_S,
    ClockedFlows,
    ClockLine,
    Prospects,
    clock_lines,
    prospects,
)
from wiretell.stats.clouds import Clouds, IntArray, clouds_of
from wiretell.stats.counter_lines import Readings, chance_bits, wrapped_each
from wiretell.stats.joint_rate import Edges, Rate, edges_each, edges_of, rates_each
from wiretell.stats.late_flows import adopt_late
from wiretell.stats.line import Cloud, FloatArray, slope_errors
from wiretell.stats.near_pairs import BoolArray
from wiretell.stats.nominal_rate import likely_rates
from wiretell.stats.offset_regime import offset_regimes

NAME = "tcp_timestamp"
TCP = 6
RATE_SURE = 0.02
"""Relative error above which a line's rate is unknown: flows at one moment fit any rate."""
RATE_LIKELY = 0.2
"""Relative error up to which a flow alone is likely of one of the usual rates."""
LINE_BITS_CAP = 25.0


def score(sides: pl.DataFrame, observations: pl.DataFrame) -> Scores:
    """Clock lines, links between sides on one line, and the regime of every side."""
    del observations
    return score_each(sides, np.array([0, sides.height]))[0]


def score_each(sides: pl.DataFrame, starts: IntArray) -> list[Scores]:
    """`score` of several addresses: their sides are the rows `starts[i]` to `starts[i + 1]`.

    What each flow shows alone is worked out for all of them together.
    """
    n_stamps = _ints(sides, "ts_n")
    stamped = n_stamps > 0
    without = _without(sides, n_stamps == 0, starts)
    if not stamped.any():
        return [Scores(regimes=silent) for silent in without]
    shown = sides if stamped.all() else sides[np.flatnonzero(stamped)]
    ends = np.concatenate([[0], np.cumsum(stamped)])[starts]
    some = np.flatnonzero(np.diff(ends))
    scores = [Scores(regimes=silent) for silent in without]
    kinds = _kinds(shown)
    clocks_each = _clocks(shown, np.append(ends[some], ends[-1]))
    for i, clocks in zip(some.tolist(), clocks_each, strict=True):
        own = kinds[ends[i] : ends[i + 1]]
        scores[i] = Scores(
            links=_links(clocks),
            clocks=clocks,
            regimes=without[i] | offset_regimes(clocks, dict(own)),
        )
    return scores


def _without(sides: pl.DataFrame, silent: BoolArray, starts: IntArray) -> list[dict[int, str]]:
    """Of each address the regime of the TCP sides that are `silent`."""
    silent = silent & (_ints(sides, "proto") == TCP)
    rows = np.flatnonzero(silent)
    zero = (_ints(sides, "ts_zero")[rows] > 1).tolist()
    words = ["zero" if is_zero else "absent" for is_zero in zero]
    told = list(zip(_ints(sides, "number")[rows].tolist(), words, strict=True))
    return [dict(told[i:j]) for i, j in pairwise(np.searchsorted(rows, starts).tolist())]


def _floats(sides: pl.DataFrame, column: str) -> FloatArray:
    found: FloatArray = sides[column].cast(pl.Float64).to_numpy()
    return found


def _ints(sides: pl.DataFrame, column: str) -> IntArray:
    found: IntArray = sides[column].cast(pl.Int64).to_numpy()
    return found


def clouds_of_sides(sides: pl.DataFrame) -> Clouds:
    """The readings of all sides, a row per side, which must have some."""
    # As Python lists: of a small address, each question to a table costs more than all of these.
    hull_x, hull_v = ([x or () for x in sides[f"ts_hull_{k}"].to_list()] for k in "xv")
    return Clouds(
        _ints(sides, "ts_n"),
        _floats(sides, "ts_sum_x"),
        _floats(sides, "ts_sum_v"),
        _floats(sides, "ts_sum_xx"),
        _ints(sides, "ts_apart"),
        np.array([x for hull in hull_x for x in hull], dtype=np.float64),
        np.array([v for hull in hull_v for v in hull], dtype=np.float64),
        np.cumsum([0, *map(len, hull_x)]),
    )


def _flows(sides: pl.DataFrame) -> ClockedFlows:
    """Columns of the sides as arrays, and the rate that each side shows alone."""
    clouds = clouds_of_sides(sides)
    slope, gap = clouds.bounds()
    span = clouds.spans()
    told = (slope > 0.0) & (clouds.n >= 3)
    rate = np.where(told, slope, 0.0)
    error = slope_errors(rate, gap, clouds.n_apart.astype(np.float64), span)
    # No delay beyond TOLERANCE_S is believed, so the ends alone bound the rate.
    error[told] = np.minimum(error[told], (TOLERANCE_S + 1.0 / slope[told]) / span[told])
    readings = Readings(
        _floats(sides, "ts_first_s"),
        _ints(sides, "ts_first"),
        _floats(sides, "ts_last_s"),
        _ints(sides, "ts_last"),
    )
    peers = sides["peer"].to_list()
    place = {peer: i for i, peer in enumerate(sorted(set(peers)))}
    peer = np.array([place[peer] for peer in peers], dtype=np.int64)
    return ClockedFlows(readings, clouds, peer, rate, error)


def _clocks(sides: pl.DataFrame, starts: IntArray) -> Iterator[list[Clock]]:
    """Of each address lines with the late flows that belong to them, then sides on no line."""
    of = _flows(sides)
    lines: list[list[ClockLine]] = []
    alone: list[IntArray] = []
    known: list[tuple[float, ...]] = []
    may = prospects(of, starts)
    for (begin, end), chances in zip(pairwise(starts.tolist()), may, strict=True):
        found, single, rates = _lined(of.part(begin, end), chances)
        lines.append([line.behind(begin) for line in found])
        alone.append(single + begin)
        known.append(tuple(rates))
    columns = _Columns(sides)
    on_lines = iter(
        _of_lines(
            of,
            [line for own in lines for line in own],
            [rates for own, rates in zip(lines, known, strict=True) for _ in own],
            columns,
        )
    )
    each_known = [rates for own, rates in zip(alone, known, strict=True) for _ in range(len(own))]
    on_none = iter(_of_flows(of, np.concatenate(alone), each_known, columns))
    for own, single in zip(lines, alone, strict=True):
        yield [*islice(on_lines, len(own)), *islice(on_none, len(single))]


def _lined(of: ClockedFlows, may: Prospects) -> tuple[list[ClockLine], IntArray, list[float]]:
    """Of one address lines of several flows, the flows on none, and the rates known there."""
    lines, known = clock_lines(of, may)
    if not lines:
        return [], np.arange(len(of.rate)), known
    free = np.ones(len(of.rate), dtype=bool)
    for line in lines:
        free[line.rows] = False
    every, alone = adopt_late(of, lines, np.flatnonzero(free))
    return every, alone, known


class _Columns:
    """What clocks repeat of the sides' table, as lists."""

    def __init__(self, sides: pl.DataFrame) -> None:
        self.number: list[int] = sides["number"].to_list()
        self.peer: list[str] = sides["peer"].to_list()
        ends = (sides["port"].to_list(), self.peer, sides["peer_port"].to_list())
        self.ends: list[tuple[int, str, int]] = list(zip(*ends, strict=True))


def _likely(hz: FloatArray, error: FloatArray, known: Sequence[tuple[float, ...]]) -> FloatArray:
    """`likely_rates` of each fit with the rates `known` where it was made."""
    alike: dict[tuple[float, ...], list[int]] = defaultdict(list)
    for i, rates in enumerate(known):
        alike[rates].append(i)
    nominal = np.zeros(len(hz))
    for rates, rows in alike.items():
        nominal[rows] = likely_rates(hz[rows], error[rows], rates)
    return nominal


def _of_lines(
    of: ClockedFlows,
    lines: Sequence[ClockLine],
    known: Sequence[tuple[float, ...]],
    columns: _Columns,
) -> list[Clock]:
    """A clock for each line; `known` are the rates of its address."""
    merged = [_merged(of, line) for line in lines]
    hz, error = rates_each(clouds_of(merged))
    error[hz <= 0.0] = np.inf
    fits = [Rate(*fit) for fit in zip(hz.tolist(), error.tolist(), strict=True)]
    hz = np.where(error < RATE_SURE, hz, np.array([line.rate for line in lines]))
    nominals = np.where(error < RATE_SURE, _likely(hz, error, known), 0.0)
    found = zip(lines, merged, hz.tolist(), error.tolist(), nominals.tolist(), fits, strict=True)
    clocks: list[Clock] = []
    for line, cloud, hz_line, error_line, nominal, fit in found:
        rows = line.rows.tolist()
        last = rows[int(of.readings.t_last[line.rows].argmax())]
        peers = {columns.peer[row] for row in rows}
        # A hash of the 4-tuple gives a 4-tuple that is used again its old offset: no line.
        one = len({columns.ends[row] for row in rows}) == 1
        clocks.append(
            Clock(
                sides=tuple(sorted(columns.number[row] for row in (*rows, *line.late))),
                scope="flow" if one else "host" if len(peers) > 1 else "destination",
                hz=hz_line,
                nominal_hz=nominal,
                skew_ppm=(hz_line / nominal - 1.0) * 1e6 if nominal else 0.0,
                error_ppm=error_line * 1e6,
                n_readings=int(of.clouds.n_apart[line.rows].sum()),
                first_s=float(of.readings.t_first[rows[0]]),
                last_s=float(of.readings.t_last[last]),
                v_first=int(of.readings.v_first[rows[0]]),
                v_last=int(of.readings.v_last[last]),
                peer=columns.peer[rows[0]] if len(peers) == 1 else "",
                edges=edges_of(cloud, fit) if nominal else None,
            )
        )
    return clocks


def _merged(of: ClockedFlows, line: ClockLine) -> Cloud:
    """All readings of one line with one intercept, on the axes of its first flow."""
    rows, t, v = line.rows, of.readings.t_first, of.readings.v_first
    shift = t[rows] - t[rows[0]]
    turns = np.rint(line.rate * shift).astype(np.int64)
    base = turns + wrapped_each(v[rows] - v[rows[0]] - turns)
    return of.clouds.merged(rows, shift, base.astype(np.float64))


def _of_flows(
    of: ClockedFlows, rows: IntArray, known: Sequence[tuple[float, ...]], columns: _Columns
) -> list[Clock]:
    """A clock for each side alone; its rate is unknown (0) where it is too short to tell."""
    own_error = of.error[rows]
    hz, error = (each[rows] for each in rates_each(of.clouds))
    fits = [Rate(*fit) for fit in zip(hz.tolist(), error.tolist(), strict=True)]
    none = ~((of.rate[rows] > 0.0) & (own_error <= RATE_LIKELY))
    unsure = ~none & ~(error < RATE_SURE)
    hz = np.where(none, 0.0, np.where(unsure, of.rate[rows], hz))
    error = np.where(none, np.inf, np.minimum(error, own_error))
    nominal = np.zeros(len(rows))
    told = np.flatnonzero(~none)
    nominal[told] = _likely(hz[told], error[told], [known[i] for i in told.tolist()])
    skew = np.zeros(len(rows))
    some = nominal > 0.0
    skew[some] = (hz[some] / nominal[some] - 1.0) * 1e6
    sure = np.flatnonzero(some & (error < RATE_SURE) & ~unsure)
    edges: list[Edges | None] = [None] * len(rows)
    parts = edges_each(of.clouds, rows[sure], [fits[i] for i in sure.tolist()])
    for i, part in zip(sure.tolist(), parts, strict=True):
        edges[i] = part
    each = rows.tolist()
    fields = zip(
        zip(map(columns.number.__getitem__, each), strict=True),
        repeat("flow"),
        hz.tolist(),
        nominal.tolist(),
        skew.tolist(),
        (error * 1e6).tolist(),
        of.clouds.n_apart[rows].tolist(),
        of.readings.t_first[rows].tolist(),
        of.readings.t_last[rows].tolist(),
        of.readings.v_first[rows].tolist(),
        of.readings.v_last[rows].tolist(),
        map(columns.peer.__getitem__, each),
        edges,
        strict=False,
    )
    return [Clock(*of_side) for of_side in fields]


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


def _kinds(sides: pl.DataFrame) -> list[tuple[int, str]]:
    """Sides and the layout of their SYN's options, which the stack sets; empty: no SYN was seen."""
    syn = sides["syn"].to_list()
    fields = {text: (text or "").split(":") for text in set(syn)}
    layouts = {text: found[5] if len(found) > 5 else "" for text, found in fields.items()}
    return [(n, layouts[text]) for n, text in zip(sides["number"].to_list(), syn, strict=True)]


SIGNAL = Signal(NAME, score=score, score_each=score_each, of_servers=True)
