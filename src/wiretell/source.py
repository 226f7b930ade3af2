"""What a source of packets is: a capture reader, a live ring, a queue of the kernel.

The core's `Reader` is one. Implementations live in `sources/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Source(Protocol):
    """Hands out packets in stream order and says what it read and what it could not read."""

    def packets(self, max_packets: int) -> Any:
        """The next at most `max_packets` packets as an Arrow batch; None at the end."""

    def position(self) -> tuple[int, int | None]:
        """Bytes read so far and how many there are; None where that is unknown."""

    def counters(self) -> dict[str, int]:
        """frames, filtered_out, captured_bytes, wire_bytes."""

    def files(self) -> Sequence[dict[str, object]]:
        """Where the packets come from, one dictionary per file or interface."""

    def damage(self) -> Sequence[dict[str, object]]:
        """What was cut, corrupt or unread: file, packet, offset, kind, message."""
