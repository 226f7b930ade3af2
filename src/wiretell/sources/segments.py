"""Captures as packets and what the connection tracker says of each, in batches.

Explaining takes several looks at a capture: standard input is kept in a temporary file for it.
"""

from __future__ import annotations

import os
import select
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import UnsupportedOperation
from typing import Any

import polars as pl
import polars.selectors as cs

from wiretell._core import ArrowBatch, Reader, Tracker
from wiretell.errors import ConfigError
from wiretell.model.packets import PACKETS
from wiretell.model.segments import SEGMENTS
from wiretell.model.tables import FLOWS
from wiretell.sources.captures import open_captures, opened

STDIN = "-"
BATCH_PACKETS = 1 << 17
MAX_FLOWS = 1_000_000
"""Flows alive at once, as the core's own default."""
_COPY_BYTES = 1 << 20

Say = Callable[[int, int | None, int], None]
"""Told how far it is: bytes read, bytes in all (None: not known), packets."""


@dataclass(frozen=True)
class Batch:
    """Rows of PACKETS, of SEGMENTS for the same packets, and of FLOWS, with STREAM_TOTALS, that
    ended meanwhile."""

    packets: pl.DataFrame
    segments: pl.DataFrame
    flows: pl.DataFrame


@contextmanager
def readable_again(names: Sequence[str]) -> Iterator[list[str]]:
    """The names, standard input replaced by a file of its bytes that lives as long as the block."""
    if STDIN not in names:
        yield list(names)
        return
    with tempfile.NamedTemporaryFile(prefix="wiretell-", suffix=".capture") as kept:
        for chunk in _standard_input():
            kept.write(chunk)
        kept.flush()
        yield [kept.name if name == STDIN else name for name in names]


def _standard_input() -> Iterator[bytes]:
    """All of it. A read that waits is deaf to Ctrl-C once Polars is loaded, `select` is not."""
    stream = sys.stdin.buffer
    try:
        descriptor = stream.fileno()
    except UnsupportedOperation:
        yield stream.read()
        return
    while select.select([descriptor], [], []) and (chunk := os.read(descriptor, _COPY_BYTES)):
        yield chunk


class SegmentStream:
    """One run of the tracker over captures. `ct`: its settings, as `Tracker` takes them;
    `what_if`: others to judge the same packets by.

    `shown` has other names for captures, under which provenance knows them. With `checksums`
    packets have the columns `CHECKSUMS` too.

    Raises OSError, CaptureError (from the core), ConfigError (settings).
    """

    def __init__(
        self,
        names: Sequence[str],
        filters: Mapping[int, bytes] | None = None,
        *,
        ct: str = "linux",
        what_if: str | None = None,
        max_flows: int = MAX_FLOWS,
        say: Say | None = None,
        shown: Mapping[str, str] | None = None,
        checksums: bool = False,
    ) -> None:
        self._reader, self._unread = open_captures(names, filters)
        self.readable = opened(names, self._unread)
        """Of the captures those that can be read."""
        self._fields = Reader(self.readable, filters=filters, checksums=checksums)
        self._tracker = tracker(ct, what_if, max_flows)
        self._shown = shown or {}
        self._say = say

    def batches(self) -> Iterator[Batch]:
        """All batches in order; after them `provenance` is complete."""
        n_packets = 0
        while n := self._tracker.consume(self._reader, BATCH_PACKETS):
            n_packets += n
            yield self._drained(packets_again(self._fields, n))
            if self._say is not None:
                self._say(*self._reader.position(), n_packets)
        self._tracker.finish()
        yield self._drained(PACKETS.empty())

    def segments_and_flows(self) -> Iterator[Batch]:
        """The same without packets, which is faster."""
        while self._tracker.consume(self._reader, BATCH_PACKETS):
            yield self._drained(PACKETS.empty())
        self._tracker.finish()
        yield self._drained(PACKETS.empty())

    def provenance(self) -> dict[str, Any]:
        """`files`, `counters`, `weirds` and `damage`, as in `Report.provenance`."""
        return {
            "files": [each | {"path": self._name(each["path"])} for each in self._reader.files()],
            "counters": self._reader.counters() | self._tracker.counters(),
            "weirds": self._tracker.weirds(),
            "damage": [
                each | {"file": self._name(each["file"])}
                for each in (*self._unread, *self._reader.damage())
            ],
        }

    def _name(self, path: object) -> str:
        return self._shown.get(str(path), str(path))

    def _drained(self, packets: pl.DataFrame) -> Batch:
        segments, flows = self._tracker.drain_segments(), self._tracker.drain_flows()
        return Batch(
            packets,
            SEGMENTS.empty() if segments is None else pl.DataFrame(segments),
            FLOWS.empty() if flows is None else _without_payload(flows),
        )


def _without_payload(flows: ArrowBatch) -> pl.DataFrame:
    """The columns of FLOWS, and the totals that are there where segments are."""
    return pl.DataFrame(flows).select(~cs.binary() & ~cs.ends_with("_payload_ns"))


def tracker(ct: str, what_if: str | None = None, max_flows: int = MAX_FLOWS) -> Tracker:
    """A tracker that keeps a row per packet; `max_flows` as the core's.

    Raises ConfigError for settings it does not know.
    """
    try:
        return Tracker(ct=ct, what_if=what_if, max_flows=max_flows, segments=True)
    except ValueError as error:
        given = f"--ct {ct}" if what_if is None else f"--ct {ct} --what-if {what_if}"
        raise ConfigError(f"{given}: {error}") from error


def packets_again(fields: Reader, n: int) -> pl.DataFrame:
    """The fields of the next `n` frames, which a tracker has just taken from another reader."""
    parts: list[pl.DataFrame] = []
    while n > 0:
        batch = fields.packets(n)
        if batch is None:
            break
        parts.append(pl.DataFrame(batch))
        n -= len(batch)
    return pl.concat(parts) if parts else PACKETS.empty()


def packets_of(
    names: Sequence[str], filters: Mapping[int, bytes] | None, numbers: pl.Series
) -> pl.DataFrame:
    """The rows of PACKETS with these numbers (ascending), and the columns `CHECKSUMS`; reading ends
    with the last of them."""
    if numbers.is_empty():
        return PACKETS.empty()
    wanted = numbers.to_frame("number")
    last = int(numbers[-1])
    reader, _ = open_captures(names, filters, checksums=True)
    kept: list[pl.DataFrame] = []
    while (batch := reader.packets(BATCH_PACKETS)) is not None:
        rows = pl.DataFrame(batch)
        kept.append(rows.join(wanted, on="number", how="semi", maintain_order="left"))
        if int(rows["number"][-1]) >= last:
            break
    return pl.concat(kept) if kept else PACKETS.empty()
