"""A hop: delay, jitter, loss and reordering, one direction."""

from collections.abc import Callable
from random import Random

from lab.sim.loop import Loop
from lab.sim.packets import Packet

_BITS_PER_S = 50e6
_OVERTAKEN_BY_S = 0.004


class Hop:
    """Delivers after ``delay_s`` plus an exponential jitter, in order but for a few packets."""

    def __init__(
        self,
        loop: Loop,
        rng: Random,
        *,
        delay_s: float,
        jitter_s: float,
        loss: float = 0.0,
        reordering: float = 0.0,
    ) -> None:
        self._loop = loop
        self._rng = rng
        self._delay_s = delay_s
        self._jitter_s = jitter_s
        self._loss = loss
        self._reordering = reordering
        self._free_ns = 0

    def send(self, packet: Packet, deliver: Callable[[Packet], None]) -> None:
        """Call ``deliver(packet)`` when it arrives, if it does."""
        if self._rng.random() < self._loss:
            return
        jitter_s = self._rng.expovariate(1.0 / self._jitter_s) if self._jitter_s else 0.0
        arrival_ns = self._loop.now_ns + round((self._delay_s + jitter_s) * 1e9)
        if self._rng.random() < self._reordering:
            arrival_ns = max(arrival_ns, self._free_ns) + round(_OVERTAKEN_BY_S * 1e9)
        else:
            on_wire_ns = round((len(packet.payload) + 58) * 8e9 / _BITS_PER_S)
            arrival_ns = self._free_ns = max(arrival_ns, self._free_ns + on_wire_ns)
        self._loop.at_ns(arrival_ns, deliver, packet)
