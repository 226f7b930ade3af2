"""One reading of a remote clock."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """A stamp read between two moments of the observer's clock (monotonic, ns).

    The request left at or after `sent_ns` and the answer was here at `received_ns`: the remote
    clock showed `stamp` at some moment in between.
    """

    sent_ns: int
    received_ns: int
    stamp: int

    @property
    def round_trip_s(self) -> float:
        """From sending to hearing, in s."""
        return (self.received_ns - self.sent_ns) / 1e9
