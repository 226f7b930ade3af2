"""Flows -> sides: one row per end of a flow, the unit that is attributed to a machine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.devices.side_columns import SideColumns, whole
from wiretell.model.tables import FLOWS
from wiretell.stats.assignment import order_of

IntArray = NDArray[np.int64]

_ORIG, _RESP = "orig_", "resp_"

JUDGED = (
    *("flow_id", "side", "initiator", "address", "port", "peer", "peer_port", "proto"),
    *("pkts", "bytes", "ip_bytes", "bytes_in", "reset", "mac", "mac_addresses"),
    *("ttl", "syn", "n_syn", "start_ns", "end_ns", "start_s", "end_s"),
    *("ipid_n", "ipid_first", "ipid_last", "ipid_zero", "ipid_same", "ipid_one", "ipid_small"),
    *("ipid_swap_one", "ipid_swap_small"),
    *("ts_n", "ts_zero", "ts_first", "ts_last", "ts_first_s", "ts_last_s", "ts_apart"),
    *("ts_sum_x", "ts_sum_v", "ts_sum_xx", "ts_hull_x", "ts_hull_v"),
)
"""What signals and this package read of a side. A third of all columns is not among them, and
need not be gathered and sent to other processes."""
_DERIVED = frozenset(
    {"start_ns", "end_ns", "start_s", "end_s", "ts_first_s", "ts_last_s", "mac_addresses"}
)
_SOURCES = ("first_ns", "last_ns", "flow_first_ns", "flow_last_ns", "ts_first_ns", "ts_last_ns")


def sides_of(flows: pl.DataFrame) -> pl.DataFrame:
    """All sides of all addresses that sent anything at all.

    A side that sent nothing (a packet to a closed door) is kept: its address sent others.
    Columns: flow_id, side (0 orig, 1 resp), initiator (it opened the flow), address, port, peer,
    peer_port, proto, icmp_type, conn_state, reset (it sent one), flow_first_ns, flow_last_ns,
    start_ns (of its first packet, else of the flow's), end_ns, bytes_in and peer_rtt_ns (of the
    far end), every per-side column of FLOWS without its prefix, and start_s, end_s, ts_first_s,
    ts_last_s in seconds since the earliest packet of all, and mac_addresses (how many addresses
    that link address speaks for). Rows are in order of (address, start_ns, flow_id, side).
    """
    every = Sides(flows)
    by_text = sorted(range(len(every.addresses)), key=lambda i: every.addresses[i])
    return every.rows(np.concatenate([every.row[:0], *(every.of(i) for i in by_text)]))


class Sides:
    """The sides of all addresses in order, as numbers: tables are made of those asked for.

    Sorting the whole table of a million flows, of 60 columns, took longer than judging a window.

    `addresses` come in order: those that opened most flows first, then by sides and text; the
    sides of address i are `starts[i]` to `starts[i + 1]`, in order of time. `row` is place of the
    flow * 2 + side.
    """

    def __init__(self, flows: pl.DataFrame) -> None:
        earliest = flows["first_ns"].min()
        self._origin = earliest if isinstance(earliest, int) else 0
        # Of lists in many pieces, as a saved report is read, rows are found twenty times as slowly.
        lists = [x.rechunk() for x in flows.get_columns() if isinstance(x.dtype, pl.List)]
        flows = flows.with_columns(lists)
        self._halves = [_half(flows, 0, _ORIG, _RESP), _half(flows, 1, _RESP, _ORIG)]
        self._mac_addresses = _mac_addresses(self._halves)
        ends = pl.concat([half["address"] for half in self._halves])
        texts = ends.unique().sort()
        code = ends.cast(pl.Enum(texts)).to_physical().to_numpy().astype(np.int64)
        code = code.reshape(2, -1).T.reshape(-1)
        sent = np.zeros(len(code), dtype=bool)
        start_ns = np.zeros(len(code), dtype=np.int64)
        for side, half in enumerate(self._halves):
            sent[side::2] = whole(half["pkts"]) > 0
            start_ns[side::2] = whole(half["first_ns"].fill_null(half["flow_first_ns"]))
        n = len(texts)
        opened, count = np.bincount(code[0::2], minlength=n), np.bincount(code, minlength=n)
        heard = np.bincount(code[sent], minlength=n) > 0
        order = np.lexsort((-count, -opened, ~heard))  # of equals by text
        place = np.empty(n, dtype=np.int64)
        place[order] = np.arange(n)
        flow_id = whole(flows["flow_id"])
        row = np.arange(len(code))
        if np.any(np.diff(flow_id) <= 0):
            row = np.argsort(np.repeat(flow_id, 2), kind="stable")
        row = row[np.argsort(start_ns[row], kind="stable")]
        row = row[order_of(place[code[row]])]
        kept = order[: np.count_nonzero(heard)]
        self.addresses: list[str] = texts[kept].to_list()
        self.starts = np.concatenate([[0], np.cumsum(count[kept])])
        self.row = row[: self.starts[-1]]

    def of(self, address: int) -> IntArray:
        """Rows of one address, by its number."""
        return self.row[self.starts[address] : self.starts[address + 1]]

    def table(self, begin: int, end: int, columns: Sequence[str] = JUDGED) -> pl.DataFrame:
        """Sides `begin` to `end`, with their `number` on their address; only these columns."""
        first = np.searchsorted(self.starts, np.arange(begin, end), side="right") - 1
        number = np.arange(begin, end) - self.starts[first]
        found = self.rows(self.row[begin:end], columns)
        return found.insert_column(0, pl.Series("number", number, pl.UInt32))

    def rows(self, row: IntArray, columns: Sequence[str] = ()) -> pl.DataFrame:
        """The sides at these rows; all columns (of `sides_of`), or those asked for."""
        derived = not columns or not _DERIVED.isdisjoint(columns)
        read = [x for x in columns if x not in _DERIVED]
        if columns and derived:
            read += [x for x in _SOURCES if x not in columns]
        is_resp = (row & 1).astype(bool)
        parts = [
            half.select(read or pl.all())[row[is_resp == bool(side)] >> 1]
            for side, half in enumerate(self._halves)
            if not len(row) or np.any(is_resp == bool(side))
        ]
        found: pl.DataFrame = pl.concat(parts)
        if len(parts) > 1 and len(row):
            found = found[np.argsort(np.argsort(is_resp, kind="stable"), kind="stable")]
        if not derived:
            return found
        counts = pl.Series("mac_addresses", self._mac_addresses[row], pl.UInt32)
        every = found.with_columns(
            start_ns=pl.col("first_ns").fill_null(pl.col("flow_first_ns")),
            end_ns=pl.col("last_ns").fill_null(pl.col("flow_last_ns")),
        ).with_columns(
            start_s=(pl.col("start_ns") - self._origin) / 1e9,
            end_s=(pl.col("end_ns") - self._origin) / 1e9,
            ts_first_s=(pl.col("ts_first_ns") - self._origin) / 1e9,
            ts_last_s=(pl.col("ts_last_ns") - self._origin) / 1e9,
            mac_addresses=counts,
        )
        return every.select(columns) if columns else every


def _mac_addresses(halves: Sequence[pl.DataFrame]) -> IntArray:
    """For each row how many addresses its link address speaks for; 0 where it has none."""
    found = np.zeros(2 * halves[0].height, dtype=np.int64)
    cards = pl.concat([half.select("mac", "address") for half in halves])
    if cards["mac"].null_count() < cards.height:
        told = cards.select(
            pl.col("address").n_unique().over("mac").mul(pl.col("mac").is_not_null())
        )
        counts = whole(told.to_series())
        found[0::2], found[1::2] = np.split(counts, 2)
    return found


def _half(flows: pl.DataFrame, side: int, own: str, other: str) -> pl.DataFrame:
    per_side = [
        c.name for c in FLOWS.columns if c.name.startswith(own) and c.name[5:] not in ("h", "p")
    ]
    return flows.select(
        "flow_id",
        "proto",
        "icmp_type",
        "conn_state",
        # Zeek writes the originator's events as capital letters.
        pl.col("history").str.contains("r" if side else "R", literal=True).alias("reset"),
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
ROLE_COLUMNS = ("proto", "n_syn", "pkts", "initiator")
"""What `role_of` looks at."""
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
