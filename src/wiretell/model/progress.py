"""How far the reading of captures is: what a progress bar shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far an analysis is; `n_bytes_total` is None on a pipe."""

    stage: str
    n_bytes: int
    n_bytes_total: int | None
    n_packets: int
