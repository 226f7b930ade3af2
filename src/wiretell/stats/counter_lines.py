"""Which readings of a wrapping counter lie on common straight lines?

A reading is (t, v): the counter showed v (modulo 2**32) at time t. Readings of one clock satisfy
v = rate * t + constant; the constants of different clocks fall anywhere on the circle, so even
two readings that agree to a fraction of a second are no chance meeting (`chance_bits`).

Cost: constants are sorted; those with no partner in reach are lines of their own, and the rest
is cut at gaps (`stats.near_pairs`). A part whose readings follow one another is one line as it
stands; only the others are walked through, reading by reading.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from wiretell.stats.clouds import IntArray
from wiretell.stats.line import FloatArray
from wiretell.stats.near_pairs import BoolArray, partnered, parts

MODULUS = 2**32
N_NEAREST = 4
"""Anchors compared with a new reading: one late packet must not bend the line for all."""
CELLS = 8
"""A line keeps one constant for each such part of the reach."""
PARTNERS = 1.0 + 1.0 / CELLS
"""So many reaches from one another two constants may be and be looked at together."""


@dataclass(frozen=True)
class Readings:
    """First and last reading of each flow: times in s, counter values in ticks."""

    t_first: FloatArray
    v_first: IntArray
    t_last: FloatArray
    v_last: IntArray

    def part(self, begin: int, end: int) -> Readings:
        """Those of the flows from row `begin` to before `end`."""
        rows = slice(begin, end)
        return Readings(
            self.t_first[rows], self.v_first[rows], self.t_last[rows], self.v_last[rows]
        )

    def in_time(self, rows: IntArray) -> IntArray:
        """`rows` in order of their first reading, then of their number."""
        return rows[np.lexsort((rows, self.t_first[rows]))]

    def anchors(self, rows: IntArray) -> tuple[FloatArray, IntArray]:
        """Times and values of both readings of all `rows`, in order of time."""
        t = np.concatenate([self.t_first[rows], self.t_last[rows]])
        v = np.concatenate([self.v_first[rows], self.v_last[rows]])
        order = np.lexsort((v, t))
        return t[order], v[order]


def wrapped(difference: int) -> int:
    """Signed difference on the circle: in [-2**31, 2**31)."""
    return (difference + MODULUS // 2) % MODULUS - MODULUS // 2


def wrapped_each(difference: IntArray) -> IntArray:
    """`wrapped` of each."""
    found: IntArray = (difference + MODULUS // 2) % MODULUS - MODULUS // 2
    return found


def ahead_s(dt: FloatArray, dv: IntArray, rate_hz: float) -> FloatArray:
    """How far, in s, a counter that moved by `dv` in `dt` s is ahead of the rate; wraps."""
    turns = np.rint(rate_hz * dt).astype(np.int64)
    return wrapped_each(dv - turns) / rate_hz


def chance_bits(rate_hz: float, tolerance_s: float) -> float:
    """Bits that one agreement within +-tolerance carries against a uniform constant."""
    return max(0.0, math.log2(MODULUS / rate_hz / (2.0 * tolerance_s)))


def find_lines(
    of: Readings, rows: IntArray, rate_hz: float, tolerance_s: float, drift: float
) -> list[IntArray]:
    """Lines of two flows or more among `rows`, each in order of time, for a known rate.

    A flow joins the line that its first reading misses least, if by no more than `tolerance_s`
    beyond `drift` (relative uncertainty of the rate) times the age of the nearest readings.
    """
    if len(rows) < 2:
        return []
    period = MODULUS / rate_hz
    reach = _reach_s(of, rows, tolerance_s, drift)
    wide = reach * PARTNERS
    constant = constants_s(of, rows, rate_hz)
    rows = rows[np.argsort(constant, kind="stable")]
    constant = np.sort(constant, kind="stable")

    def linked(a: IntArray, b: IntArray) -> BoolArray:
        return _linked(of, rows[a], rows[b], rate_hz, tolerance_s, drift)

    some = partnered(constant, period, wide, linked)
    rows, constant = rows[some], constant[some]
    if not len(rows):
        return []
    part = parts(constant, period, wide)
    order = np.lexsort((rows, of.t_first[rows], part))
    rows, part = rows[order], part[order]
    begins = np.concatenate([[0], np.flatnonzero(np.diff(part)) + 1, [len(rows)]])
    tidy = _tidy(of, rows, part, rate_hz, tolerance_s, drift)[begins[:-1]]
    found: list[IntArray] = []
    for begin, end, is_one in zip(begins[:-1].tolist(), begins[1:].tolist(), tidy, strict=True):
        if is_one:
            found.append(rows[begin:end])
        else:
            lines = grow(of, rows[begin:end], rate_hz, tolerance_s, drift, reach_s=reach)
            found += [np.array(line.items) for line in lines]
    return [line for line in found if len(line) > 1]


def constants_s(of: Readings, rows: IntArray, rate_hz: float) -> FloatArray:
    """Where on the circle, in s, the line of this rate through each first reading begins."""
    found: FloatArray = (of.v_first[rows] / rate_hz - of.t_first[rows]) % (MODULUS / rate_hz)
    return found


def _reach_s(of: Readings, rows: IntArray, tolerance_s: float, drift: float) -> float:
    """How far the constants of two flows on one line may be apart, in s."""
    if not len(rows):
        return tolerance_s
    return tolerance_s + drift * float(of.t_last[rows].max() - of.t_first[rows].min())


def _linked(
    of: Readings, a: IntArray, b: IntArray, rate_hz: float, tolerance_s: float, drift: float
) -> BoolArray:
    """Could the later flow of each pair join the earlier one's line?"""
    late = of.t_first[a] > of.t_first[b]
    a, b = np.where(late, b, a), np.where(late, a, b)
    near = np.zeros(len(a), dtype=bool)
    for t, v in ((of.t_first, of.v_first), (of.t_last, of.v_last)):
        age = of.t_first[b] - t[a]
        miss = np.abs(ahead_s(age, of.v_first[b] - v[a], rate_hz))
        near |= miss - drift * np.abs(age) <= tolerance_s
    return near


