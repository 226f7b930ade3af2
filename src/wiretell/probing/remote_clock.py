"""A remote clock put together from readings: its rate, and what is odd about it.

Requests bound the clock from above and answers from below, so each connection gives two hulls.
The rate is the mean of all that keep to these bounds (`stats.strip`). Its error is their spread, or
that of the joint linear program over all hulls (`stats.joint_rate`), where that is smaller: many
round trips that are much longer than the clock's ticks tell by their number, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from wiretell.probing.reading import Reading
from wiretell.probing.tick_edge import MOST_DRIFT, TickEdge
from wiretell.stats.joint_rate import Edges, combine, edges_of
from wiretell.stats.line import Cloud, FloatArray, upper_hull
from wiretell.stats.nominal_rate import nominal_rate
from wiretell.stats.strip import Points, certain_slopes, likely_slope

FEWEST = 8
"""Readings before a rate is looked for, or a clock called constant."""
RATE_KNOWN = 3e-4
"""Relative error at which the clock's nominal rate is told from others."""
CONSTANT_S = 5.0
"""A clock that shows one value for so long does not run."""
MOST_STEPS = 5
"""Steps that a clock may make; one that makes more, in more than an eighth of its readings, is
told from no clock at all."""
COARSEST_S = 0.1
"""Rounding of stamps that is allowed for until it is known."""
SPREAD = 1.2
"""By so much the spread of likely slopes falls short of the errors that simulations show."""
STEADY_S = 60e-6
"""The shortest delays of hosts and paths are not steadier than this, whatever few readings say:
guests on a busy computer were off by 60 to 110 microseconds over their span, from 40 s to 300 s."""
WITHIN = 0.5
"""Two standard errors reach no further than the bounds that are certain."""
FEWEST_FOR_QUANTUM = 24
"""Differences before a step common to all of them is believed."""


class Oddity(Enum):
    """What keeps a clock from being measured."""

    ZERO = "its timestamps are all zero"
    CONSTANT = "its timestamps never change"
    ERRATIC = "its timestamps follow no clock: they are drawn anew, or jittered"


@dataclass(frozen=True)
class Estimate:
    """What is known of a clock's rate against the observer's, in ppm; plus is fast.

    The skew lies between `certain_ppm` for any delays, if both clocks ran evenly (None: the
    readings contradict that). `tick` is the step of its stamps in its own units.
    """

    rate_hz: float
    nominal_hz: float
    skew_ppm: float
    se_ppm: float
    certain_ppm: tuple[float, float] | None
    tick: int


@dataclass
class _Line:
    """Readings since the clock was last met anew; times in s since the first, ticks since it."""

    first: Reading
    sent_s: list[float] = field(default_factory=list)
    received_s: list[float] = field(default_factory=list)
    ticks: list[int] = field(default_factory=list)


