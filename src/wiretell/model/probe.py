"""What probing measured and what it sent. Its clocks are rows of `wiretell.model.clocks.CLOCKS`."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from wiretell.model.column import Column, Table

ICMP, TCP = "icmp", "tcp"
METHODS = (ICMP, TCP)
"""How a host is asked: ICMP timestamp requests, or keep-alives to a listening service."""

_U16, _U32, _U64 = pl.UInt16, pl.UInt32, pl.UInt64

PROBES = Table(
    "probes",
    "one host that was probed",
    (
        Column("address", pl.String, "its address"),
        Column("method", pl.String, "icmp or tcp"),
        Column("port", _U16, "the service that was asked, by TCP"),
        Column("stopped", pl.String, "why probing ended, in words"),
        Column("began_ns", pl.Int64, "when it was first asked", "ns"),
        Column("probed_s", pl.Float64, "from the first request to the last answer", "s"),
        Column("n_requests", _U64, "requests sent"),
        Column("n_answered", _U64, "of them answered"),
        Column("n_unanswered", _U64, "of them given up"),
        Column("n_connections", _U32, "connections opened"),
        Column("n_lines", _U32, "lines of one offset: connections, and steps of the clock"),
        Column("n_steps", _U32, "steps of the clock"),
        Column("n_packets_sent", _U64, "packets sent to it, of every kind"),
        Column("packets_sent", pl.String, "the same by kind"),
        Column("least_rtt_ms", pl.Float64, "shortest round trip", "ms"),
        Column("tick_ms", pl.Float64, "step of its stamps", "ms"),
        Column("certain_low_ppm", pl.Float64, "its skew is not less, whatever the delays", "ppm"),
        Column("certain_high_ppm", pl.Float64, "nor more, if both clocks ran evenly", "ppm"),
        Column("requests_ppm", pl.Float64, "skew by requests alone, the way there", "ppm"),
        Column("requests_se_ppm", pl.Float64, "its standard error", "ppm"),
        Column("answers_ppm", pl.Float64, "skew by answers alone, the way back", "ppm"),
        Column("answers_se_ppm", pl.Float64, "its standard error", "ppm"),
    ),
)


@dataclass(frozen=True)
class ProbeReport:
    """`clocks` as CLOCKS (a row for each host), `probes` as PROBES, in the order asked for."""

    clocks: pl.DataFrame
    probes: pl.DataFrame
    notes: tuple[str, ...] = ()