def _tidy(
    of: Readings, rows: IntArray, part: IntArray, rate_hz: float, tolerance_s: float, drift: float
) -> BoolArray:
    """Of rows by part and time: is every reading of its part near one of the N_NEAREST before?

    Such a part is one line.
    """
    longer = of.t_last[rows] > of.t_first[rows]
    t = np.concatenate([of.t_first[rows], of.t_last[rows[longer]]])
    v = np.concatenate([of.v_first[rows], of.v_last[rows[longer]]])
    owner = np.concatenate([part, part[longer]])
    order = np.lexsort((v, t, owner))
    t, v, owner, is_first = t[order], v[order], owner[order], order < len(rows)
    follows = (np.diff(owner, prepend=-1) != 0) | ~is_first
    for back in range(1, N_NEAREST + 1):
        if follows.all():
            break
        at = np.flatnonzero(~follows[back:] & (owner[back:] == owner[:-back])) + back
        age = t[at] - t[at - back]
        follows[at] = np.abs(ahead_s(age, v[at] - v[at - back], rate_hz)) - drift * age <= (
            tolerance_s
        )
    tidy = np.ones(int(part.max()) + 1, dtype=bool)
    tidy[owner[~follows]] = False
    return tidy[part]


@dataclass
class CounterLine:
    """Flows found on one line; `anchors` are their readings (t, v) in order of time."""

    items: list[int] = field(default_factory=list)
    anchors: list[tuple[float, int]] = field(default_factory=list)

    def add(self, item: int, first: tuple[float, int], last: tuple[float, int]) -> None:
        """Take a flow in."""
        self.items.append(item)
        bisect.insort(self.anchors, first)
        if last[0] > first[0]:
            bisect.insort(self.anchors, last)

    def miss_s(self, t: float, v: int, rate_hz: float, drift: float) -> float:
        """Distance in s of (t, v) from the line beyond what `drift` explains; 0 if explained."""
        at = bisect.bisect_left(self.anchors, (t, v))
        least = math.inf
        for t_anchor, v_anchor in self.anchors[max(0, at - N_NEAREST) : at + N_NEAREST]:
            age = t - t_anchor
            miss = abs(wrapped(v - v_anchor - round(rate_hz * age))) / rate_hz
            least = min(least, max(0.0, miss - drift * abs(age)))
        return least


def grow(
    of: Readings,
    rows: IntArray,
    rate_hz: float,
    tolerance_s: float,
    drift: float,
    known: Sequence[IntArray] = (),
    reach_s: float | None = None,
) -> list[CounterLine]:
    """As `find_lines`, reading by reading; lines in `known` are extended and come first.

    Lines of one flow are among the result. Lines further away than `reach_s` are not looked at
    (default: what the drift allows over the whole time). Cost: O(n log n) while the constants
    are spread over the circle.
    """
    lines = [CounterLine() for _ in known]
    for line, members in zip(lines, known, strict=True):
        for row, first, last in _pairs(of, members):
            line.add(row, first, last)
    period = MODULUS / rate_hz
    every = np.concatenate([rows, *known])
    reach = _reach_s(of, every, tolerance_s, drift) if reach_s is None else reach_s
    cell = reach / CELLS
    constants: list[tuple[float, int]] = []
    held: set[tuple[int, int]] = set()

    def place(constant: float, number: int) -> None:
        at = (int(constant // cell), number)
        if at not in held:
            held.add(at)
            bisect.insort(constants, (constant, number))

    for number, line in enumerate(lines):
        for t, v in line.anchors:
            place((v / rate_hz - t) % period, number)
    for row, first, last in _pairs(of, of.in_time(rows)):
        constant = (first[1] / rate_hz - first[0]) % period
        near = _near(constants, constant, reach + cell, period)
        misses = ((lines[i].miss_s(*first, rate_hz, drift), i) for i in near)
        best = min(misses, default=(math.inf, -1))
        if best[0] > tolerance_s:
            lines.append(CounterLine())
            best = (0.0, len(lines) - 1)
        lines[best[1]].add(row, first, last)
        place(constant, best[1])
    return lines


def _pairs(of: Readings, rows: IntArray) -> list[tuple[int, tuple[float, int], tuple[float, int]]]:
    firsts = zip(of.t_first[rows].tolist(), of.v_first[rows].tolist(), strict=True)
    lasts = zip(of.t_last[rows].tolist(), of.v_last[rows].tolist(), strict=True)
    return list(zip(rows.tolist(), firsts, lasts, strict=True))


def _near(
    constants: list[tuple[float, int]], centre: float, reach: float, period: float
) -> list[int]:
    """Numbers of lines with a constant within `reach` of `centre` on the circle."""
    if 2.0 * reach >= period:
        return sorted({number for _, number in constants})
    found: set[int] = set()
    for shift in (-period, 0.0, period):
        low = bisect.bisect_left(constants, (centre + shift - reach, -1))
        high = bisect.bisect_right(constants, (centre + shift + reach, MODULUS))
        found.update(number for _, number in constants[low:high])
    return sorted(found)
