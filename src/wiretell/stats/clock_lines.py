"""Flows of many clocks of unknown rates -> the lines that several flows are on.

Every rate that some flow shows, then every usual one, is tried on all flows that fit it; the
longest lines are taken first. A line that so many flows would show by accident is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from wiretell.stats.clouds import Clouds, IntArray
from wiretell.stats.counter_lines import (
    MODULUS,
    PARTNERS,
    Readings,
    ahead_s,
    chance_bits,
    constants_s,
    find_lines,
    grow,
)
from wiretell.stats.line import FloatArray
from wiretell.stats.near_pairs import BoolArray
from wiretell.stats.nominal_rate import DRIFT_NOMINAL, NOMINAL_HZ, candidate_rates, nominal_rate

TOLERANCE_S = 0.15
"""Delay jitter between two readings of one clock that is still the same line."""
UNSTEADY_S = 0.3
UNSTEADY_DRIFT = 0.06
"""Tolerance and relative uncertainty for clocks that lose ticks when idle."""
UNSTEADY_SLACK = 4.0
"""Flows that miss the seeds of an unsteady line by more tolerances cannot join it."""
SURE_BITS = 14.0
"""A line must be this much rarer than by chance among all flows."""
STRAY_BITS = 5.0
"""What a line has at other destinations must be this much rarer than by chance, for all lines."""
LEAST_LINE = 2
"""Lines of so few flows are not told from chance by their destinations."""
SETTLED, SETTLED_S = 6, 60.0
"""So many flows over so long on a line of a measured rate: no other rate is tried on them."""


@dataclass(frozen=True)
class ClockedFlows:
    """Flows that show a clock, a row each.

    `rate` is what a flow alone shows (ticks per s; 0 if nothing), `error` its relative standard
    error (infinite where it is too short to have one), `peer` a number for its destination.
    """

    readings: Readings
    clouds: Clouds
    peer: IntArray
    rate: FloatArray
    error: FloatArray

    def part(self, begin: int, end: int) -> ClockedFlows:
        """The flows from row `begin` to before `end`."""
        rows = slice(begin, end)
        return ClockedFlows(
            self.readings.part(begin, end),
            self.clouds.part(begin, end),
            self.peer[rows],
            self.rate[rows],
            self.error[rows],
        )

    def fitting(self, rate_hz: float) -> BoolArray:
        """Flows whose own rate may be this one."""
        near = np.abs(self.rate / rate_hz - 1.0) <= 4.0 * self.error + 5e-4
        return near | (self.error > 0.05)

    def span_s(self, rows: IntArray) -> float:
        """Time from the first to the last reading of `rows`."""
        return float(self.readings.t_last[rows].max() - self.readings.t_first[rows].min())


@dataclass(frozen=True)
class ClockLine:
    """Flows on one line, in order of time, and the rate (Hz, +- `drift` of it) that put them there.

    `late` are flows that belong to it but would bend it.
    """

    rows: IntArray
    rate: float
    drift: float
    tolerance_s: float
    late: list[int] = field(default_factory=list)

    def behind(self, n_flows: int) -> ClockLine:
        """The same line with `n_flows` other flows before its own."""
        late = [row + n_flows for row in self.late]
        return replace(self, rows=self.rows + n_flows, late=late)


@dataclass(frozen=True)
class Prospects:
    """What the flows of one address may show at all, a value for each of NOMINAL_HZ.

    `unsteady`: two flows or more are certainly off this rate and near it. `meets`: two flows that
    fit it lie so near one another that they may be on one line.
    """

    unsteady: Sequence[bool]
    meets: Sequence[bool]


def prospects(of: ClockedFlows, starts: IntArray) -> list[Prospects]:
    """Of many addresses at once, which each could only find out at a cost.

    The flows of address i are the rows from `starts[i]` to before `starts[i + 1]`; none is empty.
    """
    off, near = _off_and_near(of)
    begins = starts[:-1]
    unsteady = np.add.reduceat(off[:, None] & near, begins, axis=0, dtype=np.int64) >= 2
    owner = np.repeat(np.arange(len(begins)), np.diff(starts))
    first_s = np.minimum.reduceat(of.readings.t_first, begins)
    span = np.maximum.reduceat(of.readings.t_last, begins) - first_s
    # `find_lines` never looks further: it knows which flows are left. A little more for rounding.
    wide = (TOLERANCE_S + DRIFT_NOMINAL * span) * PARTNERS + 1e-6
    meets = np.zeros((len(begins), len(NOMINAL_HZ)), dtype=bool)
    for k, rate in enumerate(NOMINAL_HZ):
        rows = np.flatnonzero(of.fitting(rate))
        constant = constants_s(of.readings, rows, rate)
        order = np.lexsort((constant, owner[rows]))
        at, group = constant[order], owner[rows[order]]
        close = (np.diff(at) <= wide[group[1:]]) & (group[1:] == group[:-1])
        meets[group[1:][close], k] = True
        ends = np.flatnonzero(np.diff(group, append=-1))
        heads = np.flatnonzero(np.diff(group, prepend=-1))
        around = at[heads] + MODULUS / rate - at[ends] <= wide[group[ends]]
        meets[group[ends][around & (heads < ends)], k] = True
    return [Prospects(*each) for each in zip(unsteady.tolist(), meets.tolist(), strict=True)]


def clock_lines(
    of: ClockedFlows, may: Prospects | None = None
) -> tuple[list[ClockLine], list[float]]:
    """Lines of two flows or more, longest first, and the nominal rates that were measured.

    `may` is as of `prospects`, if it is known.

    Some stacks lose ticks when idle: their rate differs by percents between flows, while their
    readings stay within a fraction of a second of one line. Such flows seed loose lines, which
    short flows then join; steady clocks are looked for among the others.
    """
    may = may or prospects(of, np.array([0, len(of.rate)]))[0]
    loose = unsteady_lines(of, may.unsteady) if any(may.unsteady) else []
    free = np.ones(len(of.rate), dtype=bool)
    for line in loose:
        free[line.rows] = False
    steady = np.flatnonzero(free)
    rates = candidate_rates(of.rate[steady], of.error[steady])
    # Rates are known where several flows agree on them: one alone may have been late.
    known = [nominal_rate(rate) for rate, _ in rates]
    proposals = list(loose)
    meets = dict(zip(NOMINAL_HZ, may.meets, strict=True))
    for rate, drift in rates:
        if drift > DRIFT_NOMINAL or meets.get(rate, True):
            proposals += _proposed(of, free, rate, drift)
    taking = _Taking(of)
    proposals = taking.settle(proposals)
    free &= ~taking.taken
    for nominal in NOMINAL_HZ if free.any() else ():
        if meets[nominal] and all(abs(nominal / rate - 1.0) > 4e-4 for rate, _ in rates):
            proposals += _proposed(of, free, nominal, DRIFT_NOMINAL)
    taking.take(proposals)
    return taking.lines, known


def _proposed(of: ClockedFlows, free: BoolArray, rate: float, drift: float) -> list[ClockLine]:
    rows = np.flatnonzero(free & of.fitting(rate))
    found = find_lines(of.readings, rows, rate, TOLERANCE_S, drift)
    found.sort(key=lambda line: int(line[0]))
    return [ClockLine(line, rate, drift, TOLERANCE_S) for line in found]


class _Taking:
    """Gives each flow to one line: longest first, then in the order of the proposals."""

    def __init__(self, of: ClockedFlows) -> None:
        self._of = of
        self.taken = np.zeros(len(of.rate), dtype=bool)
        self._n_free = len(of.rate)
        self._n_free_to = np.bincount(of.peer)
        self.lines: list[ClockLine] = []
        self._n_lines = 0
        """Lines taken and still to be taken: a stray may have met any of them."""

    def settle(self, proposals: Sequence[ClockLine]) -> list[ClockLine]:
        """Takes the lines that no other rate can explain better; the others are handed back."""
        sure = [
            line
            for line in proposals
            if len(line.rows) >= SETTLED and self._of.span_s(line.rows) >= SETTLED_S
        ]
        self.take(sure)
        return [line for line in proposals if not self.taken[line.rows].all()]

    def take(self, proposals: Sequence[ClockLine]) -> None:
        """Takes what is free of each line, unless so few would agree by chance."""
        self._n_lines = len(self.lines) + sum(len(line.rows) > LEAST_LINE for line in proposals)
        for line in sorted(proposals, key=lambda line: -len(line.rows)):
            rows = line.rows[~self.taken[line.rows]]
            if len(rows) < 2:
                continue
            rows = self._of_one_clock(rows, line)
            if not self._by_chance(rows, line):
                self.taken[rows] = True
                self._n_free -= len(rows)
                np.subtract.at(self._n_free_to, self._of.peer[rows], 1)
                self.lines.append(ClockLine(rows, line.rate, line.drift, line.tolerance_s))
        self.lines.sort(key=lambda line: -len(line.rows))

    def _of_one_clock(self, rows: IntArray, line: ClockLine) -> IntArray:
        """`rows` without those to other destinations than most, where chance brings so few.

        One flow of another machine that happens to lie on a line to one destination would make
        it a line of a whole host, which contradicts all other clocks of its machine. The denser
        the address, the more flows and lines there are to meet.
        """
        peers = self._of.peer[rows]
        names, counts = np.unique(peers, return_counts=True)
        here = peers == names[int(counts.argmax())]
        k = int(np.count_nonzero(~here))
        if k == 0 or len(rows) - k < 2:
            return rows
        times = self._of.readings.t_first[rows]
        own, others = np.sort(times[here]), times[~here]
        after = np.searchsorted(own, others)
        before = np.abs(others - own[np.maximum(after - 1, 0)])
        gaps = np.minimum(before, np.abs(others - own[np.minimum(after, len(own) - 1)])).tolist()
        bits = sum(chance_bits(line.rate, line.tolerance_s + line.drift * gap) for gap in gaps)
        needed = _log2_choices(self._n_free, k) + math.log2(self._n_lines + 1) + STRAY_BITS
        return rows if bits >= needed else rows[here]

    def _by_chance(self, rows: IntArray, line: ClockLine) -> bool:
        """Could so few of so many flows with random offsets have met on a line by accident?

        The bits of each agreement against the number of ways to choose the members among the
        flows that are on no line yet (only those to one destination, where the members have one).
        """
        times = np.sort(self._of.readings.t_first[rows])
        peers = self._of.peer[rows]
        one = bool((peers == peers[0]).all())
        n, m = int(self._n_free_to[peers[0]]) if one else self._n_free, len(rows)
        needed = _log2_choices(n, m) + math.log2(len(NOMINAL_HZ)) + SURE_BITS
        bits = 0.0
        for dt in np.diff(times).tolist():
            bits += chance_bits(line.rate, line.tolerance_s + line.drift * dt)
            if bits >= needed:
                return False
        return True


def _log2_choices(n: int, k: int) -> float:
    """log2 of the number of ways to choose `k` of `n`."""
    return (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) / math.log(2.0)


def _off_and_near(of: ClockedFlows) -> tuple[BoolArray, BoolArray]:
    """Flows whose own rate is certainly none of the usual ones; and per rate, if they are near."""
    miss = np.abs(of.rate[:, None] / np.array(NOMINAL_HZ) - 1.0)
    off = (of.error < 0.01) & (of.rate > 0.0)
    off &= (miss > (6.0 * of.error + 1e-3)[:, None]).all(axis=1)
    return off, miss <= UNSTEADY_DRIFT


def unsteady_lines(of: ClockedFlows, wanted: Sequence[bool]) -> list[ClockLine]:
    """Lines seeded by flows whose own rate is certainly off nominal, one try per nominal rate.

    Only rates that are `wanted` have two such flows.
    """
    off, close_to = _off_and_near(of)
    found: list[ClockLine] = []
    for k in np.flatnonzero(wanted).tolist():
        near = close_to[:, k]
        seeds = np.flatnonzero(near & off)
        rate = float(np.average(of.rate[seeds], weights=of.error[seeds] ** -2.0))
        lines = find_lines(of.readings, seeds, rate, UNSTEADY_S, UNSTEADY_DRIFT)
        if not lines:
            continue
        lines.sort(key=lambda line: int(line[0]))
        short = near | (of.error > 0.01)
        short[seeds] = False
        close = np.zeros(len(short), dtype=bool)
        for line in lines:
            close |= _in_reach(of.readings, line, rate)
        joined = grow(
            of.readings, np.flatnonzero(short & close), rate, UNSTEADY_S, UNSTEADY_DRIFT, lines
        )
        found += [
            ClockLine(of.readings.in_time(np.array(line.items)), rate, UNSTEADY_DRIFT, UNSTEADY_S)
            for line in joined[: len(lines)]
        ]
    return found


def _in_reach(of: Readings, line: IntArray, rate: float) -> BoolArray:
    """Flows that may lie on an unsteady line, seen from its readings before and after."""
    t, v = of.anchors(line)
    at = np.searchsorted(t, of.t_first)
    near = np.zeros(len(at), dtype=bool)
    for anchor in (np.maximum(at - 1, 0), np.minimum(at, len(t) - 1)):
        age = of.t_first - t[anchor]
        miss = np.abs(ahead_s(age, of.v_first - v[anchor], rate))
        near |= miss <= UNSTEADY_SLACK * UNSTEADY_S + UNSTEADY_DRIFT * np.abs(age)
    return near
