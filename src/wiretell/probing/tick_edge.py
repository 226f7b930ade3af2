"""When does the remote clock tick next? Its reading is kept between two bounds.

Quantisation is the greatest error of a slow clock, and a sample taken where it ticks has nearly
none (Zander and Murdoch, USENIX Security 2008). A request that arrives in the middle of the time
in which the tick may lie halves that time, whichever answer comes; once it is as short as the
network's jitter, samples fall about the tick by themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from wiretell.probing.reading import Reading

MOST_DRIFT = 500e-6
"""Relative error of a nominal rate, at most: kernels steer clocks by as much."""


@dataclass(frozen=True)
class TickEdge:
    """The clock reads between `low` and `high` ticks at `at_ns`, if delays are even both ways.

    `tick` are the units in which it steps. `least_rtt_s` is the shortest round trip so far.
    """

    at_ns: int
    low: float
    high: float
    least_rtt_s: float
    tick: float = 1.0

    @classmethod
    def first(cls, reading: Reading, ticks: float, hz: float, tick: float = 1.0) -> TickEdge:
        """What one reading tells; `ticks` is its stamp, unwrapped."""
        rtt_s = reading.round_trip_s
        half = hz * rtt_s / 2.0
        return cls(reading.received_ns, ticks + half, ticks + tick + half, rtt_s, tick)

    def after(self, reading: Reading, ticks: float, hz: float, drift: float) -> TickEdge:
        """The bounds with one more reading; the rate is `hz`, off by `drift` (relative) at most."""
        rtt_s = reading.round_trip_s
        least = min(self.least_rtt_s, rtt_s)
        elapsed_s = (reading.received_ns - self.at_ns) / 1e9
        # It arrived half of the shortest round trip after the request, or later, and as long
        # before the answer, or earlier.
        low = max(self.low + hz * (1 - drift) * elapsed_s, ticks + hz * least / 2)
        high = min(
            self.high + hz * (1 + drift) * elapsed_s, ticks + self.tick + hz * (rtt_s - least / 2)
        )
        if low > high:  # uneven delays: the truth is about here
            low = high = (low + high) / 2
        return TickEdge(reading.received_ns, low, high, least, self.tick)

    def send_at_ns(self, earliest_ns: int, hz: float) -> int:
        """When to send, not before `earliest_ns`, so that the request meets a tick."""
        arrives_s = (earliest_ns - self.at_ns) / 1e9 + self.least_rtt_s / 2
        reads = ((self.low + self.high) / 2 + hz * arrives_s) / self.tick
        return earliest_ns + math.ceil((math.ceil(reads) - reads) * self.tick / hz * 1e9)
