"""One clock line per host: counting machines by TCP timestamps, independent of addresses.

Physics: a stack whose timestamp clock (RFC 7323) runs from one origin for all connections writes
one line T = Hz * (t + b) for the host, whatever address or port it uses.
Source: Bursztein: Time has something to tell us about network address translation (NordSec 2007);
Wicherski, Weingarten, Meyer: IP agnostic real-time traffic filtering and host identification using
TCP timestamps (LCN 2013). The rule is theirs; the limits below are ours.
Rule: per host (Hz, last reading). A flow goes to the host whose line is nearest to its first TSval
within a tolerance of jitter and drift over the time since, else it is a new host. Hz is the flow's
own regression, rounded to a legal rate where one is near; where a flow is too short to say, any
host's rate may fit, and a new host is taken to tick at 1000 Hz.
Blind spots: one offset per connection or per destination (Linux since 4.10, Windows, Apple today)
makes every flow or destination a host; no timestamps, no host; reboots and sleep split.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lab.baselines.line import TCP, Counted, Line

LEGAL_HZ = (1.0, 2.0, 10.0, 100.0, 128.0, 200.0, 250.0, 500.0, 512.0, 1000.0)
_USUAL_HZ = 1000.0
_NEAR_LEGAL = 0.02
_MIN_TICKS, _MIN_SPAN_S, _MIN_READINGS = 20, 2.0, 5
_JITTER_S = 0.05
_DRIFT = 200e-6
_ROUND = 1 << 32

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """A flow's clock: first and last TSval with their times (s), and its rate if it tells."""

    flow_id: int
    first_s: float
    first: int
    last_s: float
    last: int
    hz: float | None


def ts_lines(line: Line) -> Counted:
    """Hosts are clock lines; flows without timestamps are not assigned.

    An address that opened a flow has one machine at least.
    """
    machine, n_hosts = hosts_of(readings_of(line.flows))
    return Counted(max(n_hosts, int(line.flows.height > 0)), machine)


def readings_of(flows: pl.DataFrame) -> list[Reading]:
    """Clock readings of the originators, in order of their first timestamps."""
    stamped = flows.filter(
        (pl.col("proto") == TCP)
        & (pl.col("orig_ts_n") > 0)
        & pl.col("orig_ts_first").is_not_null()
        & pl.col("orig_ts_last").is_not_null()
    ).sort("orig_ts_first_ns", "flow_id")
    origin = stamped["orig_ts_first_ns"].min() if stamped.height else 0
    rows = stamped.select(
        "flow_id",
        (pl.col("orig_ts_first_ns") - origin) / 1e9,
        "orig_ts_first",
        (pl.col("orig_ts_last_ns") - origin) / 1e9,
        "orig_ts_last",
        pl.col("orig_ts_n", "orig_ts_sum_x", "orig_ts_sum_v", "orig_ts_sum_xx", "orig_ts_sum_xv"),
    )
    return [
        Reading(flow_id, first_s, first, last_s, last, rate(last_s - first_s, *sums))
        for flow_id, first_s, first, last_s, last, *sums in rows.iter_rows()
    ]


def rate(span_s: float, n: int, x: float, v: float, xx: float, xv: float) -> float | None:
    """Ticks a second by least squares, at a legal rate if within 2 % of one; None: too short."""
    spread = n * xx - x * x
    if n < _MIN_READINGS or span_s < _MIN_SPAN_S or spread <= 0.0:
        return None
    hz = (n * xv - x * v) / spread
    if not math.isfinite(hz) or hz * span_s < _MIN_TICKS:
        return None
    legal = min(LEGAL_HZ, key=lambda x: abs(math.log(x / hz)))
    return legal if abs(hz / legal - 1.0) <= _NEAR_LEGAL else hz


def hosts_of(readings: list[Reading]) -> tuple[dict[int, int], int]:
    """Which host each flow is of, and how many there are."""
    n = len(readings)
    hz: Numbers = np.zeros(n)
    time_s: Numbers = np.zeros(n)
    value: Numbers = np.zeros(n)
    machine: dict[int, int] = {}
    n_hosts = 0
    for reading in readings:
        host = _nearest(reading, hz[:n_hosts], time_s[:n_hosts], value[:n_hosts])
        if host is None:
            host, n_hosts = n_hosts, n_hosts + 1
            hz[host] = reading.hz or _USUAL_HZ
            time_s[host], value[host] = reading.first_s, reading.first
        if reading.last_s > time_s[host]:
            time_s[host], value[host] = reading.last_s, reading.last
        machine[reading.flow_id] = host
    return machine, n_hosts


def _nearest(reading: Reading, hz: Numbers, time_s: Numbers, value: Numbers) -> int | None:
    """The host whose line passes nearest to the first TSval, within the tolerance."""
    if not len(hz):
        return None
    age = reading.first_s - time_s
    off = reading.first - value - hz * age
    off_s = np.abs((off + _ROUND / 2) % _ROUND - _ROUND / 2) / hz
    fits = off_s <= _JITTER_S + 1.0 / hz + _DRIFT * np.abs(age)
    if reading.hz is not None:
        fits &= np.abs(hz / reading.hz - 1.0) <= _NEAR_LEGAL
    if not fits.any():
        return None
    return int(np.argmin(np.where(fits, off_s, np.inf)))
