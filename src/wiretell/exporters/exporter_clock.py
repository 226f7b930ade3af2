"""The clock of an exporter that lives in the time of its packets.

NetFlow tells times as milliseconds since the exporter started (32 bits: 49.7 days) and in each
message's header when that was. Ours started with the earliest packet and writes each message
when the last packet of its flows has passed, so that the same flows give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_UPTIME_MS = 2**32 - 1
_MAX_TIME_MS = 1000 * (2**32 - 1)


@dataclass(frozen=True)
class Dates:
    """Per message: the time of writing, in whole `resolution_ms`, and the start (ms since 1970)."""

    now_ms: NDArray[np.int64]
    boot_ms: NDArray[np.int64]

    @property
    def uptime_ms(self) -> NDArray[np.int64]:
        """Milliseconds from the start to the time of writing."""
        return self.now_ms - self.boot_ms


class ExporterClock:
    """Goes on from message to message."""

    def __init__(self, resolution_ms: int) -> None:
        self._resolution_ms = resolution_ms
        self._now_ms = 0
        self._boot_ms = _MAX_TIME_MS

    def dates(
        self, first_ms: NDArray[np.int64], last_ms: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> Dates:
        """Dates of messages, the records of which begin at the rows `starts`; not empty."""
        latest = np.maximum.reduceat(last_ms.clip(0, _MAX_TIME_MS - 1000), starts)
        latest = np.maximum(np.maximum.accumulate(latest), self._now_ms)
        now = -(-latest // self._resolution_ms) * self._resolution_ms
        earliest = np.minimum.reduceat(first_ms.clip(0, _MAX_TIME_MS), starts)
        boot = np.minimum(np.minimum.accumulate(earliest), self._boot_ms)
        self._now_ms, self._boot_ms = int(latest[-1]), int(boot[-1])
        return Dates(now, np.maximum(boot, now - MAX_UPTIME_MS))


def message_starts(n_rows: int, n_per_message: int) -> NDArray[np.int64]:
    """The first row of each message."""
    return np.arange(0, n_rows, n_per_message)


def uptimes(
    time_ms: NDArray[np.int64], dates: Dates, starts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int]:
    """Times of rows since the start by their message, and how many lay before the clock's reach."""
    sizes = np.diff(starts, append=len(time_ms))
    since = time_ms - np.repeat(dates.boot_ms, sizes)
    return since.clip(0, MAX_UPTIME_MS), int(((since < 0) | (since > MAX_UPTIME_MS)).sum())
