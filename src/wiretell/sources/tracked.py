"""Flows of captures, batch by batch as they end: nothing but the tracker, for flow export.

The batches need no more memory than the flows alive; payloads, samples and clocks, which only
telling machines apart needs, are not gathered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol

from wiretell._core import ArrowBatch, Tracker
from wiretell.errors import ConfigError
from wiretell.sources.bpf import compile_filter
from wiretell.sources.captures import open_captures
from wiretell.sources.portions import Portions
from wiretell.sources.read_ahead import ReadAhead
from wiretell.sources.timeouts import Timeouts

if TYPE_CHECKING:
    import polars as pl

_LEAST_FLOWS = 8192
"""Flows are handed out when so many have ended: a table of few takes as long as one of many."""
LEAST_HULL = 3
"""The core's least number of hull vertices, but for none."""


class FlowSource(Protocol):
    """Hands out flows (rows of `TRACKED_FLOWS`) and says where they came from."""

    def batches(self) -> Iterator[pl.DataFrame]:
        """The flows in order of their ends."""

    def provenance(self) -> Mapping[str, Any]:
        """What was read, counted, damaged: known in full after the last batch."""

    def close(self) -> None:
        """Ends what goes on beside; there are no more batches."""


@dataclass(frozen=True)
class Ended:
    """Flows that ended, if any, and how far the captures were read then."""

    flows: ArrowBatch | None
    n_bytes: int
    n_bytes_total: int | None
    n_packets: int


class TrackedCaptures:
    """Flows of captures. Raises OSError, CaptureError, ConfigError when made.

    Reading begins at once, beside whoever made it: close it in the end.

    `analysis`: fill `STREAM_TOTALS` (retransmissions, ...), which takes time; else they are null.
    `clocks`: fill the columns of timestamp clocks; else they are as of no timestamps.
    `connection`: fill `CONNECTION` (how it closed, ...); else null.
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
        clocks: bool = True,
        connection: bool = True,
        ct: str | None = None,
        batch_packets: int = 1 << 18,
        progress: Callable[[int, int | None, int], None] | None = None,
    ) -> None:
        self._filter = filter
        self._open(paths, compile_filter(filter) if filter else None)
        settings: dict[str, Any] = (timeouts or Timeouts()).settings() | {
            "max_payload_bytes": 0,
            "samples_per_side": 0,
            "max_hull": LEAST_HULL if clocks else 0,
        }
        try:
            self._tracker = Tracker(**settings, analysis=analysis, ct=ct)
        except ValueError as error:
            raise ConfigError(f"--ct {ct}: {error}") from error
        self._portions = Portions(batch_packets, max_packets)
        self._progress = progress or (lambda *_: None)
        self._connection = connection
        self._ended = ReadAhead(self._track())

    def batches(self) -> Iterator[pl.DataFrame]:
        """The flows in order of their ends, those that the capture's end cuts last."""
        # Loaded while the first packets are tracked.
        import polars as pl  # noqa: PLC0415

        from wiretell.model.connection import with_connection  # noqa: PLC0415
        from wiretell.model.tracked import CONNECTION, TRACKED_FLOWS  # noqa: PLC0415

        unknown = [pl.lit(None, column.dtype).alias(column.name) for column in CONNECTION]
        for ended in self._ended:
            if ended.flows is not None:
                flows = pl.DataFrame(ended.flows)
                flows = with_connection(flows) if self._connection else flows.with_columns(unknown)
                yield flows.select(TRACKED_FLOWS.schema.names())
            self._progress(ended.n_bytes, ended.n_bytes_total, ended.n_packets)

    def provenance(self) -> Mapping[str, Any]:
        """version, filter, files, counters (packets, flows, evictions, ...), weirds, damage."""
        told = self._told_by_readers()
        return {
            "version": version("wiretell"),
            "filter": self._filter,
            **told,
            "counters": told["counters"] | self._tracker.counters(),
            "weirds": self._tracker.weirds(),
        }

    def entries(self) -> pl.DataFrame:
        """Rows of ENTRIES: the connection tracker's table as it is now, empty without one."""
        import polars as pl  # noqa: PLC0415

        from wiretell.model.segments import ENTRIES  # noqa: PLC0415

        rows = self._tracker.entries()
        return ENTRIES.empty() if rows is None else pl.DataFrame(rows)

    def close(self) -> None:
        """Reads no more."""
        self._ended.close()

    def _open(self, paths: Sequence[str], filters: Mapping[int, bytes] | None) -> None:
        self._reader, self._unread = open_captures(paths, filters)

    def _told_by_readers(self) -> dict[str, Any]:
        """files, counters, damage."""
        return {
            "files": self._reader.files(),
            "counters": self._reader.counters(),
            "damage": [*self._unread, *self._reader.damage()],
        }

    def _track(self) -> Iterator[Ended]:
        n_packets = 0
        while (wanted := self._portions.next()) and (
            n := self._tracker.consume(self._reader, wanted)
        ):
            n_packets += n
            self._portions.came(n)
            yield self._drained(n_packets, _LEAST_FLOWS)
        self._tracker.finish()
        yield self._drained(n_packets, 1)

    def _drained(self, n_packets: int, least: int) -> Ended:
        flows = self._tracker.drain_flows(least)
        self._tracker.drain_samples()
        return Ended(flows, *self._reader.position(), n_packets)
