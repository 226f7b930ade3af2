"""The tables of `wiretell clocks`: clocks that were read, and their curves against time.

All rates are against the clock of the machine that captured: only differences are measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from wiretell.model.column import Column, Table

FLOW, ADDRESS, DEVICE = "flow", "address", "device"
LEVELS = (FLOW, ADDRESS, DEVICE)
"""What one clock may be of, from the finest: a flow side, an address, a machine."""

TCP_TIMESTAMP, ICMP_TIMESTAMP = "tcp_timestamp", "icmp_timestamp"
HTTP_DATE, NTP, TLS_HELLO, RTP = "http_date", "ntp", "tls_hello", "rtp"
SOURCES = (TCP_TIMESTAMP, ICMP_TIMESTAMP, HTTP_DATE, NTP, TLS_HELLO, RTP)
"""Where a clock may be read."""

_U8, _U32, _U64 = pl.UInt8, pl.UInt32, pl.UInt64

CLOCKS = Table(
    "clocks",
    "one clock of one subject (a flow side, an address or a machine), as one source shows it",
    (
        Column("clock", pl.String, "its id: subject, source, and a number where there are several"),
        Column("level", pl.String, "what it is of: flow, address or device"),
        Column("subject", pl.String, "`flow:N/SIDE`, the address, or the device's id"),
        Column("address", pl.String, "the address that showed it"),
        Column("source", pl.String, "tcp_timestamp, icmp_timestamp, http_date, ntp, ..."),
        Column("flow_id", _U64, "the flow, at level flow"),
        Column("side", _U8, "its side: 0 orig, 1 resp"),
        Column("peer", pl.String, "who it was shown to, where that is one"),
        Column("n_flows", _U64, "flow sides with readings, long enough for a rate or not"),
        Column("n_lines", _U32, "lines of one offset that the rate is measured on"),
        Column("n_readings", _U64, "readings"),
        Column("n_apart", _U64, "readings 0.1 s apart or more: with delays of their own"),
        Column("first_ns", pl.Int64, "first reading", "ns"),
        Column("last_ns", pl.Int64, "last reading", "ns"),
        Column("span_s", pl.Float64, "from the first to the last reading", "s"),
        Column("rate_hz", pl.Float64, "ticks per second of the observer", "Hz"),
        Column(
            "nominal_hz", pl.Float64, "rate it was built to tick at, as far as that shows", "Hz"
        ),
        Column(
            "skew_ppm", pl.Float64, "rate off nominal; joint linear program", "ppm", "Kohno 2005"
        ),
        Column("skew_se_ppm", pl.Float64, "its standard error", "ppm"),
        Column("robust_ppm", pl.Float64, "the same by robust regression", "ppm", "Huber, Tukey"),
        Column("robust_se_ppm", pl.Float64, "its standard error", "ppm"),
        Column("disagreement_ppm", pl.Float64, "skew_ppm - robust_ppm", "ppm", "Jiao, Zheng 2011"),
        Column("best_ppm", pl.Float64, "weighted mean of skew_ppm and robust_ppm; where they disagree, the surer one", "ppm"),
        Column("best_se_ppm", pl.Float64, "its standard error", "ppm"),
        Column("best_method", pl.String, "both, hull or regression"),
        Column(
            "quality",
            pl.String,
            "good, rough, too short, methods disagree, several clocks, steps, none",
        ),
        Column("quality_reason", pl.String, "why, in words"),
        Column(
            "common_ppm", pl.Float64, "what many clocks have in common: the observer's error", "ppm"
        ),
        Column("relative_ppm", pl.Float64, "best_ppm without common_ppm", "ppm"),
        Column("delay_ms", pl.Float64, "mean distance of the readings below the line", "ms"),
        Column(
            "offset_regime", pl.String, "per host, per destination, per connection, ..., time of day, unknown"
        ),
        Column("ahead_ms", pl.Float64, "how far a clock that tells the time is ahead of the observer", "ms"),
        Column("boot_ns", pl.Int64, "when the counter was 0, where that can be known", "ns"),
        Column("boot", pl.String, "the boot time in words, or why it cannot be known"),
        Column("wander_ppm", pl.Float64, "standard deviation of the rate beyond its errors", "ppm"),
        Column("wander_ms", pl.Float64, "peak to peak of the wander curve, slope taken out", "ms"),
        Column("drift_ppm_per_sqrt_h", pl.Float64, "random walk of the rate: its step in one hour", "ppm"),
        Column("wander", pl.String, "the wander in words"),
        Column("step_ns", pl.List(pl.Int64), "times of steps of the clock", "ns"),
        Column("step_ms", pl.List(pl.Float64), "their sizes", "ms"),
        Column("discipline", pl.String, "free, disciplined, unknown"),
        Column("discipline_reason", pl.String, "why, in words"),
        Column(
            "countermeasure",
            pl.String,
            "off, zero, constant, quantised, re-modulated, rewritten, jittered",
        ),
        Column("countermeasure_reason", pl.String, "what shows it"),
        Column("precision_ppm", pl.Float64, "wanted standard error", "ppm"),
        Column("more_s", pl.Float64, "further time for it; 0: reached; null: cannot be said", "s"),
        Column("advice", pl.String, "the same in words: another 6 minutes for ±1 ppm"),
    ),
)

CURVES = Table(
    "clock_curves",
    "the rate of a clock within one window of time, and its offset there",
    (
        Column("clock", pl.String, "which clock"),
        Column("time_ns", pl.Int64, "middle of the window", "ns"),
        Column("window_s", pl.Float64, "length of the window", "s"),
        Column("n_readings", _U64, "readings in it"),
        Column(
            "rate_ppm", pl.Float64, "rate off nominal there, all flows of the window jointly", "ppm"
        ),
        Column("rate_se_ppm", pl.Float64, "its standard error", "ppm"),
        Column("wander_ms", pl.Float64, "offset against the clock's line: smoothing spline", "ms"),
    ),
)

POINTS = Table(
    "clock_points",
    "one reading of a clock, as it is drawn",
    (
        Column("clock", pl.String, "which clock"),
        Column("flow_id", _U64, "the flow it was read in"),
        Column("side", _U8, "its side"),
        Column("time_ns", pl.Int64, "when it was captured", "ns"),
        Column(
            "offset_ms", pl.Float64, "ahead of the observer, lines of one clock laid together", "ms"
        ),
        Column("is_hull", pl.Boolean, "it is a vertex of an upper hull"),
    ),
)

READINGS = Table(
    "clock_readings",
    "one reading of a clock that is told in a packet's payload",
    (
        Column("source", pl.String, "icmp_timestamp, http_date, ntp, tls_hello, rtp"),
        Column("address", pl.String, "whose clock it is"),
        Column("peer", pl.String, "who it was told"),
        Column("stream", pl.String, "which counter of that address: an RTP source; else empty"),
        Column("time_ns", pl.Int64, "when it was captured", "ns"),
        Column("ticks", pl.Float64, "what it told, unwrapped", "ticks"),
        Column("nominal_hz", pl.Float64, "ticks per second, by the standard or as measured", "Hz"),
        Column("note", pl.String, "what is odd about its form: little-endian"),
    ),
)

CLOCK_TABLES = (CLOCKS, CURVES, POINTS)
"""Every table of a clock report, in order."""


@dataclass(frozen=True)
class ClockReport:
    """Clocks with their curves and points, and where they came from.

    `level` is one of LEVELS. `provenance` is that of the report they were read from. `notes` say
    in plain words what holds for all of them: whose error the common mode is, and the like.
    """

    clocks: pl.DataFrame
    curves: pl.DataFrame
    points: pl.DataFrame
    level: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def tables(self) -> dict[str, pl.DataFrame]:
        """Name -> table, in order."""
        return {"clocks": self.clocks, "clock_curves": self.curves, "clock_points": self.points}

    @property
    def damaged(self) -> bool:
        """True where some input was cut, corrupt or unread (exit code 1)."""
        return bool(self.provenance.get("damage"))