class RemoteClock:
    """Readings of one clock. `modulus` is where its stamps wrap, `nominal_hz` None if unknown."""

    def __init__(self, modulus: int, nominal_hz: float | None) -> None:
        self._modulus = modulus
        self._nominal_hz = nominal_hz
        self._lines: list[_Line] = []
        self._is_new, self._may_differ = True, False
        self._quantum = 0
        self._edge: TickEdge | None = None
        self._hz: float | None = nominal_hz
        self._drift = MOST_DRIFT
        self._stamps: set[int] = set()  # two of them at most
        self.n = 0
        self.n_steps = 0
        self.least_round_trip_s = math.inf
        self.first_ns: int | None = None
        self.last_ns = 0

    @property
    def n_lines(self) -> int:
        """Times the clock was met anew: connections, and steps of the clock."""
        return len(self._lines)

    @property
    def span_s(self) -> float:
        """From the first reading to the last, in s."""
        return 0.0 if self.first_ns is None else (self.last_ns - self.first_ns) / 1e9

    @property
    def tick(self) -> int:
        """The step of its stamps: 1, or more where they are rounded."""
        return max(1, self._quantum) if self._knows_tick else 1

    @property
    def _knows_tick(self) -> bool:
        return self.n - self.n_lines >= FEWEST_FOR_QUANTUM

    def meet_anew(self) -> None:
        """From here on its stamps may have another offset: another connection."""
        self._may_differ = True

    def add(self, reading: Reading) -> None:
        """Takes a reading in; they come in order of time."""
        self.n += 1
        if self.first_ns is None:
            self.first_ns = reading.sent_ns
        self.last_ns = reading.received_ns
        self.least_round_trip_s = min(self.least_round_trip_s, reading.round_trip_s)
        if len(self._stamps) < 2:
            self._stamps.add(reading.stamp)
        if not self._is_new and not self._follows(self._lines[-1], reading):
            self.n_steps += not self._may_differ
            self._is_new = True
        self._may_differ = False
        if self._is_new:
            self._lines.append(_Line(reading))
            self._is_new, self._edge = False, None
        line = self._lines[-1]
        before = line.ticks[-1] if line.ticks else 0
        ticks = before + self._advance(line, reading)
        self._quantum = math.gcd(self._quantum, ticks - before)
        line.sent_s.append((reading.sent_ns - line.first.sent_ns) / 1e9)
        line.received_s.append((reading.received_ns - line.first.sent_ns) / 1e9)
        line.ticks.append(ticks)
        self._narrow(reading, ticks)

    def _advance(self, line: _Line, reading: Reading) -> int:
        shown = line.first.stamp + (line.ticks[-1] if line.ticks else 0)
        return (reading.stamp - shown) % self._modulus

    def _follows(self, line: _Line, reading: Reading) -> bool:
        """Whether one evenly running clock can show the reading and the line before it."""
        advance = self._advance(line, reading)
        if self._hz is None:
            return advance < self._modulus // 2 and not self._may_differ
        received_s = (reading.received_ns - line.first.sent_ns) / 1e9
        sent_s = (reading.sent_ns - line.first.sent_ns) / 1e9
        # Back and forth is a step of either sign, seen around the circle.
        advance = (advance + self._modulus // 2) % self._modulus - self._modulus // 2
        slack = self.tick if self._knows_tick else max(1.0, self._hz * COARSEST_S)
        most = self._hz * (1 + MOST_DRIFT) * (received_s - line.sent_s[-1]) + slack
        least = self._hz * (1 - MOST_DRIFT) * (sent_s - line.received_s[-1]) - slack
        return max(least, 0.0) <= advance <= most

    def _join(self) -> None:
        """Makes one line of those that go on, seen so once the rate is known."""
        joined = self._lines[:1]
        for line in self._lines[1:]:
            last = joined[-1]
            if not self._follows(last, line.first):
                joined.append(line)
                continue
            ahead = last.ticks[-1] + self._advance(last, line.first)
            later_s = (line.first.sent_ns - last.first.sent_ns) / 1e9
            last.sent_s += [later_s + at for at in line.sent_s]
            last.received_s += [later_s + at for at in line.received_s]
            last.ticks += [ahead + n for n in line.ticks]
            self._quantum = math.gcd(self._quantum, ahead)
            self._edge = None  # its ticks were counted from the beginning of the later line
        self._lines = joined

    def _narrow(self, reading: Reading, ticks: int) -> None:
        if self._hz is None:
            return
        if self._edge is None or self._edge.tick != self.tick:
            self._edge = TickEdge.first(reading, ticks, self._hz, self.tick)
        else:
            self._edge = self._edge.after(reading, ticks, self._hz, self._drift)

    def meet_tick_ns(self, earliest_ns: int) -> int | None:
        """When to send so that the request meets a tick; None where no tick is known yet."""
        if self._edge is None or self._hz is None:
            return None
        return self._edge.send_at_ns(earliest_ns, self._hz)

    def oddity(self) -> Oddity | None:
        """What keeps the clock from being measured, if anything does."""
        if self.n < FEWEST:
            return None
        if len(self._stamps) == 1:
            if self.span_s < CONSTANT_S:
                return None
            return Oddity.ZERO if 0 in self._stamps else Oddity.CONSTANT
        if self.n_steps > max(MOST_STEPS, self.n / 8):
            return Oddity.ERRATIC
        return None

    def estimate(self) -> Estimate | None:
        """The rate as far as it is known, which also sharpens the aim; None: not yet."""
        edges: list[Edges] = []
        strips: list[tuple[Points, Points]] = []
        certain = -math.inf, math.inf
        for line in self._usable():
            below, above = self._clouds(line)
            edges += [each for each in (edges_of(below), edges_of(above)) if each]
            strips.append(((below.hull_x, below.hull_v), (-above.hull_x, -above.hull_v)))
            least, greatest = certain_slopes(*strips[-1])
            certain = max(certain[0], least), min(certain[1], greatest)
        if not edges:
            return None
        rate = combine(edges).rate
        if not (rate.hz > 0.0 and rate.error < RATE_KNOWN):
            return None
        room = rate.hz * self.least_round_trip_s
        likely = likely_slope(strips, certain, room)
        hz, error = rate.hz, rate.error * rate.hz
        if likely is not None:
            hz, error = likely[0], min(error, SPREAD * likely[1])
        # The aim is lost where the rate is believed too soon.
        self._drift = min(MOST_DRIFT, max(3.0 * rate.error, 1e-6))
        return self._settle(hz, error, certain)

    def _settle(self, hz: float, error_hz: float, certain: tuple[float, float]) -> Estimate:
        nominal_hz = self._nominal_hz or nominal_rate(hz / self.tick) * self.tick
        was_unknown, self._hz = self._hz is None, hz
        if was_unknown:
            self._join()
        low, high = ((slope / nominal_hz - 1.0) * 1e6 for slope in certain)
        skew_ppm = (hz / nominal_hz - 1.0) * 1e6
        se_ppm = math.hypot(error_hz / hz, STEADY_S / max(self.span_s, STEADY_S)) * 1e6
        within = (low, high) if low <= high else None
        if within is not None:
            se_ppm = min(se_ppm, WITHIN * max(high - skew_ppm, skew_ppm - low))
        return Estimate(hz, nominal_hz, skew_ppm, se_ppm, within, self.tick)

    def ways(self, nominal_hz: float) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """(skew, standard error) in ppm by requests alone and by answers alone; None: too few.

        Each way has delays of its own: where one of them grew while the clock was read, only the
        one rate is wrong.
        """
        clouds = [self._clouds(line) for line in self._usable()]
        answers = [edges for below, _ in clouds if (edges := edges_of(below))]
        requests = [edges for _, above in clouds if (edges := edges_of(above))]
        if not requests or not answers:
            return None
        by_requests, by_answers = (combine(way).rate for way in (requests, answers))
        return by_requests.skew_ppm(nominal_hz), by_answers.skew_ppm(nominal_hz)

    def _usable(self) -> list[_Line]:
        return [line for line in self._lines if len(line.ticks) >= FEWEST]

    def _clouds(self, line: _Line) -> tuple[Cloud, Cloud]:
        """Answers bound the clock from below; requests from above, seen in a mirror."""
        ticks = np.array(line.ticks, dtype=np.float64)
        received, sent = np.array(line.received_s), np.array(line.sent_s)
        return _cloud(received, ticks), _cloud(-sent, -(ticks + self.tick))


def _cloud(x: FloatArray, v: FloatArray) -> Cloud:
    hull_x, hull_v = upper_hull(x, v)
    return Cloud(
        len(x), float(x.sum()), float(v.sum()), hull_x, hull_v, float((x * x).sum()), len(x)
    )
