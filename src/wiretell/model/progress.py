"""How far an analysis has come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One report of progress; `total_bytes` is None where the size is unknown (standard input)."""

    stage: str
    """What is being done, in words: reading, finding machines, ..."""
    n_packets: int
    """Packets read so far."""
    bytes_read: int
    """File bytes read so far, as they lie on the disk."""
    total_bytes: int | None
    """File bytes there are."""
