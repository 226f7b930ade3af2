"""Flows of captures, batch by batch as they end: nothing but the tracker, for flow export.

The batches need no more memory than the flows alive; payloads, samples and clocks, which only
telling machines apart needs, are not gathered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol

import polars as pl

from wiretell._core import Tracker
from wiretell.errors import ConfigError
from wiretell.model.connection import with_connection
from wiretell.model.segments import ENTRIES
from wiretell.model.tracked import TRACKED_FLOWS
from wiretell.sources.bpf import compile_filter
from wiretell.sources.captures import open_captures

LEAST_HULL = 3
"""The core's least number of hull vertices."""


@dataclass(frozen=True)
class Timeouts:
    """When a flow is handed out, in seconds of packet time.

    `inactive_s`: idle for this long, whatever its protocol; None: the tracker's own times.
    `active_s`: alive for this long, though it goes on; 0: never.
    """

    inactive_s: int | None = None
    active_s: int = 0


class FlowSource(Protocol):
    """Hands out flows (rows of `TRACKED_FLOWS`) and says where they came from."""

    def batches(self) -> Iterator[pl.DataFrame]:
        """The flows in order of their ends."""

    def provenance(self) -> Mapping[str, Any]:
        """What was read, counted, damaged: known in full after the last batch."""


class TrackedCaptures:
    """Flows of captures. Raises OSError, CaptureError, ConfigError when made.

    `analysis`: fill `STREAM_TOTALS` (retransmissions, ...), which takes time; else they are null.
    `ct`: track connections under these settings (as `_core.Tracker`), for `entries`.
    """

    def __init__(
        self,
        paths: Sequence[str],
        *,
        filter: str | None = None,
        timeouts: Timeouts | None = None,
        max_packets: int | None = None,
        analysis: bool = True,
        ct: str | None = None,
        batch_packets: int = 1 << 18,
        progress: Callable[[int, int | None, int], None] | None = None,
    ) -> None:
        self._filter = filter
        self._reader, self._unread = open_captures(
            paths, compile_filter(filter) if filter else None
        )
        settings = _settings(timeouts or Timeouts())
        try:
            self._tracker = Tracker(**settings, analysis=analysis, ct=ct)
        except ValueError as error:
            raise ConfigError(f"--ct {ct}: {error}") from error
        self._left = max_packets
        self._batch_packets = batch_packets
        self._progress = progress or (lambda *_: None)

    def batches(self) -> Iterator[pl.DataFrame]:
        """The flows in order of their ends, those that the capture's end cuts last."""
        n_packets = 0
        while (wanted := self._wanted()) and (n := self._tracker.consume(self._reader, wanted)):
            n_packets += n
            if self._left is not None:
                self._left -= n
            yield from self._ended()
            self._progress(*self._reader.position(), n_packets)
        self._tracker.finish()
        yield from self._ended()

    def provenance(self) -> Mapping[str, Any]:
        """version, filter, files, counters (packets, flows, evictions, ...), weirds, damage."""
        return {
            "version": version("wiretell"),
            "filter": self._filter,
            "files": self._reader.files(),
            "counters": self._reader.counters() | self._tracker.counters(),
            "weirds": self._tracker.weirds(),
            "damage": [*self._unread, *self._reader.damage()],
        }

    def entries(self) -> pl.DataFrame:
        """Rows of ENTRIES: the connection tracker's table as it is now, empty without one."""
        rows = self._tracker.entries()
        return ENTRIES.empty() if rows is None else pl.DataFrame(rows)

    def _wanted(self) -> int:
        return self._batch_packets if self._left is None else min(self._batch_packets, self._left)

    def _ended(self) -> Iterator[pl.DataFrame]:
        batch = self._tracker.drain_flows()
        self._tracker.drain_samples()
        if batch is not None:
            flows = with_connection(pl.DataFrame(batch))
            yield flows.select(TRACKED_FLOWS.schema.names())


def _settings(timeouts: Timeouts) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "max_payload_bytes": 0,
        "samples_per_side": 0,
        "max_hull": LEAST_HULL,
        "active_timeout_s": timeouts.active_s,
    }
    if timeouts.inactive_s is not None:
        kinds = ("tcp", "tcp_opening", "udp", "icmp", "other")
        settings |= {f"{kind}_timeout_s": timeouts.inactive_s for kind in kinds}
    return settings
