"""The connection tracker's table at the last packet, as `conntrack -L` lists it with accounting on.

States, times left, and whether an entry was answered and is assured are the tracker's own. Entries
that timed out are gone, as they are from the kernel's table. Packets and bytes are those of the
flows between the same ends, from the entry's first on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl

from wiretell.exporter import Target
from wiretell.exporters.conntrack_list import ANSWERS, COUNTED, HAS_PORTS, conntrack_line
from wiretell.exporters.flow_columns import ICMP, lines
from wiretell.exporters.flow_writer import LineWriter

_KEY = ("proto", "src", "dst", "sport", "dport")
_COUNTERS = ("pkts", "ip_bytes", "reply_pkts", "reply_ip_bytes")


class ConntrackEntries(LineWriter):
    """The listing, when all packets are read. `entries` gives rows of `model.segments.ENTRIES`."""

    def __init__(self, target: Target, entries: Callable[[], pl.DataFrame]) -> None:
        super().__init__(target)
        self._entries = entries
        self._batches: list[pl.DataFrame] = []

    def lines(self, flows: pl.DataFrame) -> Iterator[str]:
        """Keeps what was counted."""
        self._batches.append(flows.select(COUNTED))
        return iter(())

    def ending(self, provenance: Mapping[str, Any]) -> Iterator[str]:
        """All lines, in order of the flows."""
        entries = self._entries()
        if not entries.is_empty() and self._batches:
            counted = with_counters(entries, pl.concat(self._batches))
            yield from lines(counted.select(_line()).to_series())


def with_counters(entries: pl.DataFrame, flows: pl.DataFrame) -> pl.DataFrame:
    """Entries with packets and IP bytes of both directions (`pkts`, `reply_pkts`, ...)."""
    entries = entries.with_row_index("entry")
    keyed = entries.with_columns(
        _port("proto", pl.coalesce("sport", "icmp_id")).alias("sport"),
        _port("proto", pl.col("dport"), of_icmp=False).alias("dport"),
    )
    there, back = (_directed(flows, *ends) for ends in (("orig", "resp"), ("resp", "orig")))
    summed = (
        keyed.select("entry", "flow_id", *_KEY)
        .join(pl.concat([there, back]), on=_KEY, how="inner")
        .filter(pl.col("of_flow") >= pl.col("flow_id"))
        .group_by("entry")
        .agg(pl.col(_COUNTERS).sum())
    )
    told = entries.join(summed, on="entry", how="left", maintain_order="left")
    return told.with_columns(pl.col(_COUNTERS).fill_null(0)).sort("entry")


def _port(proto: str, port: pl.Expr, *, of_icmp: bool = True) -> pl.Expr:
    """Ports, and where ICMP has one its identifier; else 0."""
    has_it = pl.col(proto).is_in(HAS_PORTS)
    if of_icmp:
        has_it |= pl.col(proto).is_in(ICMP)
    return pl.when(has_it).then(port).otherwise(0).fill_null(0).cast(pl.UInt16)


def _directed(flows: pl.DataFrame, src: str, dst: str) -> pl.DataFrame:
    """Flows as if `src` had sent the first packet of an entry."""
    # An ICMP flow has its identifier as the originator's port, whoever asked.
    sport = pl.when(pl.col("proto").is_in(ICMP)).then("orig_p").otherwise(f"{src}_p")
    return flows.select(
        "proto",
        src=pl.col(f"{src}_h"),
        dst=pl.col(f"{dst}_h"),
        sport=_port("proto", sport),
        dport=_port("proto", pl.col(f"{dst}_p"), of_icmp=False),
        of_flow="flow_id",
        pkts=f"{src}_pkts",
        ip_bytes=f"{src}_ip_bytes",
        reply_pkts=f"{dst}_pkts",
        reply_ip_bytes=f"{dst}_ip_bytes",
    )


def _line() -> pl.Expr:
    return conntrack_line(
        timeout_s=pl.col("timeout_s"),
        state=pl.col("tcp_state").str.to_uppercase(),
        there=_tuple("src", "dst", "sport", "dport", ""),
        back=_tuple("dst", "src", "dport", "sport", "reply_"),
        replied=pl.col("replied"),
        assured=pl.col("assured"),
    )


def _tuple(src: str, dst: str, sport: str, dport: str, counters: str) -> list[pl.Expr]:
    """One direction: addresses, ports or ICMP's type, code and identifier, counters."""
    asked = pl.col("icmp_type")
    kind = asked if src == "src" else asked.replace(ANSWERS)
    message = pl.format(" type={} code={} id={}", kind, "icmp_code", "icmp_id")
    ports = pl.format(" sport={} dport={}", sport, dport)
    return [
        pl.format(" src={} dst={}", src, dst),
        pl.coalesce(message, ports, pl.lit("")),
        pl.format(" packets={} bytes={}", f"{counters}pkts", f"{counters}ip_bytes"),
    ]
