"""Pairs of flows of one address: the probability that they are one machine's, and is it true?

`pair_probabilities` is the one place that asks the engine. It reads the report: two flows of one
device are one machine if both belong there; two of different devices are one if the devices are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container
from random import Random

import polars as pl

from bench.accuracy.answers import Material
from lab.score import Reliability, reliability
from wiretell.model.report import Report
from wiretell.stats.likelihood import probability

N_PAIRS = 1000
"""Pairs drawn of each address, so that addresses weigh alike whatever their flows."""
_SEED = 1

Side = tuple[int, int]
"""(flow_id, side)"""


def pair_reliability(of: Material) -> Reliability:
    """Pairs of assigned flows drawn with replacement, half of them of one device where it can be.

    Half, because among all pairs most are of different devices, and easy. Both halves by a seed.
    """
    owners = {
        (flow_id, side): of.drawn.flows.flows[place].device
        for flow_id, side, place in of.places.select("flow_id", "side", "place").iter_rows()
    }
    said: list[float] = []
    so: list[bool] = []
    for address in of.addresses:
        pairs = _drawn(of, address, owners.keys())
        said += pair_probabilities(of.report, address, pairs)
        so += [owners[a] == owners[b] for a, b in pairs]
    return reliability(said, so)


def _drawn(of: Material, address: str, known: Container[Side]) -> list[tuple[Side, Side]]:
    members = _members(of.report, address)
    by_device: dict[str, list[Side]] = defaultdict(list)
    assigned: list[Side] = []
    for side, (device, _) in members.items():
        if device is not None and side in known:
            by_device[device].append(side)
            assigned.append(side)
    rng = Random(_SEED)
    pairs: list[tuple[Side, Side]] = []
    several = [sides for sides in by_device.values() if len(sides) > 1]
    weights = [len(sides) for sides in several]
    if several:
        for sides in rng.choices(several, weights, k=N_PAIRS // 2):
            a, b = rng.sample(sides, 2)
            pairs.append((a, b))
    if len(by_device) > 1:
        while len(pairs) < N_PAIRS:
            a, b = rng.choices(assigned, k=2)
            if members[a][0] != members[b][0]:
                pairs.append((a, b))
    return pairs


def pair_probabilities(report: Report, address: str, pairs: list[tuple[Side, Side]]) -> list[float]:
    """For each pair of flow sides of `address` the probability that they are one machine's.

    Of one device: both belong to it. Of two: what the evidence between the devices says, and
    nought where it says nothing; the confidences of both sides scale it.
    """
    members = _members(report, address)
    between = _between(report, address)
    found: list[float] = []
    for a, b in pairs:
        (one, sure_a), (other, sure_b) = members[a], members[b]
        both = sure_a * sure_b
        if one != other:
            both *= between.get(frozenset((one, other)), 0.0)
        found.append(min(max(both, 0.0), 1.0))
    return found


def _members(report: Report, address: str) -> dict[Side, tuple[str | None, float]]:
    rows = report.members.filter(pl.col("address") == address)
    columns = rows.select("flow_id", "side", "device", "confidence")
    return {(flow, side): (name, sure) for flow, side, name, sure in columns.iter_rows()}


def _between(report: Report, address: str) -> dict[frozenset[str | None], float]:
    """Two devices -> the probability that they are one, from the bits of all arguments."""
    rows = report.evidence.filter(
        (pl.col("address") == address)
        & ~pl.col("a").str.starts_with("flow:")
        & ~pl.col("b").str.starts_with("flow:")
    )
    bits = rows.group_by("a", "b").agg(pl.col("bits").sum()).rows()
    return {frozenset((a, b)): probability(x) for a, b, x in bits}
