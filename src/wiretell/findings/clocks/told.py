"""Clocks that are told in payloads: ICMP timestamps, HTTP Date, NTP, TLS hellos, RTP.

All but RTP tell the time of day, so they also show how far a clock is ahead of the observer's,
less the way of the packet. SSH tells no time. Tables of readings become units as TCP timestamps
do (`units`): each counter has one offset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from wiretell.findings.clocks.units import Told, Unit
from wiretell.model.clocks import HTTP_DATE, NTP, READINGS, RTP, TLS_HELLO
from wiretell.signal import Clock
from wiretell.stats.joint_rate import edges_of
from wiretell.stats.line import bound_from_above
from wiretell.stats.wander import cloud_of

FEWEST = 4
"""Readings of one counter; fewer tell no rate."""
FAR_S = 3.0
"""A reading so far from the middle of all is of another clock, or a random number."""
RTP_FEWEST, RTP_LEAST_S, RTP_IN_ORDER = 50, 5.0, 0.8
"""A stream has so many packets, over so long, and this share of them in order."""
MEDIA_HZ = (8000.0, 16_000.0, 24_000.0, 32_000.0, 44_100.0, 48_000.0, 90_000.0)
MEDIA_MISS = 0.02
_QUANTITIES = {"http_date": HTTP_DATE, "ntp_transmit": NTP, "tls_hello_time": TLS_HELLO}
_HZ = {HTTP_DATE: 1.0, NTP: 1e6, TLS_HELLO: 1.0}
_DAY_MS = 86_400_000


def readings_said(observations: pl.DataFrame, flows: pl.DataFrame) -> pl.DataFrame:
    """Rows of READINGS from OBSERVATIONS of first payload bytes; `flows` as FLOWS."""
    said = observations.filter(
        pl.col("quantity").is_in(list(_QUANTITIES))
        & pl.col("value").is_finite()
        & pl.col("time_ns").is_not_null()
        & pl.col("flow_id").is_not_null()
    )
    source = pl.col("quantity").replace_strict(_QUANTITIES, return_dtype=pl.String)
    hz = source.replace_strict(_HZ, return_dtype=pl.Float64)
    return (
        said.join(flows.select("flow_id", "orig_h", "resp_h"), on="flow_id")
        .select(
            source.alias("source"),
            "address",
            pl.when(pl.col("side") == 0).then("resp_h").otherwise("orig_h").alias("peer"),
            pl.lit("").alias("stream"),
            "time_ns",
            ((pl.col("value") + pl.col("time_ns") / 1e9) * hz).round().alias("ticks"),
            hz.alias("nominal_hz"),
            pl.lit("").alias("note"),
        )
        .cast(READINGS.schema)
    )


def icmp_readings(stamps: pl.DataFrame) -> pl.DataFrame:
    """Rows of READINGS from ICMP timestamp messages (RFC 792), each the clock of its sender.

    `stamps` has src, dst, time_ns and stamp: milliseconds since midnight UTC, as sent. An
    address whose stamps only make sense with their bytes turned round sends them so. Stamps
    beyond a day (the high bit marks another unit) are left out.
    """
    rows = stamps.with_columns(turned=_turned()).with_columns(
        swapped=(pl.col("stamp") >= _DAY_MS).mean().over("src") > 0.5
    )
    rows = rows.with_columns(ms=pl.when("swapped").then("turned").otherwise("stamp")).filter(
        pl.col("ms") < _DAY_MS
    )
    of_day = (pl.col("time_ns") // 1_000_000) % _DAY_MS
    off = (pl.col("ms").cast(pl.Int64) - of_day + _DAY_MS // 2) % _DAY_MS - _DAY_MS // 2
    return rows.select(
        pl.lit("icmp_timestamp").alias("source"),
        pl.col("src").alias("address"),
        pl.col("dst").alias("peer"),
        pl.lit("").alias("stream"),
        "time_ns",
        (pl.col("time_ns") // 1_000_000 + off).cast(pl.Float64).alias("ticks"),
        pl.lit(1000.0).alias("nominal_hz"),
        pl.when("swapped").then(pl.lit("little-endian")).otherwise(pl.lit("")).alias("note"),
    ).cast(READINGS.schema)


def _turned() -> pl.Expr:
    stamp = pl.col("stamp").cast(pl.Int64)
    return pl.sum_horizontal((stamp // 256**i % 256) * 256 ** (3 - i) for i in range(4))


def rtp_readings(stamps: pl.DataFrame) -> pl.DataFrame:
    """Rows of READINGS from what looks like RTP (RFC 3550): streams that keep to its rules.

    `stamps` has src, dst, sport, dport, time_ns, ssrc, kind (payload type), seq and stamp. A
    stream is one where sequence numbers go up by one nearly always, and whose timestamps run at
    a rate that media have.
    """
    stream = pl.format(
        "{}:{}>{}:{} {} {}", "src", "sport", "dst", "dport", pl.col("ssrc"), pl.col("kind")
    )
    rows = stamps.with_columns(stream=stream).sort("stream", "time_ns", "seq")
    parts: list[pl.DataFrame] = [READINGS.empty()]
    for own in rows.partition_by("stream", maintain_order=True):
        if own.height < RTP_FEWEST:
            continue
        steps = np.diff(own["seq"].cast(pl.Int64).to_numpy()) % 65536
        if np.mean(steps == 1) < RTP_IN_ORDER:
            continue
        stamp = own["stamp"].cast(pl.Int64).to_numpy()
        moved = (np.diff(stamp) + 2**31) % 2**32 - 2**31
        ticks = np.concatenate([[0], np.cumsum(moved)]).astype(np.float64)
        span_s = (own["time_ns"][-1] - own["time_ns"][0]) / 1e9
        nominal = _media_rate(float(ticks[-1]) / span_s) if span_s > RTP_LEAST_S else None
        if nominal is None:
            continue
        parts.append(
            own.select(
                pl.lit(RTP).alias("source"),
                pl.col("src").alias("address"),
                pl.col("dst").alias("peer"),
                "stream",
                "time_ns",
                pl.Series("ticks", ticks),
                pl.lit(nominal).alias("nominal_hz"),
                pl.lit("").alias("note"),
            ).cast(READINGS.schema)
        )
    return pl.concat(parts)


def _media_rate(hz: float) -> float | None:
    nearest = min(MEDIA_HZ, key=lambda rate: abs(hz / rate - 1.0))
    return nearest if abs(hz / nearest - 1.0) <= MEDIA_MISS else None


def told_units(readings: pl.DataFrame, origin_ns: int) -> Iterator[Unit]:
    """A unit for every counter with `FEWEST` readings or more. `readings` as READINGS."""
    groups = readings.sort("address", "source", "stream", "time_ns", "ticks").group_by(
        ["address", "source", "stream"], maintain_order=True
    )
    for (address, source, _), rows in groups:
        unit = _unit(str(address), str(source), rows, origin_ns)
        if unit is not None:
            yield unit


def _unit(address: str, source: str, rows: pl.DataFrame, origin_ns: int) -> Unit | None:
    nominal = float(rows["nominal_hz"][0])
    x = (rows["time_ns"] - origin_ns).to_numpy() / 1e9
    ticks = rows["ticks"].to_numpy()
    # Seconds since 1970 times a rate have few bits left for fractions: count from the first.
    off = (ticks - ticks[0]) / nominal - (x - x[0])
    near = np.abs(off - np.median(off)) <= FAR_S
    x, ticks, off = x[near], ticks[near], off[near]
    if len(x) < FEWEST or x[-1] <= x[0]:
        return None
    v = ticks - ticks[0]
    cloud = cloud_of(x, v)
    edges, line = edges_of(cloud), bound_from_above(cloud)
    if edges is None or line is None or line.slope <= 0.0:
        return None
    rate = edges.rate
    skew, error = rate.skew_ppm(nominal)
    clock = Clock(
        sides=(),
        scope="host",
        hz=rate.hz,
        nominal_hz=nominal,
        skew_ppm=skew,
        error_ppm=error,
        n_readings=len(x),
        first_s=float(x[0]),
        last_s=float(x[-1]),
        v_first=0,
        v_last=int(v[-1]),
        peer=_one(rows["peer"].unique().to_list()),
        edges=edges,
    )
    ahead = None
    if source != RTP:
        middle = float(x.mean())
        best = float(np.max(v - rate.hz * (x - x[0])))
        at_middle = (ticks[0] + best + rate.hz * (middle - x[0])) / nominal
        ahead = at_middle - (middle + origin_ns / 1e9)
    notes = sorted(set(rows["note"].to_list()) - {""})
    told = Told(x, v, ahead, ", ".join(notes))
    return Unit(source, address, clock, (), len(x), line.gap / line.slope, told)


def _one(peers: Sequence[str]) -> str:
    return peers[0] if len(peers) == 1 else ""
