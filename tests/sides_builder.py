"""Flows of made-up machines, and the table of sides that signals read, from few arguments.

`Wire` stands for one client address. `call` adds a connection whose client side shows what the
arguments say; the server side is silent but for an answer. A column that is not set has the
value of a side that showed nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from wiretell.devices.sides import number, sides_of
from wiretell.model.tables import FLOWS
from wiretell.stats.counter_lines import MODULUS
from wiretell.stats.line import upper_hull

CLIENT = "203.0.113.7"
START_NS = 1_790_000_000_000_000_000
TCP, UDP, ICMP = 6, 17, 1
LINUX_SYN = "4:63+1:0:1460:64240,7:mss,sok,ts,nop,ws:df,id+:0"
WINDOWS_SYN = "4:127+1:0:1460:64240,8:mss,nop,ws,nop,nop,sok:df,id+:0"

ClockOf = Callable[[float], int]
"""Time in s -> TSval."""


def ticking(hz: float, offset: float = 0.0, skew_ppm: float = 0.0) -> ClockOf:
    """A clock that shows `offset` ticks at time 0."""
    return lambda t: int(offset + t * hz * (1.0 + skew_ppm * 1e-6)) % MODULUS


def ns(seconds: float) -> int:
    """Seconds of the test's axis as a capture time."""
    return START_NS + round(seconds * 1e9)


def nothing(prefix: str) -> dict[str, Any]:
    """A side that sent nothing: counts zero, lists empty, the rest null."""
    counts = ("pkts", "bytes", "ip_bytes", "n_syn", "retransmitted", "ts_hull_dropped")
    row: dict[str, Any] = {f"{prefix}_{name}": 0 for name in counts}
    for column in FLOWS.columns:
        name = column.name
        if name.startswith((f"{prefix}_ipid_", f"{prefix}_ts_")) and column.dtype != pl.Boolean:
            row.setdefault(name, 0)
    gone = ("ipid_first", "ipid_last", "ts_first", "ts_last", "ts_first_ns", "ts_last_ns")
    row |= {f"{prefix}_{name}": None for name in gone}
    return row | {f"{prefix}_ts_hull_x": [], f"{prefix}_ts_hull_v": []}


def timestamps(prefix: str, readings: list[tuple[float, int]]) -> dict[str, Any]:
    """Columns of the timestamp clock from (time in s, TSval), in order of time."""
    (t0, v0), (t1, v1) = readings[0], readings[-1]
    x = np.array([t - t0 for t, _ in readings])
    v = np.array([(value - v0 + MODULUS // 2) % MODULUS - MODULUS // 2 for _, value in readings])
    hull_x, hull_v = upper_hull(x, v.astype(np.float64))
    apart, last = 0, -1.0
    for t, _ in readings:
        if last < 0.0 or t - last >= 0.1:
            apart, last = apart + 1, t
    values = {
        "n": len(readings),
        "first": v0,
        "last": v1,
        "first_ns": ns(t0),
        "last_ns": ns(t1),
        "apart": apart,
        "sum_x": float(x.sum()),
        "sum_v": float(v.sum()),
        "sum_xx": float((x * x).sum()),
        "sum_xv": float((x * v).sum()),
        "sum_vv": float((v * v).sum()),
        "hull_x": hull_x.tolist(),
        "hull_v": hull_v.tolist(),
    }
    return {f"{prefix}_ts_syn": True} | {f"{prefix}_ts_{key}": x for key, x in values.items()}


def identifications(prefix: str, ids: list[int]) -> dict[str, Any]:
    """Columns of the IP identifications of one side's packets, in their order."""
    steps = [(b - a) % 65536 for a, b in itertools.pairwise(ids)]
    turned = [((i & 255) << 8) | (i >> 8) for i in ids]
    swaps = [(b - a) % 65536 for a, b in itertools.pairwise(turned)]
    values = {
        "n": len(ids),
        "first": ids[0],
        "last": ids[-1],
        "zero": ids.count(0),
        "same": steps.count(0),
        "one": steps.count(1),
        "small": sum(2 <= step <= 64 for step in steps),
        "swap_one": swaps.count(1),
        "swap_small": sum(2 <= step <= 64 for step in swaps),
    }
    return {f"{prefix}_ipid_{key}": x for key, x in values.items()}


@dataclass
class Wire:
    """The connections of one client address, in the order of the calls."""

    client: str = CLIENT
    rows: list[dict[str, Any]] = field(default_factory=list)

    def call(
        self,
        start_s: float,
        peer: str = "198.51.100.1",
        *,
        port: int = 40_000,
        peer_port: int = 443,
        proto: int = TCP,
        syn: str | None = LINUX_SYN,
        ttl: int = 63,
        clock: ClockOf | None = None,
        times: list[float] | None = None,
        delay: Callable[[float], float] = lambda _: 0.0,
        ids: list[int] | None = None,
        **columns: Any,
    ) -> int:
        """Adds a flow; returns its flow_id.

        `times` are when packets leave, in s after `start_s`; `delay` is what the way adds to
        each, given its time. `columns` set anything else, by the name it has in FLOWS.
        """
        leaves = [start_s + t for t in (times or [0.0, 0.5, 1.0])]
        seen = [t + delay(t) for t in leaves]
        is_tcp = proto == TCP
        row: dict[str, Any] = {
            "flow_id": len(self.rows),
            "first_packet": len(self.rows) + 1,
            "proto": proto,
            "orig_h": self.client,
            "orig_p": port,
            "resp_h": peer,
            "resp_p": peer_port,
            "first_ns": ns(seen[0]),
            "last_ns": ns(seen[-1]),
            "conn_state": "SF",
            "end_reason": "closed",
        }
        row |= nothing("orig") | nothing("resp")
        row |= {
            "orig_pkts": len(leaves),
            "orig_ip_bytes": 60 * len(leaves),
            "orig_first_ns": ns(seen[0]),
            "orig_last_ns": ns(seen[-1]),
            "orig_ttl": ttl,
            "orig_syn": syn if is_tcp else None,
            "orig_n_syn": 1 if is_tcp and syn is not None else 0,
            "resp_pkts": 1,
            "resp_n_syn": 1 if is_tcp and syn is not None else 0,
            "resp_ip_bytes": 60,
            "resp_first_ns": ns(seen[0]),
            "resp_last_ns": ns(seen[0]),
            "resp_ttl": 57,
        }
        if clock is not None:
            readings = [(s, clock(t)) for t, s in zip(leaves, seen, strict=True)]
            row |= timestamps("orig", sorted(readings))
        if ids is not None:
            row |= identifications("orig", ids)
        self.rows.append(row | columns)
        return len(self.rows) - 1

    def flows(self) -> pl.DataFrame:
        """The table of flows."""
        return FLOWS.frame(self.rows)

    def sides(self) -> pl.DataFrame:
        """The client address's sides as a signal's `score` gets them."""
        table = sides_of(self.flows()).filter(pl.col("address") == self.client)
        return number(table)
