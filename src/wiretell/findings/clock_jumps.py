"""Jumps of the capturing clock, seen against the timestamp clocks of the machines it watches.

When the capturing machine's clock is set, capture times jump and the TSvals of all connections
do not (RFC 7323, 5.4: a TSval clock only goes forward, at a rate of its own). One side alone
proves nothing; several that disagree with the capture by the same time at the same moment do.
"""

from __future__ import annotations

import polars as pl

MIN_SIDES = 3
"""Sides of flows that must tell the same."""
MIN_JUMP_NS = 200_000_000
"""Smaller ones are lost in delays and in the ticks of slow clocks."""
MIN_SHARE = 0.05
"""A jump is also more than this part of the silence around it, which rates do not explain."""
MIN_APART_NS = 50_000_000
"""Readings nearer to each other say little of a rate."""
NOMINAL_HZ = (10.0, 100.0, 250.0, 300.0, 512.0, 1000.0)
"""Rates of TSval clocks; that of a side must be near one (1024 Hz counts as 1000: the share of a
silence that a jump must exceed is larger than that)."""
NEAR = 0.15
"""How near, as a part of the rate."""
MIN_READINGS = 4
"""Steps of a side that its rate is taken from."""
TOGETHER_NS = 1_000_000_000
JUMPS = pl.Schema({"time_ns": pl.Int64, "jump_ns": pl.Int64, "n_sides": pl.UInt32})
"""When, by how much (+: the clock was set forward), how many sides tell so."""


def clock_jumps(rows: pl.DataFrame) -> pl.DataFrame:
    """Jumps in a batch of packets: columns flow_id, side, time_ns, tsval, in order of capture."""
    readings = rows.filter(pl.col("tsval") > 0).select("flow_id", "side", "time_ns", "tsval")
    side = ("flow_id", "side")
    steps = readings.with_columns(
        passed=pl.col("time_ns").diff().over(side),
        ticks=_wrapped_diff().over(side),
    ).filter(pl.col("passed").is_not_null() & (pl.col("ticks") > 0))
    rated = (
        steps.with_columns(
            hz=(1e9 * pl.col("ticks") / pl.col("passed"))
            .filter(pl.col("passed") >= MIN_APART_NS)
            .median()
            .over(side),
            n=(pl.col("passed") >= MIN_APART_NS).sum().over(side),
        )
        .filter(pl.col("n") >= MIN_READINGS)
        .with_columns(hz=_nominal(pl.col("hz")))
        .drop_nulls("hz")
    )
    odd = rated.with_columns(jump=pl.col("passed") - 1e9 * pl.col("ticks") / pl.col("hz")).filter(
        (pl.col("jump").abs() >= MIN_JUMP_NS)
        & (pl.col("jump").abs() >= MIN_SHARE * pl.col("passed").abs())
    )
    return _agreed(odd.select("flow_id", "side", "time_ns", "jump").sort("time_ns"))


def _wrapped_diff() -> pl.Expr:
    """TSval steps as signed numbers: a step back is negative, a wrap is none."""
    step = pl.col("tsval").cast(pl.Int64).diff()
    return (step + 2**31) % 2**32 - 2**31


def _nominal(hz: pl.Expr) -> pl.Expr:
    """The nominal rate that `hz` is near to; null where there is none."""
    found = pl.lit(None, dtype=pl.Float64)
    for nominal in NOMINAL_HZ:
        found = pl.when((hz / nominal - 1).abs() <= NEAR).then(nominal).otherwise(found)
    return found


def _agreed(odd: pl.DataFrame) -> pl.DataFrame:
    """Steps of different sides that disagree by the same time at about the same moment."""
    found: list[tuple[int, int, int]] = []
    waiting: list[tuple[int, float, tuple[int, int]]] = []
    for flow, side, time_ns, jump in odd.iter_rows():
        waiting = [each for each in waiting if abs(time_ns - each[0]) <= TOGETHER_NS]
        waiting.append((time_ns, jump, (flow, side)))
        alike = [each for each in waiting if abs(each[1] - jump) <= max(0.1 * abs(jump), 5e7)]
        sides = {each[2] for each in alike}
        if len(sides) < MIN_SIDES:
            continue
        median = sorted(each[1] for each in alike)[len(alike) // 2]
        same = bool(found) and alike[0][0] - found[-1][0] <= TOGETHER_NS
        entry = (found[-1][0] if same else alike[0][0], round(median), len(sides))
        found = [*found[:-1], entry] if same else [*found, entry]
    return pl.DataFrame(found, schema=JUMPS, orient="row")
