"""All flows as lines that look like `conntrack -L` with accounting on, by the time of their start.

A line is as the flow was at its last packet: the state that Linux would name, the whole of that
state's timeout (Linux's defaults). The state is told from Zeek's summary of the connection, as it
must be of flows that others measured; `conntrack_entries` lists what the tracker itself holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from wiretell.exporter import Target
from wiretell.exporters.flow_columns import ICMP, lines
from wiretell.exporters.flow_writer import LineWriter

_NAMES = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp", 33: "dccp", 47: "gre",
          136: "udplite"}  # fmt: skip
_STATES = {
    "S0": "SYN_SENT",
    "S1": "ESTABLISHED",
    "SF": "TIME_WAIT",
    "REJ": "CLOSE",
    "S2": "CLOSE_WAIT",
    "S3": "CLOSE_WAIT",
    "RSTO": "CLOSE",
    "RSTR": "CLOSE",
    "RSTOS0": "CLOSE",
    "RSTRH": "CLOSE",
    "SH": "FIN_WAIT",
    "SHR": "FIN_WAIT",
    "OTH": "ESTABLISHED",
}
_TIMEOUTS_S = {
    "SYN_SENT": 120,
    "ESTABLISHED": 432_000,
    "FIN_WAIT": 120,
    "CLOSE_WAIT": 60,
    "TIME_WAIT": 120,
    "CLOSE": 10,
}
_TCP_UNREPLIED_S, _UDP_S, _UDP_STREAM_S, _ICMP_S, _OTHER_S = 300, 30, 120, 30, 600
_TCP, _UDP = 6, 17
ANSWERS = {8: 0, 13: 14, 15: 16, 17: 18, 128: 129, 139: 140}
_ASKED = {answer: asked for asked, answer in ANSWERS.items()}
HAS_PORTS = (_TCP, _UDP, 33, 132, 136)
"""Protocols whose ports a line shows."""
COUNTED = (
    *("flow_id", "proto", "orig_h", "orig_p", "resp_h", "resp_p"),
    *(f"{side}_{count}" for side in ("orig", "resp") for count in ("pkts", "ip_bytes")),
)
"""Columns of flows that a line's ends and counters are made of."""
_COLUMNS = (*COUNTED, "first_ns", "icmp_type", "icmp_code", "conn_state")


class ConntrackList(LineWriter):
    """The listing, when all flows are known."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._batches: list[pl.DataFrame] = []

    def lines(self, flows: pl.DataFrame) -> Iterator[str]:
        """Keeps what a line shows."""
        self._batches.append(flows.select(_COLUMNS))
        return iter(())

    def ending(self, provenance: Mapping[str, Any]) -> Iterator[str]:
        """All lines."""
        if self._batches:
            flows = pl.concat(self._batches).sort("first_ns", "flow_id")
            yield from lines(flows.select(_entry()).to_series())


def _entry() -> pl.Expr:
    proto = pl.col("proto")
    is_tcp = proto == _TCP
    replied = (pl.col("orig_pkts") > 0) & (pl.col("resp_pkts") > 0)
    known = pl.col("conn_state").replace_strict(_STATES, default=None, return_dtype=pl.String)
    state = known.fill_null("NONE")
    is_assured = pl.when(is_tcp).then(~known.is_in(["SYN_SENT", "CLOSE"])).otherwise(proto == _UDP)
    return conntrack_line(
        timeout_s=_timeout(is_tcp, replied, known),
        state=pl.when(is_tcp).then(state),
        there=_tuple("orig", "resp"),
        back=_tuple("resp", "orig"),
        replied=replied,
        assured=replied & is_assured,
    )


def conntrack_line(
    *,
    timeout_s: pl.Expr,
    state: pl.Expr,
    there: list[pl.Expr],
    back: list[pl.Expr],
    replied: pl.Expr,
    assured: pl.Expr,
) -> pl.Expr:
    """A line of the listing; `state` is null where the protocol has none, `proto` a column."""
    proto = pl.col("proto")
    name = proto.replace_strict(_NAMES, default="unknown", return_dtype=pl.String)
    return pl.concat_str(
        name.str.pad_end(8),
        pl.lit(" "),
        proto.cast(pl.String),
        pl.lit(" "),
        timeout_s.cast(pl.String),
        pl.coalesce(pl.lit(" ") + state, pl.lit("")),
        *there,
        pl.when(replied).then(pl.lit("")).otherwise(pl.lit(" [UNREPLIED]")),
        *back,
        pl.when(assured).then(pl.lit(" [ASSURED]")).otherwise(pl.lit("")),
        pl.lit(" mark=0 use=1"),
    )


def _timeout(is_tcp: pl.Expr, replied: pl.Expr, state: pl.Expr) -> pl.Expr:
    of_state = state.replace_strict(_TIMEOUTS_S, default=_OTHER_S, return_dtype=pl.Int64)
    is_half = (state == "ESTABLISHED") & ~replied
    return (
        pl.when(is_tcp & is_half)
        .then(_TCP_UNREPLIED_S)
        .when(is_tcp)
        .then(of_state)
        .when(pl.col("proto") == _UDP)
        .then(pl.when(replied).then(_UDP_STREAM_S).otherwise(_UDP_S))
        .when(pl.col("proto").is_in(ICMP))
        .then(_ICMP_S)
        .otherwise(_OTHER_S)
    )


def _tuple(src: str, dst: str) -> list[pl.Expr]:
    """One direction: addresses, ports or ICMP's type, code and identifier, counters."""
    is_icmp = pl.col("proto").is_in(ICMP)
    has_ports = pl.col("proto").is_in(HAS_PORTS)
    asked = pl.col("icmp_type").replace(_ASKED)
    kind = asked if src == "orig" else asked.replace(ANSWERS)
    queried = asked.is_in(list(ANSWERS))
    message = pl.concat_str(
        pl.lit(" type="),
        kind.cast(pl.String),
        pl.lit(" code="),
        pl.col("icmp_code").cast(pl.String),
        pl.lit(" id="),
        pl.when(queried).then("orig_p").otherwise(0).cast(pl.String),
        ignore_nulls=True,
    )
    ports = pl.format(" sport={} dport={}", f"{src}_p", f"{dst}_p")
    return [
        pl.format(" src={} dst={}", f"{src}_h", f"{dst}_h"),
        pl.when(is_icmp).then(message).when(has_ports).then(ports).otherwise(pl.lit("")),
        pl.format(" packets={} bytes={}", f"{src}_pkts", f"{src}_ip_bytes"),
    ]
