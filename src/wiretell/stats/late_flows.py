"""Flows that were held up on the way: they miss a long line by being late, all at one moment.

Radio links keep packets back for seconds; all flows of that moment then show the same, smaller
count. A machine of its own would show its offset at more than one moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from wiretell.stats.clock_lines import ClockedFlows, ClockLine
from wiretell.stats.clouds import IntArray
from wiretell.stats.counter_lines import MODULUS, N_NEAREST, ahead_s
from wiretell.stats.line import FloatArray
from wiretell.stats.near_pairs import BoolArray

LONG_LINE, BURST_S, LATE_S = 8, 5.0, 5.0
"""A burst of up to 5 s that is up to 5 s late joins a line of 8 flows or more."""
MOST_BY_CHANCE = 0.1
"""None joins where more than this share of those found is what chance brings."""


def adopt_late(
    of: ClockedFlows, lines: Sequence[ClockLine], alone: IntArray
) -> tuple[list[ClockLine], IntArray]:
    """Long lines with their late flows, then the other lines; and who is left of those `alone`."""
    longs = [
        line for line in lines if len(line.rows) >= LONG_LINE and of.span_s(line.rows) > BURST_S
    ]
    long = {id(line) for line in longs}
    others = [line for line in lines if id(line) not in long]
    # Places from 0 on: the other lines, then each flow that is alone.
    sizes = np.array([*(len(line.rows) for line in others), *(1 for _ in alone)], dtype=np.int64)
    if not longs or not len(sizes):
        return longs + others, alone
    begins = np.cumsum(sizes) - sizes
    flat = np.concatenate([*(line.rows for line in others), alone])
    t_last = np.maximum.reduceat(of.readings.t_last[flat], begins)
    t_first = np.minimum.reduceat(of.readings.t_first[flat], begins)
    brief = np.flatnonzero(t_last - t_first <= BURST_S)
    fitting: dict[float, BoolArray] = {}
    best: dict[int, tuple[float, int]] = {}
    for number, which in _candidates(of, longs, flat[begins[brief]]):
        line = longs[number]
        if line.rate not in fitting:
            fitting[line.rate] = of.fitting(line.rate)
        misses = _ahead_of_line(of, line, flat[begins[brief[which]]])
        for place, miss in zip(brief[which].tolist(), misses.tolist(), strict=True):
            if not -LATE_S <= miss <= 0.0 or (-miss, number) >= best.get(place, (np.inf, 0)):
                continue
            if fitting[line.rate][flat[begins[place] : begins[place] + sizes[place]]].all():
                best[place] = -miss, number
    if _by_chance(longs, len(brief)) > MOST_BY_CHANCE * len(best):
        best = {}
    adopted: dict[int, list[int]] = defaultdict(list)
    for place, (_, number) in sorted(best.items()):
        adopted[number] += flat[begins[place] : begins[place] + sizes[place]].tolist()
    with_late = [
        ClockLine(line.rows, line.rate, line.drift, line.tolerance_s, adopted[number])
        for number, line in enumerate(longs)
    ]
    left = np.ones(len(sizes), dtype=bool)
    left[[*best]] = False
    told = left[: len(others)].tolist()
    kept = [line for line, is_left in zip(others, told, strict=True) if is_left]
    return with_late + kept, alone[left[len(others) :]]


def _by_chance(longs: Sequence[ClockLine], n_brief: int) -> float:
    """How many bursts with random offsets are expected just behind one of these lines."""
    return n_brief * sum(min(LATE_S * line.rate / MODULUS, 1.0) for line in longs)


def _candidates(
    of: ClockedFlows, longs: Sequence[ClockLine], firsts: IntArray
) -> list[tuple[int, IntArray]]:
    """(number of a long line, places in `firsts` of flows whose constant is near its own)."""
    t, v = of.readings.t_first[firsts], of.readings.v_first[firsts]
    by_rate: dict[tuple[float, float], list[int]] = defaultdict(list)
    for number, line in enumerate(longs):
        by_rate[line.rate, line.drift].append(number)
    found: list[tuple[int, IntArray]] = []
    if not len(firsts):
        return found
    for (rate, drift), numbers in by_rate.items():
        period = MODULUS / rate
        constant = (v / rate - t) % period
        order = np.argsort(constant, kind="stable")
        ordered = constant[order]
        for number in numbers:
            rows = longs[number].rows
            middle = rows[len(rows) // 2]
            t_middle = float(of.readings.t_first[middle])
            age = max(abs(float(t.max()) - t_middle), abs(float(t.min()) - t_middle))
            reach = 2.0 * LATE_S + drift * age
            centre = float((of.readings.v_first[middle] / rate - t_middle) % period)
            if 2.0 * reach >= period:
                found.append((number, np.arange(len(firsts))))
                continue
            near = [
                order[np.searchsorted(ordered, low) : np.searchsorted(ordered, low + 2.0 * reach)]
                for low in (centre - reach - period, centre - reach, centre - reach + period)
            ]
            found.append((number, np.sort(np.concatenate(near))))
    return [(number, which) for number, which in found if len(which)]


def _ahead_of_line(of: ClockedFlows, line: ClockLine, rows: IntArray) -> FloatArray:
    """Distance in s of each flow's first reading from what the nearest of the line predict."""
    t_line, v_line = of.readings.anchors(line.rows)
    t, v = of.readings.t_first[rows], of.readings.v_first[rows]
    at = np.searchsorted(t_line, t)
    best = np.full(len(rows), np.inf)
    for step in range(-N_NEAREST, N_NEAREST):
        there = (at + step >= 0) & (at + step < len(t_line))
        anchor = np.clip(at + step, 0, len(t_line) - 1)
        miss = ahead_s(t - t_line[anchor], v - v_line[anchor], line.rate)
        better = there & (np.abs(miss) < np.abs(best))
        best[better] = miss[better]
    return best
