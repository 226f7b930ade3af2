"""Attributes of flow sides: what is known of the sender of a packet, whatever the packet.

Packets are many and flow sides few: tests of attributes and colours by them are worked out here,
once per side, and looked up for each packet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.expressions.evaluate import expression
from wiretell.expressions.syntax import Node, names_in
from wiretell.model.report import Report
from wiretell.plots.columns import REVERSE, columns

PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp"}
SAID = ("user_agent", "http_host", "sni", "ja4", "dns_query")
"""Quantities of observations that are attributes: the first of each side."""


@dataclass(frozen=True)
class Sides:
    """Attributes of every flow side: row 2 * flow_id + side of `table` (null: no such flow)."""

    table: pl.DataFrame

    def holds(self, node: Node) -> NDArray[np.bool_]:
        """For each row whether the test of attributes holds."""
        own = {name: pl.col(source) for name, source in _sources().items()}
        other = {
            REVERSE + name: pl.col(source).gather(pl.int_range(pl.len()).xor(1))
            for name, source in _sources().items()
        }
        return self.table.select(expression(node, own | other).alias("is"))["is"].to_numpy()

    def values(self, source: str, *, reverse: bool = False) -> pl.Series:
        """One attribute of all rows; `reverse`: that of the other side of the flow."""
        found = self.table[source]
        return found.gather(np.arange(self.table.height) ^ 1) if reverse else found


def is_of_sides(node: Node) -> bool:
    """True where it tests nothing but attributes of flow sides."""
    every = columns()
    return all(every[name.removeprefix(REVERSE)].of == "side" for name in names_in(node))


def flow_sides(report: Report) -> Sides:
    """The attributes of all flow sides of a report."""
    flows = report.flows
    n_flows = 0 if flows.is_empty() else int(flows["flow_id"].max()) + 1  # type: ignore[arg-type]
    every = pl.DataFrame(
        {"flow_id": np.repeat(np.arange(n_flows, dtype=np.uint64), 2)}
    ).with_columns(side=(pl.int_range(pl.len()) % 2).cast(pl.UInt8))
    both = pl.concat([_side(flows, 0), _side(flows, 1)])
    key = ["flow_id", "side"]
    table = every.join(both, on=key, how="left", maintain_order="left")
    for quantity in SAID:
        said = first_said(report, quantity)
        table = table.join(said, on=key, how="left", maintain_order="left")
    looks = report.devices.select("device", "looks_like")
    members = report.members.select(*key, "device").unique(key, keep="first", maintain_order=True)
    return Sides(
        table.join(members, on=key, how="left", maintain_order="left").join(
            looks, on="device", how="left", maintain_order="left"
        )
    )


def first_said(report: Report, quantity: str) -> pl.DataFrame:
    """flow_id, side and, under the name of the quantity, the first text each side said of it."""
    key = ["flow_id", "side"]
    return (
        report.observations.filter(
            (pl.col("quantity") == quantity)
            & pl.col("text").is_not_null()
            & pl.col("flow_id").is_not_null()
        )
        .sort("time_ns", maintain_order=True)
        .unique(key, keep="first", maintain_order=True)
        .select(*key, pl.col("text").alias(quantity))
    )


def _sources() -> dict[str, str]:
    return {name: each.source for name, each in columns().items() if each.of == "side"}


def _side(flows: pl.DataFrame, side: int) -> pl.DataFrame:
    own, other = ("orig", "resp") if side == 0 else ("resp", "orig")
    proto = pl.col("proto")
    return flows.select(
        "flow_id",
        pl.lit(side, pl.UInt8).alias("side"),
        pl.lit(own).alias("side_word"),
        proto.replace_strict(
            PROTOCOLS, default=proto.cast(pl.String), return_dtype=pl.String
        ).alias("proto_word"),
        pl.col(f"{own}_h").alias("src"),
        pl.col(f"{other}_h").alias("dst"),
        pl.col(f"{own}_ttl").alias("first_ttl"),
        pl.col(f"{own}_syn").alias("syn_signature"),
        "conn_state",
        pl.col(f"{own}_mac").alias("mac"),
        pl.col(f"{own}_pkts").alias("n_packets"),
        pl.col(f"{own}_ts_first").alias("ts_first"),
        pl.col(f"{own}_ts_first_ns").alias("ts_first_ns"),
    )
