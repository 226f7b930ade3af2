"""One row per flow side of an address: what filters, colours and the flow table know."""

from __future__ import annotations

import polars as pl

from wiretell.model.report import Report
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
    """The sides of `address` in order of time: `COLUMNS`, side, first_ns, last_ns, opened, row."""
    own = report.members.filter(pl.col("address") == address).select(
        "flow_id", "side", pl.col("device").alias("machine")
    )
    flows = report.flows.join(own.select("flow_id").unique(), on="flow_id", how="semi")
    halves = [
        _half(flows, side, me, other).join(own, on=["flow_id", "side"])
        for side, me, other in ((0, "orig", "resp"), (1, "resp", "orig"))
    ]
    table = pl.concat(halves).sort("first_ns", "flow_id", "side")
    for quantity in _TEXTS:
        table = table.join(
            first_said(report, quantity), on=["flow_id", "side"], how="left", maintain_order="left"
        )
    start_ns = table["first_ns"].min()
    return table.with_columns(
        device=pl.col("machine").str.replace("^.*#", "#"),
        start_s=(pl.col("first_ns") - pl.lit(start_ns, pl.Int64)) / 1e9,
        duration_s=(pl.col("last_ns") - pl.col("first_ns")) / 1e9,
        says=pl.coalesce("user_agent", "sni"),
    ).with_row_index("row")


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
