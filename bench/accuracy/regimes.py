"""Are timestamp rates and offset regimes right? The report's devices against the truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import polars as pl

from bench.accuracy.answers import Material, Tally

LEAST_SPAN_NS = 10 * 10**9
RATE_TOLERANCE = 0.01
"""A rate is right within this: clocks of 959 and 977 Hz are not taken for 1000 Hz."""
LEAST_FLOWS = 6
_WORDS = {
    "host": "per host",
    "pair": "per destination",
    "connection": "per connection",
    "absent": "absent",
}


def rates(of: Material, devices: Sequence[str | None]) -> Tally:
    """TCP flows with timestamps over at least 10 s, and those whose device has the right rate.

    A flow without a device, or whose device has no rate, is not right. `devices` is by place in
    the truth's flows. Behind a NAT that makes timestamps new there is nothing to be right about.
    """
    if of.drawn.rewritten:
        return Tally(0, 0)
    said = dict(of.report.devices.select("device", "clock_hz").iter_rows())
    n = n_right = 0
    for place, span_ns in _timestamps(of):
        hz = of.drawn.machines[of.drawn.flows.flows[place].device].hz
        if hz is None or span_ns < LEAST_SPAN_NS:
            continue
        found = said.get(devices[place])
        n += 1
        n_right += found is not None and abs(found / hz - 1.0) <= RATE_TOLERANCE
    return Tally(n, n_right)


def regimes(of: Material, devices: Sequence[str | None]) -> Tally:
    """Machines whose traffic can show the regime, and those whose device says the right one.

    Six connections at least, to two destinations at least, to one of them twice: with less the
    regimes look alike. The device is the one with most of the machine's connections.
    """
    if of.drawn.rewritten:
        return Tally(0, 0)
    said = dict(of.report.devices.select("device", "clock_regime").iter_rows())
    destinations: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    holders: dict[tuple[str, str], Counter[str | None]] = defaultdict(Counter)
    with_timestamps = {place for place, _ in _timestamps(of)}
    for place, flow in enumerate(of.drawn.flows.flows):
        regime = of.drawn.machines[flow.device].ts_regime
        if flow.key[0] != "tcp" or regime is None:
            continue
        if place not in with_timestamps and regime != "absent":
            continue
        machine = flow.address, flow.device
        destinations[machine][flow.key[3]] += 1
        holders[machine][devices[place]] += 1
    n = n_right = 0
    for machine, peers in destinations.items():
        if peers.total() < LEAST_FLOWS or len(peers) < 2 or max(peers.values()) < 2:
            continue
        holder, _ = holders[machine].most_common(1)[0]
        n += 1
        n_right += said.get(holder) == _WORDS[of.drawn.machines[machine[1]].ts_regime or ""]
    return Tally(n, n_right)


def _timestamps(of: Material) -> list[tuple[int, int]]:
    """(place, time between its first and last TSval) of every TCP flow side that has any."""
    sides = [
        of.report.flows.filter(pl.col(f"{side}_ts_n") > 0).select(
            "flow_id",
            pl.lit(number, pl.UInt8).alias("side"),
            (pl.col(f"{side}_ts_last_ns") - pl.col(f"{side}_ts_first_ns")).alias("span_ns"),
        )
        for number, side in enumerate(("orig", "resp"))
    ]
    found = of.places.join(pl.concat(sides), on=["flow_id", "side"])
    return found.group_by("place").agg(pl.col("span_ns").max()).sort("place").rows()
