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
from wiretell.expressions.meant import meant
from wiretell.expressions.syntax import Node, names_in
from wiretell.model.report import Report
from wiretell.plots.columns import REVERSE, columns

PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp"}
PROTOCOL_WORDS = {str(number): word for number, word in PROTOCOLS.items()}
"""Number of a protocol, as it may be written -> what expressions call it."""
SAID = ("user_agent", "http_host", "sni", "ja4", "dns_query")
"""Quantities of observations that are attributes: the first of each side."""


FLOW_COLUMNS = (
    *("flow_id", "proto", "conn_state"),
    *(
        f"{own}_{name}"
        for own in ("orig", "resp")
        for name in ("h", "ttl", "syn", "mac", "pkts", "ts_first", "ts_first_ns")
    ),
)
"""Columns of FLOWS that attributes are made of."""


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

    def meant(self, node: Node) -> tuple[str, ...]:
        """Tests that could fit where some of `node` cannot; text may be off the wire."""

        def known(name: str) -> pl.Series:
            return self.table[sources[name.removeprefix(REVERSE)]]

        sources = _sources()
        return meant(node, known, {"proto": PROTOCOL_WORDS, REVERSE + "proto": PROTOCOL_WORDS})

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
    n_rows = 2 * n_flows
    # Two rows of each flow lie side by side: places, not joins, put what is known into them.
    both = pl.concat([_side(flows, 0), _side(flows, 1)])
    table = both[_places(both, n_rows)].drop("flow_id", "side")
    every = pl.int_range(n_rows, eager=True)
    known = {
        "flow_id": (every // 2).cast(pl.UInt64),
        "side": (every % 2).cast(pl.UInt8),
        **{name: table[name] for name in table.columns},
    }
    for quantity in SAID:
        said = first_said(report, quantity)
        known[quantity] = said[quantity].gather(_places(said, n_rows))
    device = report.members["device"].gather(_places(report.members, n_rows))
    looks = report.devices.select("device", "looks_like")
    return Sides(
        pl.DataFrame({**known, "device": device}).join(
            looks, on="device", how="left", maintain_order="left"
        )
    )


def _places(rows: pl.DataFrame, n_rows: int) -> pl.Series:
    """For each flow side the first of `rows` (flow_id, side) that is of it; null: none is."""
    side = rows.select(row=pl.col("flow_id").cast(pl.Int64) * 2 + pl.col("side"))["row"].to_numpy()
    at = np.flatnonzero(side < n_rows)[::-1]  # what is written last stays
    places = np.full(n_rows, -1, np.int64)
    places[side[at]] = at
    return pl.DataFrame({"at": places}).select(
        pl.when(pl.col("at") >= 0).then("at").cast(pl.UInt32)
    )["at"]


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
