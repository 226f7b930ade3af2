"""How far away a sender is, by the TTL of its packets (science: TTL classes).

A system sends 32, 64, 128 or 255, less one per router. nmap draws the TTL of each raw packet from
37 to 59 (all of them were met in our lab), which tells its distance all the same once a few are
seen: no packet is above 59 less the routers, none below 37 less them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

INITIAL = (32, 64, 128, 255)
NMAP_LOW, NMAP_HIGH = 37, 59
STEADY = 1
"""TTLs that differ by no more are one system's: a route may change by a hop."""


@dataclass(frozen=True)
class Hops:
    """Routers on the way, at least and at most; `drawn`: TTLs vary as nmap draws them."""

    low: int
    high: int
    drawn: bool = False

    def __str__(self) -> str:
        """`2`, or `1 to 3`."""
        return str(self.low) if self.low == self.high else f"{self.low} to {self.high}"


def hops(ttls: Sequence[int]) -> Hops | None:
    """The distance; None without packets, or where TTLs vary in another way."""
    if not ttls:
        return None
    low, high = min(ttls), max(ttls)
    if high - low <= STEADY:
        start = next(initial for initial in INITIAL if initial >= high)
        return Hops(start - high, start - low)
    least, most = max(0, NMAP_LOW - low), NMAP_HIGH - high
    return Hops(least, most, drawn=True) if least <= most else None


def apart(a: Hops | None, b: Hops | None) -> bool | None:
    """Whether the two are surely (True) or surely not (False) at different distances."""
    if a is None or b is None:
        return None
    if a.high < b.low or b.high < a.low:
        return True
    width = max(a.high, b.high) - min(a.low, b.low)
    return False if width <= STEADY else None
