"""One row per flow side of an address: what filters, colours and the flow table know."""

from __future__ import annotations

from typing import TypeVar

import polars as pl

from wiretell.model.report import Report
from wiretell.plots.clock import FIT, ClockLines, lines_of, own_rates
from wiretell.plots.sides import PROTOCOLS, first_said

_TEXTS = ("user_agent", "ja4", "sni")
_OWN = ("pkts", "bytes", "ip_bytes", "ttl", "syn", "isn", "mss", "n_syn")

COLUMNS = {
    "flow_id": "number of the flow",
    "device": "machine; empty: none",
    "proto": "tcp, udp, icmp, or the IP protocol number",
    "src_port": "port of this side",
    "dst": "address of the other side",
    "dst_port": "port of the other side",
    "start_s": "first packet, seconds since the first of the address",
    "duration_s": "seconds from the first packet to the last",
    "pkts": "packets it sent",
    "bytes": "payload bytes it sent",
    "bytes_in": "payload bytes it was sent",
    "ttl": "TTL of its first packet",
    "syn_signature": "signature of its SYN, p0f syntax",
    "isn": "initial sequence number",
    "mss": "maximum segment size",
    "conn_state": "Zeek's conn_state",
    "user_agent": "User-Agent it sent",
    "ja4": "JA4 of its TLS or QUIC hello",
    "sni": "server name it asked for",
    "says": "User-Agent, else server name",
}
"""Name -> meaning: what an expression may name, as in `wiretell plot` where both have it."""
_SOURCES = {"device": "machine", "proto": "proto_word", "syn_signature": "syn"}


def source_of(name: str) -> str:
    """The column of the side table that holds one of `COLUMNS`."""
    return _SOURCES.get(name, name)


def side_table(report: Report, address: str) -> pl.DataFrame:
    """The sides of `address` in order of time: `COLUMNS`, side, first_ns, last_ns, opened, row.

    `report` is what is held of that address. The order does not depend on the machines.
    """
    own = report.members.filter(pl.col("address") == address).select(
        "flow_id", "side", pl.col("device").alias("machine")
    )
    halves = [
        _half(report.flows, side, me, other).join(own, on=["flow_id", "side"])
        for side, me, other in ((0, "orig", "resp"), (1, "resp", "orig"))
    ]
    table = pl.concat(halves).sort("first_ns", "flow_id", "side")
    for quantity in _TEXTS:
        table = table.join(
            first_said(report, quantity), on=["flow_id", "side"], how="left", maintain_order="left"
        )
    start_ns = table["first_ns"].min()
    return table.with_columns(
        _number_of(pl.col("machine")).alias("device"),
        start_s=(pl.col("first_ns") - pl.lit(start_ns, pl.Int64)) / 1e9,
        duration_s=(pl.col("last_ns") - pl.col("first_ns")) / 1e9,
        says=pl.coalesce("user_agent", "sni"),
    ).with_row_index("row")


def with_machines(sides: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """The same table with the machines of other members, those after an edit."""
    now = members.select("flow_id", "side", pl.col("device").alias("machine"))
    machine = sides.select("flow_id", "side").join(
        now, on=["flow_id", "side"], how="left", maintain_order="left"
    )["machine"]
    return sides.with_columns(machine, _number_of(machine).alias("device"))


_Column = TypeVar("_Column", pl.Expr, pl.Series)


def _number_of(machine: _Column) -> _Column:
    """`#3` of `192.0.2.7#3`."""
    return machine.str.replace("^.*#", "#")


def clocks_of(report: Report, sides: pl.DataFrame) -> ClockLines:
    """The clock of each row of the side table, by the machines as they were measured.

    An edit leaves the lines where they lie: what an analyst splits off is drawn in its place.
    """
    fits = [*FIT, "ts_first"]
    halves = [
        report.flows.select(
            "flow_id",
            pl.lit(side, pl.UInt8).alias("side"),
            *(pl.col(f"{own}_{name}").alias(name) for name in fits),
        )
        for side, own in ((0, "orig"), (1, "resp"))
    ]
    key = ["flow_id", "side"]
    members = report.members.select(*key, pl.col("device"))
    rows = (
        sides.select(*key)
        .join(pl.concat(halves), on=key, how="left", maintain_order="left")
        .join(members, on=key, how="left", maintain_order="left")
    )
    return lines_of(rows, own_rates(rows), report.devices)


def _half(flows: pl.DataFrame, side: int, me: str, other: str) -> pl.DataFrame:
    return flows.select(
        "flow_id",
        pl.lit(side, pl.UInt8).alias("side"),
        "proto",
        pl.col("proto")
        .replace_strict(PROTOCOLS, default=pl.col("proto").cast(pl.String), return_dtype=pl.String)
        .alias("proto_word"),
        pl.col(f"{me}_h").alias("src"),
        pl.col(f"{me}_p").alias("src_port"),
        pl.col(f"{other}_h").alias("dst"),
        pl.col(f"{other}_p").alias("dst_port"),
        *(pl.col(f"{me}_{name}").alias(name) for name in _OWN),
        pl.col(f"{other}_bytes").alias("bytes_in"),
        "conn_state",
        "first_ns",
        "last_ns",
        pl.lit(side == 0).alias("opened"),
    )
