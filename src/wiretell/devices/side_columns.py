"""Columns of the sides of an address as lists and arrays.

Of a small address each question to a table costs more than all its rows: tables are asked once for
many addresses, and each takes its rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

NAME_QUANTITIES = ("dhcp_hostname", "mdns_name", "netbios_name")
SHOWN_QUANTITIES = (*NAME_QUANTITIES, "user_agent")
"""Observations whose texts are shown of a machine."""
COMMON_SERVICE = 3
"""A port above 1023 is a service of its own once this many remote addresses offer it."""
ICMP = (1, 58)


@dataclass(frozen=True)
class SideColumns:
    """Of one address a value per side, in order of time.

    `opened_syn` is the SYN's signature of sides that opened their flow. `said` has (number of the
    side, quantity, text) of each observation of SHOWN_QUANTITIES.
    """

    flow_id: Sequence[int]
    side: Sequence[int]
    start_s: Sequence[float]
    peer: Sequence[str]
    peer_port: Sequence[int]
    proto: Sequence[int]
    ttl: Sequence[int | None]
    opened_syn: Sequence[str | None]
    bytes_out: IntArray
    bytes_in: IntArray
    start_ns: IntArray
    end_ns: IntArray
    said: Sequence[tuple[int, str, str]]

    @property
    def n_sides(self) -> int:
        """How many there are."""
        return len(self.flow_id)

    def services(self) -> list[str]:
        """Service each side uses: the remote port if common, else "scattered ports"."""
        ends = set(zip(self.peer_port, self.peer, strict=True))
        n_peers = Counter(port for port, _ in ends)
        common = {port for port, n in n_peers.items() if n >= COMMON_SERVICE}
        words = {
            port: f"port {port}" if port < 1024 or port in common else "scattered ports"
            for port in n_peers
        }
        return [
            "ICMP" if proto in ICMP else words[port]
            for port, proto in zip(self.peer_port, self.proto, strict=True)
        ]


def columns_each(
    sides: pl.DataFrame, starts: IntArray, observations: pl.DataFrame
) -> Iterator[SideColumns]:
    """Of each address; its sides (with `number`) are rows `starts[i]` to `starts[i + 1]`."""
    names = ("flow_id", "side", "start_s", "peer", "peer_port", "proto", "ttl")
    lists: list[Any] = [sides[name].to_list() for name in names]
    lists.append(
        sides.select(pl.when("initiator").then(pl.col("syn"))).to_series().to_list(),
    )
    arrays = [whole(sides[name]) for name in ("ip_bytes", "bytes_in", "start_ns", "end_ns")]
    rows, said = _said(sides, observations)
    ends = np.searchsorted(rows, starts).tolist()
    for (begin, end), (first, last) in zip(pairwise(starts.tolist()), pairwise(ends), strict=True):
        own: list[Any] = [column[begin:end] for column in (*lists, *arrays)]
        own.append(said[first:last])
        yield SideColumns(*own)


def columns_of(sides: pl.DataFrame, observations: pl.DataFrame) -> SideColumns:
    """Of one address."""
    return next(columns_each(sides, np.array([0, sides.height]), observations))


def whole(column: pl.Series) -> IntArray:
    """A column of integers; 0 for null."""
    # Most columns have no null: of small addresses the filling would cost most of all.
    filled = column.fill_null(0) if column.null_count() else column
    return filled.to_numpy().astype(np.int64)


def _said(
    sides: pl.DataFrame, observations: pl.DataFrame
) -> tuple[IntArray, list[tuple[int, str, str]]]:
    """Rows of the sides that said something that is shown, in order, and what."""
    rows = observations.filter(
        pl.col("quantity").is_in(SHOWN_QUANTITIES) & pl.col("text").is_not_null()
    )
    if rows.is_empty():
        return np.zeros(0, dtype=np.int64), []
    keys = ["address", "flow_id", "side"]
    place = sides.select(*keys, "number").with_row_index("row")
    told = rows.join(place, on=keys, maintain_order="left").sort("row", maintain_order=True)
    texts = told.select("number", "quantity", "text").rows()
    return told["row"].to_numpy().astype(np.int64), texts
