"""The points table: what plots need of each packet, saved beside a report when asked for.

One row per packet that belongs to a flow, in order of time. It is a folder of Parquet files, one
after the other in time, so that a capture is never held as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import polars as pl

from wiretell.model.column import Column, Table

if TYPE_CHECKING:
    from pathlib import Path

POINTS_FOLDER = "points"
"""Of a saved report: holds the files of the table, in order of their names."""

_U8, _U16, _U32, _U64 = pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64

POINTS = Table(
    "points",
    "one packet of a flow, as plots need it",
    (
        Column("packet", _U64, "number of the packet in the capture, from 1"),
        Column("time_ns", pl.Int64, "capture time", "ns"),
        Column("flow_id", _U64, "its flow"),
        Column("side", _U8, "who sent it: 0 orig, 1 resp of the flow"),
        Column("wire_len", _U32, "length on the wire", "B"),
        Column("payload_len", _U32, "bytes behind the last header read, by the headers", "B"),
        Column("ttl", _U8, "TTL or hop limit"),
        Column("ipid", _U16, "IPv4 identification; IPv6: low half of the fragment header's"),
        Column("tsval", _U32, "timestamp option's TSval", "ticks", "RFC 7323"),
        Column("sport", _U16, "source port"),
        Column("dport", _U16, "destination port"),
        Column("flags", _U16, "the 12 bits behind the TCP data offset", "", "RFC 9293"),
        Column("isn", _U32, "sequence number of a SYN or SYN/ACK; null: of no other packet"),
        Column(
            "window_bytes", _U32, "window announced, scale applied where both sides agreed", "B"
        ),
        Column(
            "rtt_ns", pl.Int64, "since the segment it acknowledges passed; null: not known", "ns"
        ),
    ),
)


class PointSource(Protocol):
    """Rows of POINTS that are kept somewhere, in batches in order of time."""

    @property
    def n_rows(self) -> int:
        """How many there are."""

    def batches(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """All rows, some at a time, with these columns."""

    def save(self, folder: Path) -> None:
        """Makes `folder` and writes the files of the table into it."""
