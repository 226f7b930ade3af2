"""Flows -> sides: one row per end of a flow, the unit that is attributed to a machine."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl

from wiretell.devices.facts import whole
from wiretell.model.tables import FLOWS

_ORIG, _RESP = "orig_", "resp_"


def sides_of(flows: pl.DataFrame) -> pl.DataFrame:
    """All sides of all addresses that sent anything at all.

    A side that sent nothing (a packet to a closed door) is kept: its address sent others.
    Columns: flow_id, side (0 orig, 1 resp), initiator (it opened the flow), address, port, peer,
    peer_port, proto, icmp_type, conn_state, flow_first_ns, flow_last_ns, start_ns (of its first
    packet, else of the flow's), end_ns, bytes_in and peer_rtt_ns (of the far end), every per-side
    column of FLOWS without its prefix, and start_s, end_s, ts_first_s, ts_last_s in seconds since
    the earliest packet of all, and mac_addresses (how many addresses that link address speaks
    for). Rows are in order of (address, start_ns, flow_id, side).
    """
    earliest = flows["first_ns"].min()
    origin = earliest if isinstance(earliest, int) else 0
    both = pl.concat([_half(flows, 0, _ORIG, _RESP), _half(flows, 1, _RESP, _ORIG)])
    return (
        both.filter((pl.col("pkts") > 0).any().over("address"))
        .with_columns(
            start_ns=pl.col("first_ns").fill_null(pl.col("flow_first_ns")),
            end_ns=pl.col("last_ns").fill_null(pl.col("flow_last_ns")),
        )
        .with_columns(
            start_s=(pl.col("start_ns") - origin) / 1e9,
            end_s=(pl.col("end_ns") - origin) / 1e9,
            ts_first_s=(pl.col("ts_first_ns") - origin) / 1e9,
            ts_last_s=(pl.col("ts_last_ns") - origin) / 1e9,
            mac_addresses=pl.col("address").n_unique().over("mac"),
        )
        .sort("address", "start_ns", "flow_id", "side")
    )


def _half(flows: pl.DataFrame, side: int, own: str, other: str) -> pl.DataFrame:
    per_side = [
        c.name for c in FLOWS.columns if c.name.startswith(own) and c.name[5:] not in ("h", "p")
    ]
    return flows.select(
        "flow_id",
        "proto",
        "icmp_type",
        "conn_state",
        pl.col("first_ns").alias("flow_first_ns"),
        pl.col("last_ns").alias("flow_last_ns"),
        pl.lit(side, dtype=pl.UInt8).alias("side"),
        pl.lit(side == 0).alias("initiator"),
        pl.col(f"{own}h").alias("address"),
        pl.col(f"{own}p").alias("port"),
        pl.col(f"{other}h").alias("peer"),
        pl.col(f"{other}p").alias("peer_port"),
        pl.col(f"{other}ip_bytes").alias("bytes_in"),
        pl.col(f"{other}rtt_ns").alias("peer_rtt_ns"),
        *(pl.col(name).alias(name[5:]) for name in per_side),
    )


def number(sides: pl.DataFrame) -> pl.DataFrame:
    """Sides of one address with `number` 0..n-1 in order of time."""
    return sides.with_row_index("number")


TCP = 6
CLIENT, SERVER, BOTH = "client", "server", "both"
ROLE_SHARE = 0.1
"""An address is "both" only if the rarer role has this share of its flows."""


def role_of(sides: pl.DataFrame) -> str:
    """Who opened the flows of one address: a flow whose SYN was not seen is a poor witness."""
    tcp = sides["proto"].to_numpy() == TCP
    sure = (whole(sides["n_syn"]) > 0) | (~tcp & (whole(sides["pkts"]) > 0))
    opened = sides["initiator"].to_numpy()
    share = float(np.mean(opened[sure] if sure.any() else opened))
    return CLIENT if share >= 1.0 - ROLE_SHARE else SERVER if share <= ROLE_SHARE else BOTH


def connections_of(sides: pl.DataFrame, role: str) -> frozenset[int]:
    """Numbers of the sides of one address that may found a machine: TCP; of a server, all."""
    if role == SERVER:
        return frozenset(range(sides.height))
    return frozenset(np.flatnonzero(sides["proto"].to_numpy() == TCP).tolist())


COMMON_SERVICE = 3
"""A port above 1023 is a service of its own once this many remote addresses offer it."""


def services(sides: pl.DataFrame) -> list[str]:
    """Service each side of one address uses: the remote port if common, else "scattered ports"."""
    ports, protos = sides["peer_port"].to_list(), sides["proto"].to_list()
    ends = set(zip(ports, sides["peer"].to_list(), strict=True))
    n_peers = Counter(port for port, _ in ends)
    common = {port for port, n in n_peers.items() if n >= COMMON_SERVICE}
    return [
        "ICMP"
        if proto in (1, 58)
        else f"port {port}"
        if port < 1024 or port in common
        else "scattered ports"
        for port, proto in zip(ports, protos, strict=True)
    ]
