"""The flows table as `wiretell flows` has it: all that `FLOWS` has, and what flow records tell."""

from __future__ import annotations

import polars as pl

from wiretell.model.column import Column, Table
from wiretell.model.tables import FLOWS, STREAM_TOTALS


def _side(side: str) -> tuple[Column, ...]:
    return (
        Column(f"{side}_tos", pl.UInt8, "type of service or traffic class of its first packet"),
        Column(f"{side}_tcp_flags", pl.UInt16, "flags of all its segments together"),
    )


CONNECTION = (
    Column("handshake_rtt_ns", pl.Int64, "round trip of the handshake, both sides of us", "ns"),
    Column("close_reason", pl.String, "how TCP ended, one of CLOSE_REASONS; null: it goes on"),
    Column("half_open", pl.Boolean, "TCP opened by one side and never established"),
    Column("one_sided", pl.Boolean, "TCP of which one side answers another that was not captured"),
    Column("orig_sack_permitted", pl.Boolean, "its SYN offered SACK; null: no SYN seen"),
    Column("resp_sack_permitted", pl.Boolean, "its SYN/ACK did; null: none seen"),
)
"""What a TCP flow was as a connection, told from the columns of `FLOWS`."""

CLOSE_REASONS = (
    "fin",
    "orig_fin",
    "resp_fin",
    "orig_reset",
    "resp_reset",
    "refused",
)
"""What `close_reason` can be: both sides closed, one closed its half, one reset, or a SYN was
answered by a reset."""

TRACKED_FLOWS = Table(
    "tracked_flows",
    FLOWS.row,
    (*FLOWS.columns, *_side("orig"), *_side("resp"), *CONNECTION, *STREAM_TOTALS),
)
