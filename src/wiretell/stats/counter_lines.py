"""Which readings of a wrapping counter lie on common straight lines?

A reading is (t, v): the counter showed v (modulo 2**32) at time t. Readings of one clock satisfy
v = rate * t + constant; the constants of different clocks fall anywhere on the circle, so even
two readings that agree to a fraction of a second are no chance meeting (`chance_bits`).
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

MODULUS = 2**32
N_NEAREST = 4
"""Anchors compared with a new reading: one late packet must not bend the line for all."""


@dataclass(frozen=True)
class Reading:
    """First and last reading of one flow: times in s, counter values in ticks."""

    item: int
    t_first: float
    v_first: int
    t_last: float
    v_last: int


@dataclass
class CounterLine:
    """Readings found on one line; `anchors` are (t, v) in order of time."""

    items: list[int] = field(default_factory=list)
    anchors: list[tuple[float, int]] = field(default_factory=list)

    def add(self, reading: Reading) -> None:
        """Take a reading in."""
        self.items.append(reading.item)
        bisect.insort(self.anchors, (reading.t_first, reading.v_first))
        if reading.t_last > reading.t_first:
            bisect.insort(self.anchors, (reading.t_last, reading.v_last))

    def miss_s(self, t: float, v: int, rate_hz: float, drift: float) -> float:
        """Distance in s of (t, v) from the line beyond what `drift` explains; 0 if explained."""
        at = bisect.bisect_left(self.anchors, (t, v))
        least = math.inf
        for t_anchor, v_anchor in self.anchors[max(0, at - N_NEAREST) : at + N_NEAREST]:
            age = t - t_anchor
            turns = round(rate_hz * age)
            miss = abs(wrapped(v - v_anchor - turns)) / rate_hz
            least = min(least, max(0.0, miss - drift * abs(age)))
        return least

    def signed_miss_s(self, t: float, v: int, rate_hz: float) -> float:
        """Distance in s of (t, v) from what the nearest reading predicts; negative: late."""
        at = bisect.bisect_left(self.anchors, (t, v))
        near = self.anchors[max(0, at - N_NEAREST) : at + N_NEAREST]
        misses = [wrapped(v - v0 - round(rate_hz * (t - t0))) / rate_hz for t0, v0 in near]
        return min(misses, key=abs, default=math.inf)


def wrapped(difference: int) -> int:
    """Signed difference on the circle: in [-2**31, 2**31)."""
    return (difference + MODULUS // 2) % MODULUS - MODULUS // 2


def chance_bits(rate_hz: float, tolerance_s: float) -> float:
    """Bits that one agreement within +-tolerance carries against a uniform constant."""
    return max(0.0, math.log2(MODULUS / rate_hz / (2.0 * tolerance_s)))


def find_lines(
    readings: Sequence[Reading],
    rate_hz: float,
    tolerance_s: float,
    drift: float,
    known: Sequence[CounterLine] = (),
) -> list[CounterLine]:
    """Split readings into lines of a known rate, in order of time.

    A reading joins the line that it misses least, if by no more than `tolerance_s` beyond
    `drift` (relative uncertainty of the rate) times the age of the nearest readings. Lines in
    `known` are extended and come first in the result. Cost: O(n log n) while the constants are
    spread over the circle.
    """
    period = MODULUS / rate_hz
    lines = list(known)
    constants: list[tuple[float, int]] = sorted(
        ((v / rate_hz - t) % period, number)
        for number, line in enumerate(lines)
        for t, v in line.anchors
    )
    times = [r.t_first for r in readings] + [t for line in lines for t, _ in line.anchors]
    reach = tolerance_s + drift * (max(times) - min(times)) if times else 0.0
    for r in sorted(readings, key=lambda r: (r.t_first, r.item)):
        constant = (r.v_first / rate_hz - r.t_first) % period
        best = min(
            (
                (lines[number].miss_s(r.t_first, r.v_first, rate_hz, drift), number)
                for number in _near(constants, constant, reach, period)
            ),
            default=(math.inf, -1),
        )
        if best[0] > tolerance_s:
            lines.append(CounterLine())
            best = (0.0, len(lines) - 1)
        lines[best[1]].add(r)
        bisect.insort(constants, (constant, best[1]))
    return lines


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
