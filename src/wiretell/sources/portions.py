"""A limit of packets, asked for in portions."""

from __future__ import annotations


class Portions:
    """How many packets to ask for next: `size`, until `limit` in all (None: no limit)."""

    def __init__(self, size: int, limit: int | None) -> None:
        self._size = size
        self._left = limit

    def next(self) -> int:
        """Packets to ask for; 0 when all have come."""
        return self._size if self._left is None else min(self._size, self._left)

    def came(self, n_packets: int) -> None:
        """So many did come."""
        if self._left is not None:
            self._left -= n_packets
