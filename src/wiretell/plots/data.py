"""The points to draw of one address, from the report's tables."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from wiretell.model.report import Report
from wiretell.plots.drift import Slope, drift

MAX_POINTS = 4_000
"""Points of one plot; more are thinned evenly per machine."""
NS_PER_MS = 1e6
_TAIL = 0.01
_STRETCH = 3.0


@dataclass(frozen=True)
class Series:
    """The points of one plot.

    `points` has the columns device (null: not assigned), time_ms (float, since 1970), value,
    flow_id, peer, said (the User-Agent or server name, off the wire); `n_all` counts them before
    thinning.
    """

    points: pl.DataFrame
    n_all: int


@dataclass(frozen=True)
class AddressPoints:
    """What is drawn of one address."""

    ip_ids: Series
    drift: Series
    slopes: tuple[Slope, ...]
    tsvals: Series
    syn_ports: Series


def address_points(report: Report, said: pl.DataFrame, address: str) -> AddressPoints:
    """The points of one address; `said` comes from `said_by_flow_side`."""
    judged = (
        report.members.filter(pl.col("address") == address)
        .select("flow_id", "side", "device")
        .join(said, on=["flow_id", "side"], how="left", maintain_order="left")
    )
    flows = report.flows.join(judged.select("flow_id").unique(), on="flow_id", how="semi")
    judged = judged.join(_peers(flows), on=["flow_id", "side"])
    samples = report.samples.join(judged, on=["flow_id", "side"])
    devices = report.devices.filter(pl.col("address") == address)
    drifting, slopes = drift(samples, devices)
    return AddressPoints(
        ip_ids=_series(samples, "time_ns", "ipid"),
        drift=_series(drifting, "time_ns", "drift_ms"),
        slopes=slopes,
        tsvals=_series(samples, "time_ns", "tsval"),
        syn_ports=_series(_syns(flows, judged), "first_ns", "orig_p"),
    )


def said_by_flow_side(report: Report) -> pl.DataFrame:
    """flow_id, side, said: the User-Agent of that side, else the server name it asked for."""
    return (
        report.observations.filter(
            pl.col("quantity").is_in(["user_agent", "sni"])
            & pl.col("text").is_not_null()
            & pl.col("flow_id").is_not_null()
        )
        .sort("quantity", "time_ns", descending=[True, False], maintain_order=True)
        .unique(["flow_id", "side"], keep="first", maintain_order=True)
        .select("flow_id", "side", pl.col("text").alias("said"))
    )


def robust_range(times_ms: pl.Series) -> tuple[float, float, int] | None:
    """Start and end of the time axis, and how many points lie outside; None without points.

    The whole span, unless its ends lie far from the central 98 % of the points (an absurd date):
    then those alone, with a margin.
    """
    if times_ms.is_empty():
        return None
    first, last = float(times_ms.min()), float(times_ms.max())  # type: ignore[arg-type]
    low = float(times_ms.quantile(_TAIL, "nearest") or 0.0)
    high = float(times_ms.quantile(1 - _TAIL, "nearest") or 0.0)
    far = _STRETCH * max(high - low, 1000.0)
    start = first if first >= low - far else low - 0.05 * (high - low)
    end = last if last <= high + far else high + 0.05 * (high - low)
    margin = max(0.02 * (end - start), 10.0)
    start, end = start - margin, end + margin
    outside = ((times_ms < start) | (times_ms > end)).sum()
    return start, end, int(outside)


def _series(rows: pl.DataFrame, time: str, value: str) -> Series:
    points = (
        rows.filter(pl.col(value).is_not_null())
        .sort("device", time, "flow_id", nulls_last=True, maintain_order=True)
        .select(
            "device",
            (pl.col(time) / NS_PER_MS).alias("time_ms"),
            pl.col(value).cast(pl.Float64).alias("value"),
            "flow_id",
            "peer",
            "said",
        )
    )
    n_all = points.height
    if n_all <= MAX_POINTS:
        return Series(points, n_all)
    place = pl.int_range(pl.len()).over("device")
    is_next = (place + 1) * MAX_POINTS // n_all > place * MAX_POINTS // n_all
    return Series(points.filter(is_next | (place == 0)), n_all)


def _syns(flows: pl.DataFrame, judged: pl.DataFrame) -> pl.DataFrame:
    return flows.filter((pl.col("proto") == 6) & (pl.col("orig_n_syn") > 0)).join(
        judged.filter(pl.col("side") == 0), on="flow_id"
    )


def _peers(flows: pl.DataFrame) -> pl.DataFrame:
    sides = [
        flows.select(
            "flow_id",
            pl.lit(side, pl.UInt8).alias("side"),
            pl.format("{} port {}", f"{other}_h", f"{other}_p").alias("peer"),
        )
        for side, other in ((0, "resp"), (1, "orig"))
    ]
    return pl.concat(sides)
