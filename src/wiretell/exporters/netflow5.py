"""NetFlow v5 messages from flows: IPv4 only, one record per direction, fixed layout.

Source: Cisco, "NetFlow Export Datagram Format", version 5. Counters have 32 bits: a direction
with more is told in several records. Times are exact to the millisecond.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import polars as pl

from wiretell.exporters.direction_rows import (
    ICMP,
    Rows,
    both_directions,
    of_version,
    one_direction_each,
)
from wiretell.exporters.exporter_clock import ExporterClock, message_starts, uptimes
from wiretell.exporters.flow_template import milliseconds

VERSION = 5
MAX_RECORDS = 30
_MAX_COUNT = 2**32 - 1
_MAX_PARTS = 1024
"""Records that one direction is told in at most: 4 TB."""
_HEADER = struct.Struct("!HHIIIIBBH")
_RECORD = np.dtype(
    [
        ("src", "u1", 4),
        ("dst", "u1", 4),
        ("next_hop", ">u4"),
        ("interfaces", ">u2", 2),
        ("pkts", ">u4"),
        ("bytes", ">u4"),
        ("first", ">u4"),
        ("last", ">u4"),
        ("sport", ">u2"),
        ("dport", ">u2"),
        ("pad", "u1"),
        ("tcp_flags", "u1"),
        ("proto", "u1"),
        ("tos", "u1"),
        ("systems_and_masks", "u1", 6),
        ("pad2", ">u2"),
    ]
)


class NetFlow5:
    """Writes the messages of one exporter; sequence numbers go on from call to call."""

    name = "v5"

    def __init__(self) -> None:
        self._clock = ExporterClock(resolution_ms=1)
        self._n_records = 0
        self.counters = {"messages": 0, "records": 0, "ipv6_left_out": 0, "times_clamped": 0}

    def messages(self, flows: pl.DataFrame) -> Iterator[bytes]:
        """The messages that tell of these flows; those of IPv6 are counted and left out."""
        told = of_version(flows, 4)
        self.counters["ipv6_left_out"] += flows.height - told.height
        if told.is_empty():
            return
        rows = _split(one_direction_each(both_directions(told, 4)))
        n_rows = len(rows["proto"])
        starts = message_starts(n_rows, MAX_RECORDS)
        first_ms, last_ms = milliseconds(rows["first"]), milliseconds(rows["last"])
        dates = self._clock.dates(first_ms, last_ms, starts)
        first, n_first = uptimes(first_ms, dates, starts)
        last, n_last = uptimes(last_ms, dates, starts)
        self.counters["times_clamped"] += n_first + n_last
        records = np.zeros(n_rows, _RECORD)
        for column in ("src", "dst", "pkts", "bytes", "sport", "tcp_flags", "proto", "tos"):
            records[column] = rows[column]
        records["first"], records["last"] = first, last
        records["dport"] = np.where(rows["proto"] == ICMP, rows["icmp"], rows["dport"])
        for i, start in enumerate(starts.tolist()):
            body = records[start : start + MAX_RECORDS]
            seconds, rest_ms = divmod(int(dates.now_ms[i]), 1000)
            yield (
                _HEADER.pack(
                    *(VERSION, len(body), int(dates.uptime_ms[i]), seconds, rest_ms * 1_000_000),
                    *(self._n_records % 2**32, 0, 0, 0),
                )
                + body.tobytes()
            )
            self._n_records += len(body)
            self.counters["messages"] += 1
        self.counters["records"] += n_rows


def _split(rows: Rows) -> Rows:
    """Rows whose counts have more than 32 bits, as several that add up to them."""
    counts = {name: rows[name].clip(0, _MAX_PARTS * _MAX_COUNT) for name in ("pkts", "bytes")}
    rows = {**rows, **counts}
    n_parts = -(-np.maximum(rows["pkts"], rows["bytes"]) // _MAX_COUNT).clip(max=-1)
    if (n_parts == 1).all():
        return rows
    place = np.repeat(np.arange(len(n_parts)), n_parts)
    part = np.arange(len(place)) - np.repeat(np.cumsum(n_parts) - n_parts, n_parts)
    split = {name: values[place] for name, values in rows.items()}
    for name in ("pkts", "bytes"):
        share, rest = np.divmod(split[name], n_parts[place])
        split[name] = share + (part < rest)
    return split
