"""Flows -> sides: one row per end of a flow, the unit that is attributed to a machine."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.devices.side_columns import SideColumns, whole
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


def in_order(sides: pl.DataFrame) -> tuple[pl.DataFrame, list[str], NDArray[np.int64]]:
    """All sides by address, numbered as `number` does; the addresses, and where each begins.

    Addresses that opened most flows come first, then by sides and text; the last of the rows
    where one begins is where all end.
    """
    opened = pl.col("initiator").sum().over("address")
    count = pl.len().over("address")
    ordered = (
        sides.with_columns(opened=opened, count=count)
        .sort(
            ["opened", "count", "address", "start_ns", "flow_id", "side"],
            descending=[True, True, False, False, False, False],
        )
        .drop("opened", "count")
    )
    runs = ordered["address"].rle().struct.unnest()
    starts = np.concatenate([[0], np.cumsum(runs["len"].to_numpy().astype(np.int64))])
    numbers = np.arange(ordered.height) - np.repeat(starts[:-1], np.diff(starts))
    numbered = ordered.insert_column(0, pl.Series("number", numbers, pl.UInt32))
    return numbered, runs["value"].to_list(), starts


TCP = 6
CLIENT, SERVER, BOTH = "client", "server", "both"
ROLE_SHARE = 0.1
"""An address is "both" only if the rarer role has this share of its flows."""


def role_of(sides: pl.DataFrame) -> str:
    """Who opened the flows of one address: a flow whose SYN was not seen is a poor witness."""
    return roles_of(sides, np.array([0, sides.height]))[0]


def roles_of(sides: pl.DataFrame, starts: NDArray[np.int64]) -> list[str]:
    """`role_of` of several addresses, whose sides are the rows `starts[i]` to `starts[i + 1]`."""
    tcp = sides["proto"].to_numpy() == TCP
    sure = (whole(sides["n_syn"]) > 0) | (~tcp & (whole(sides["pkts"]) > 0))
    opened = sides["initiator"].to_numpy()
    n, n_sure, n_opened, n_sure_opened = (
        np.add.reduceat(of, starts[:-1], dtype=np.int64)
        for of in (np.ones(len(sure), dtype=bool), sure, opened, sure & opened)
    )
    share = np.where(n_sure > 0, n_sure_opened / np.maximum(n_sure, 1), n_opened / n)
    return [
        CLIENT if each >= 1.0 - ROLE_SHARE else SERVER if each <= ROLE_SHARE else BOTH
        for each in share.tolist()
    ]


def connections_of(columns: SideColumns, role: str) -> frozenset[int]:
    """Numbers of the sides of one address that may found a machine: TCP; of a server, all."""
    if role == SERVER:
        return frozenset(range(columns.n_sides))
    return frozenset(n for n, proto in enumerate(columns.proto) if proto == TCP)
