"""Two ends, a path between them, and the place in the middle where the capture is made.

    client --- leg 0 ---> [observer] --- leg 1 ---> server

Each leg delays, loses, reorders and duplicates: what is lost behind the observer was seen all the
same. Time is simulated, so minutes of silence cost nothing.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from lab.oracle.datagrams import Ends
from lab.oracle.endpoint import Endpoint, Habits
from lab.oracle.segment import Segment, reverse

ISN_SPACE = 1 << 32
Event = Callable[[float], None]
Rewrite = Callable[[int, Segment], Segment | None]


@dataclass(frozen=True, slots=True)
class Leg:
    """What one part of the path does to packets. Chances are per packet."""

    delay_s: float = 0.01
    jitter_s: float = 0.0
    loss: float = 0.0
    reorder: float = 0.0
    duplicate: float = 0.0


@dataclass(slots=True)
class Captured:
    time_s: float
    ends: Ends
    segment: Segment


@dataclass
class Simulation:
    """A clock, chance, and what the observer wrote down."""

    rng: random.Random
    most: int
    """Packets captured at most."""
    captured: list[Captured] = field(default_factory=list)
    now: float = 0.0
    _queue: list[tuple[float, int, Event]] = field(default_factory=list)
    _n: int = 0

    def at(self, when: float, event: Event) -> None:
        self._n += 1
        heapq.heappush(self._queue, (max(when, self.now), self._n, event))

    def run(self, until: float) -> None:
        while self._queue and self._queue[0][0] <= until and len(self.captured) < self.most:
            self.now, _, event = heapq.heappop(self._queue)
            event(self.now)

    def isn(self, *, near_wrap: bool) -> int:
        """An initial sequence number; near the wrap, it wraps after some 10 kB of data."""
        if near_wrap:
            return ISN_SPACE - self.rng.randrange(1, 20_000)
        return self.rng.randrange(ISN_SPACE)


class Conversation:
    """One pair of ends over the path. Side 0 is the client."""

    def __init__(
        self,
        simulation: Simulation,
        ends: Ends,
        habits: tuple[Habits, Habits],
        legs: tuple[Leg, Leg],
        *,
        near_wrap: bool = False,
        server_listens: bool = True,
    ) -> None:
        self.simulation = simulation
        self.ends = (ends, reverse(ends))
        self.legs = legs
        self.near_wrap = near_wrap
        self.points = (
            Endpoint(habits[0], simulation.isn(near_wrap=near_wrap)),
            Endpoint(habits[1], simulation.isn(near_wrap=near_wrap), listens=server_listens),
        )
        self.hidden_until = -1.0
        """The observer writes nothing down before."""
        self.deaf_to: int | None = None
        """A side whose packets take another way, past the observer."""
        self.before: Rewrite = _unchanged
        self.behind: Rewrite = _unchanged
        """What a middlebox does to a segment of a side before and behind the observer; None: it
        is dropped."""
        self._armed: list[float | None] = [None, None]

    # --- events -----------------------------------------------------------------------------

    def do(self, when: float, side: int, act: Callable[[Endpoint, float], None]) -> None:
        """At a time, something that the application of a side does."""

        def event(now: float) -> None:
            act(self.points[side], now)
            self._sent(side, now)

        self.simulation.at(when, event)

    def inject(self, side: int, segment: Segment) -> None:
        """A stranger sends as if it were `side`, from before the observer; now."""
        self._pass(side, segment, self.simulation.now)

    def _sent(self, side: int, now: float) -> None:
        point = self.points[side]
        for segment in point.out:
            self._leave(side, segment, now)
        point.out.clear()
        due = point.due
        if due is not None and due != self._armed[side]:
            self._armed[side] = due
            self.simulation.at(due, lambda then: self._tick(side, then))

    def _tick(self, side: int, now: float) -> None:
        self._armed[side] = None
        self.points[side].tick(now)
        self._sent(side, now)

    def _leave(self, side: int, segment: Segment, now: float) -> None:
        changed = self.before(side, segment)
        if changed is None:
            return
        for delay_s in self._delays(self.legs[side]):
            self.simulation.at(now + delay_s, lambda then: self._pass(side, changed, then))

    def _pass(self, side: int, segment: Segment, now: float) -> None:
        simulation = self.simulation
        if now >= self.hidden_until and side != self.deaf_to:
            simulation.captured.append(Captured(now, self.ends[side], segment))
        changed = self.behind(side, segment)
        if changed is None:
            return
        for delay_s in self._delays(self.legs[1 - side]):
            simulation.at(now + delay_s, lambda then: self._arrive(1 - side, changed, then))

    def _arrive(self, side: int, segment: Segment, now: float) -> None:
        isn = self.simulation.isn(near_wrap=self.near_wrap)
        self.points[side].receive(segment, now, isn)
        self._sent(side, now)

    def _delays(self, leg: Leg) -> list[float]:
        rng = self.simulation.rng
        if rng.random() < leg.loss:
            return []
        delays = [leg.delay_s + rng.random() * leg.jitter_s]
        if rng.random() < leg.reorder:
            delays[0] += leg.delay_s * rng.uniform(0.5, 4.0)
        if rng.random() < leg.duplicate:
            delays.append(delays[0] + leg.delay_s * rng.random())
        return delays


def _unchanged(side: int, segment: Segment) -> Segment:
    del side
    return segment
