"""IPFIX messages from flows (RFC 7011): a record has both directions (RFC 5103), or each its own.

Times are exact to the nanosecond. Messages written one after the other are an IPFIX file
(RFC 5655).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import polars as pl

from wiretell.exporters.direction_rows import (
    Rows,
    both_directions,
    of_version,
    one_direction_each,
    select,
)
from wiretell.exporters.exporter_clock import ExporterClock, message_starts
from wiretell.exporters.flow_template import Template, ipfix_template, milliseconds, with_times

VERSION = 10
TEMPLATE_SET = 2
_HEADER = struct.Struct("!HHIII")
_SET = struct.Struct("!HH")


class Ipfix:
    """Writes the messages of one observation domain.

    A flow whose two ends both sent something is one record with `biflow`, else two. Templates are
    told first, and again after every `refresh` messages (0: never again, as in a file).
    """

    name = "ipfix"

    def __init__(
        self,
        *,
        domain: int = 0,
        max_bytes: int = 1400,
        refresh: int = 20,
        biflow: bool = True,
    ) -> None:
        self._domain = domain
        self._max_bytes = max_bytes
        self._refresh = refresh
        self._biflow = biflow
        self._clock = ExporterClock(resolution_ms=1000)
        self._n_since_templates: int | None = None
        self.counters = {"messages": 0, "records": 0}

    def messages(self, flows: pl.DataFrame) -> Iterator[bytes]:
        """The messages that tell of these flows."""
        for version in (4, 6):
            told = of_version(flows, version)
            if told.is_empty():
                continue
            rows = both_directions(told, version)
            both = (rows["pkts"] > 0) & (rows["reverse_pkts"] > 0)  # type: ignore[operator]
            both &= self._biflow
            yield from self._records(ipfix_template(version, biflow=True), select(rows, both))
            single = one_direction_each(select(rows, ~both))
            yield from self._records(ipfix_template(version, biflow=False), single)

    def _records(self, template: Template, rows: Rows) -> Iterator[bytes]:
        n_rows = len(rows["proto"])
        if n_rows == 0:
            return
        n_per_message = (self._max_bytes - _HEADER.size - _SET.size) // template.dtype.itemsize
        starts = message_starts(n_rows, n_per_message)
        last_ms = np.maximum(milliseconds(rows["last"]), milliseconds(rows["reverse_last"]))
        seconds = self._clock.dates(milliseconds(rows["first"]), last_ms, starts).now_ms // 1000
        records = template.packed(with_times(rows))
        for i, start in enumerate(starts.tolist()):
            second = int(seconds[i])
            if self._templates_due():
                yield self._message(second, TEMPLATE_SET, _described())
                self._n_since_templates = 0
            body = records[start : start + n_per_message]
            yield self._message(second, template.number, body.tobytes())
            self.counters["records"] += len(body)
            self._n_since_templates = (self._n_since_templates or 0) + 1

    def _templates_due(self) -> bool:
        if self._n_since_templates is None:
            return True
        return 0 < self._refresh <= self._n_since_templates

    def _message(self, second: int, number: int, body: bytes) -> bytes:
        """A message with one set."""
        length = _HEADER.size + _SET.size + len(body)
        sequence = self.counters["records"] % 2**32
        self.counters["messages"] += 1
        header = _HEADER.pack(VERSION, length, second, sequence, self._domain)
        return header + _SET.pack(number, _SET.size + len(body)) + body


def _described() -> bytes:
    return b"".join(
        ipfix_template(version, biflow=biflow).described()
        for version in (4, 6)
        for biflow in (False, True)
    )
