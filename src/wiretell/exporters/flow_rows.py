"""The judged flow sides as one table: who spoke with whom, and which machine it was.

`src` is the side that the machine is on; a flow whose two ends were judged has two rows.
"""

from __future__ import annotations

import polars as pl

from wiretell.exporter import Options
from wiretell.exporters.selection import ordered_addresses
from wiretell.model.column import Column, Table
from wiretell.model.report import Report

_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6"}

FLOW_ROWS = Table(
    "flow_rows",
    "one judged flow side",
    (
        Column("src", pl.String, "the address that the machine is behind"),
        Column("sport", pl.UInt16, "its port; ICMP: the identifier, else the type"),
        Column("dst", pl.String, "the other address"),
        Column("dport", pl.UInt16, "its port; ICMP: 0 with an identifier, else the code"),
        Column("proto", pl.String, "tcp, udp, icmp, icmp6, or the IP protocol number"),
        Column("device", pl.String, "the machine; empty where the evidence does not say"),
        Column("confidence", pl.Float64, "probability of that machine"),
        Column("flow_id", pl.UInt64, "the flow"),
        Column("side", pl.UInt8, "0: src opened the flow, 1: dst did"),
        Column("community_id", pl.String, "flow hash", "", "Community ID v1"),
        Column("first_ns", pl.Int64, "first packet of the flow", "ns"),
        Column("last_ns", pl.Int64, "last packet of the flow", "ns"),
        Column("packets", pl.UInt64, "packets that src sent"),
        Column("bytes", pl.UInt64, "IP bytes that src sent", "B"),
        Column("sni", pl.String, "server name that src asked for by TLS or QUIC (off the wire)"),
        Column("user_agent", pl.String, "User-Agent that src sent (off the wire)"),
        Column("reason", pl.String, "the strongest reason for the machine"),
    ),
)


def flow_rows(report: Report, options: Options) -> pl.DataFrame:
    """Rows of `FLOW_ROWS`, by address in the order of `ordered_addresses`, then by flow.

    Addresses that only serve are left out unless all, or they by name, are asked for: the far
    ends of a client's flows are not its machines.
    """
    addresses = ordered_addresses(report, options)
    if not (options.all_addresses or options.addresses):
        addresses = addresses.filter(pl.col("role") != "server")
    order = addresses.select("address").with_row_index("place")
    sides = pl.concat([_side(report.flows, 0), _side(report.flows, 1)])
    rows = (
        report.members.join(order, on="address")
        .join(sides, on=["flow_id", "side"])
        .sort("place", "flow_id", "side")
    )
    for quantity in ("sni", "user_agent"):
        rows = rows.join(
            first_text(report.observations, quantity),
            on=["flow_id", "side"],
            how="left",
            maintain_order="left",
        )
    return rows.select(
        pl.col("address").alias("src"),
        *(pl.col(column.name).cast(column.dtype) for column in FLOW_ROWS.columns[1:]),
    )


def first_text(observations: pl.DataFrame, quantity: str) -> pl.DataFrame:
    """flow_id, side and the first text of that quantity seen there, in a column of its name."""
    return (
        observations.filter(
            (pl.col("quantity") == quantity)
            & pl.col("text").is_not_null()
            & pl.col("flow_id").is_not_null()
        )
        .sort("flow_id", "side", "time_ns", maintain_order=True)
        .unique(["flow_id", "side"], keep="first", maintain_order=True)
        .select("flow_id", "side", pl.col("text").alias(quantity))
    )


def _side(flows: pl.DataFrame, side: int) -> pl.DataFrame:
    own, other = ("orig", "resp") if side == 0 else ("resp", "orig")
    is_icmp = pl.col("proto").is_in([1, 58])  # its two numbers belong to the flow, not to a side
    return flows.select(
        "flow_id",
        pl.lit(side, pl.UInt8).alias("side"),
        pl.when(is_icmp).then("orig_p").otherwise(f"{own}_p").alias("sport"),
        pl.col(f"{other}_h").alias("dst"),
        pl.when(is_icmp).then("resp_p").otherwise(f"{other}_p").alias("dport"),
        pl.col("proto").replace_strict(
            _PROTOCOLS, default=pl.col("proto").cast(pl.String), return_dtype=pl.String
        ),
        "community_id",
        "first_ns",
        "last_ns",
        pl.col(f"{own}_pkts").alias("packets"),
        pl.col(f"{own}_ip_bytes").alias("bytes"),
    )
