"""What clocks say against tying two chains: other lines, or lines of other rates."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from wiretell.devices.compare import NEAR_S
from wiretell.signal import Clock

KNOWN_PPM = 10.0
"""A rate known no better than this forbids nothing."""
SIGMAS, WANDER_PPM = 5.0, 0.6
"""Rates further apart than so many standard errors, and a clock's wander, are two machines'."""
TOGETHER_S = 2.0
DELAY_S = 10.0
"""What waits in a queue for less reads a line late; more is another offset."""
MODULUS = 2**32


class ChainClocks:
    """The clocks of each chain, by the number of the side that stands for it."""

    def __init__(self, clocks: Sequence[Clock]) -> None:
        """Every side begins as a chain of its own."""
        self._clocks = clocks
        self._host: dict[int, int] = {}
        self._towards: dict[int, dict[str, list[int]]] = defaultdict(dict)
        self._rate: dict[int, tuple[float, float, float]] = {}
        self._alone: dict[int, int] = {}
        self.clocked = {side for clock in clocks for side in clock.sides}
        """The chains that have any."""
        for i, clock in enumerate(clocks):
            for side in clock.sides:
                if clock.scope == "host":
                    self._host[side] = i
                elif clock.scope == "destination":
                    self._towards[side].setdefault(clock.peer, []).append(i)
                else:
                    self._alone[side] = i
                if clock.nominal_hz and clock.error_ppm < KNOWN_PPM:
                    self._rate[side] = (clock.nominal_hz, clock.skew_ppm, clock.error_ppm)

    def apart(self, a: int, b: int) -> bool:
        """Do the clocks forbid that chains `a` and `b` are one machine?"""
        if a not in self.clocked or b not in self.clocked:
            return False
        one, other = self._host.get(a), self._host.get(b)
        if one is not None:
            if other is not None and one != other and self._off(one, other) > NEAR_S:
                return True
            if b in self._alone and self._beside(one, self._alone[b]):
                return True
        if other is not None and a in self._alone and self._beside(other, self._alone[a]):
            return True
        if a in self._rate and b in self._rate:
            (hz, ppm, error), (other_hz, other_ppm, other_error) = self._rate[a], self._rate[b]
            doubt = SIGMAS * math.hypot(error, other_error) + WANDER_PPM
            if hz == other_hz and abs(ppm - other_ppm) > doubt:
                return True
        mine, theirs = self._towards.get(a), self._towards.get(b)
        if not mine or not theirs:
            return False
        return any(
            self._at_once(i, j)
            for peer in mine.keys() & theirs.keys()
            for i in mine[peer]
            for j in theirs[peer]
        )

    def _beside(self, line: int, alone: int) -> bool:
        """A flow with an offset of its own while a line holds for all destinations."""
        x, y = self._clocks[line], self._clocks[alone]
        if not x.nominal_hz or y.first_s < x.first_s or y.last_s > x.last_s:
            return False
        return self._off(line, alone) > DELAY_S

    def _off(self, line: int, other: int) -> float:
        """How far (s) another clock's first reading is from a line; infinite without a rate."""
        x, y = self._clocks[line], self._clocks[other]
        if not x.nominal_hz:
            return math.inf
        ahead = y.v_first - x.v_first - x.hz * (y.first_s - x.first_s)
        return abs((ahead + MODULUS / 2) % MODULUS - MODULUS / 2) / x.nominal_hz

    def _at_once(self, i: int, j: int) -> bool:
        """Two lines towards one destination that are read in turns."""
        x, y = self._clocks[i], self._clocks[j]
        return i != j and min(x.last_s, y.last_s) - max(x.first_s, y.first_s) > TOGETHER_S

    def merge(self, a: int, b: int) -> None:
        """Chain `b` is now part of `a`."""
        if b not in self.clocked:
            return
        self.clocked.add(a)
        if b in self._host:
            self._host.setdefault(a, self._host.pop(b))
        if b in self._towards:
            own = self._towards[a]
            for peer, lines in self._towards.pop(b).items():
                own[peer] = sorted({*own.get(peer, ()), *lines})
        if b in self._alone:
            i, j = self._alone.get(a, self._alone[b]), self._alone.pop(b)
            self._alone[a] = max(i, j, key=lambda k: self._clocks[k].n_readings)
        rate = self._rate.pop(b, None)
        if rate is not None and (a not in self._rate or rate[2] < self._rate[a][2]):
            self._rate[a] = rate
