"""Events in the order of their time."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any


class Loop:
    """A clock that jumps from event to event. Events of one instant keep their order of entry."""

    def __init__(self) -> None:
        self.now_ns = 0
        self._events: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._n_entered = 0

    @property
    def now_s(self) -> float:
        return self.now_ns * 1e-9

    def after(self, delay_s: float, do: Callable[..., None], *args: Any) -> None:
        """Call ``do(*args)`` in ``delay_s`` seconds."""
        self.at_ns(self.now_ns + max(0, round(delay_s * 1e9)), do, *args)

    def at_ns(self, time_ns: int, do: Callable[..., None], *args: Any) -> None:
        """Call ``do(*args)`` at ``time_ns``."""
        self._n_entered += 1
        heappush(self._events, (time_ns, self._n_entered, do, args))

    def run_until(self, end_ns: int) -> None:
        """Let everything happen that is due before ``end_ns``."""
        while self._events and self._events[0][0] < end_ns:
            self.now_ns, _, do, args = heappop(self._events)
            do(*args)
        self.now_ns = end_ns
