"""NetFlow v9 messages from flows (RFC 3954): one record per direction, IPv4 and IPv6.

Times are exact to the millisecond. Elements beyond RFC 3954's own list are IANA's, as exporters
of today use them in v9.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import polars as pl

from wiretell.exporters.direction_rows import both_directions, of_version, one_direction_each
from wiretell.exporters.exporter_clock import Dates, ExporterClock, message_starts, uptimes
from wiretell.exporters.flow_template import milliseconds, netflow9_template

VERSION = 9
TEMPLATE_SET = 0
_HEADER = struct.Struct("!HHIIII")
_SET = struct.Struct("!HH")


class NetFlow9:
    """Writes the messages of one exporter.

    Templates are told first, and again after every `refresh` messages (0: never again).
    """

    name = "v9"

    def __init__(self, *, source_id: int = 0, max_bytes: int = 1400, refresh: int = 20) -> None:
        self._source_id = source_id
        self._max_bytes = max_bytes
        self._refresh = refresh
        self._clock = ExporterClock(resolution_ms=1000)
        self._n_since_templates: int | None = None
        self.counters = {"messages": 0, "records": 0, "times_clamped": 0}

    def messages(self, flows: pl.DataFrame) -> Iterator[bytes]:
        """The messages that tell of these flows."""
        for version in (4, 6):
            yield from self._of_version(of_version(flows, version), version)

    def _of_version(self, flows: pl.DataFrame, version: int) -> Iterator[bytes]:
        if flows.is_empty():
            return
        rows = one_direction_each(both_directions(flows, version))
        template = netflow9_template(version)
        n_per_message = (self._max_bytes - _HEADER.size - _SET.size) // template.dtype.itemsize
        starts = message_starts(len(rows["proto"]), n_per_message)
        first_ms, last_ms = milliseconds(rows["first"]), milliseconds(rows["last"])
        dates = self._clock.dates(first_ms, last_ms, starts)
        first, n_first = uptimes(first_ms, dates, starts)
        last, n_last = uptimes(last_ms, dates, starts)
        self.counters["times_clamped"] += n_first + n_last
        records = template.packed({**rows, "first_uptime_ms": first, "last_uptime_ms": last})
        for i, start in enumerate(starts.tolist()):
            if self._templates_due():
                described = b"".join(netflow9_template(each).described() for each in (4, 6))
                yield self._message(dates, i, 2, TEMPLATE_SET, described)
                self._n_since_templates = 0
            body = records[start : start + n_per_message]
            yield self._message(dates, i, len(body), template.number, body.tobytes())
            self._n_since_templates = (self._n_since_templates or 0) + 1
        self.counters["records"] += len(records)

    def _templates_due(self) -> bool:
        if self._n_since_templates is None:
            return True
        return 0 < self._refresh <= self._n_since_templates

    def _message(self, dates: Dates, i: int, n_records: int, number: int, body: bytes) -> bytes:
        """A message with one set, padded to four bytes."""
        padding = bytes(-len(body) % 4)
        header = _HEADER.pack(
            *(VERSION, n_records, int(dates.uptime_ms[i]), int(dates.now_ms[i]) // 1000),
            *(self.counters["messages"] % 2**32, self._source_id),
        )
        self.counters["messages"] += 1
        return header + _SET.pack(number, _SET.size + len(body) + len(padding)) + body + padding
