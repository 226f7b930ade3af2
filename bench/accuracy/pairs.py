"""Pairs of flows of one address: the probability that they are one machine's, and is it true?

`pair_probabilities` is the one place that asks the engine: `wiretell.devices.pairs` reads them off
the tables of the report.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container
from random import Random

import polars as pl

from bench.accuracy.answers import Material
from lab.score import Reliability, reliability
from wiretell.devices.pairs import pair_probabilities as pairs_of
from wiretell.model.report import Report

N_PAIRS = 1000
"""Pairs drawn of each address, so that addresses weigh alike whatever their flows."""
_SEED = 1

Side = tuple[int, int]
"""(flow_id, side)"""


def pair_reliability(of: Material) -> Reliability:
    """Pairs of assigned flows drawn with replacement, half of them of one device where it can be.

    Half, because among all pairs most are of different devices, and easy. Both halves by a seed.
    """
    owners = owners_of(of)
    said: list[float] = []
    so: list[bool] = []
    for address in of.addresses:
        pairs = drawn_pairs(of, address, owners.keys())
        said += pair_probabilities(of.report, address, pairs)
        so += [owners[a] == owners[b] for a, b in pairs]
    return reliability(said, so)


def owners_of(of: Material) -> dict[Side, str]:
    """Flow side -> the machine that it is truly of."""
    return {
        (flow_id, side): of.drawn.flows.flows[place].device
        for flow_id, side, place in of.places.select("flow_id", "side", "place").iter_rows()
    }


def drawn_pairs(of: Material, address: str, known: Container[Side]) -> list[tuple[Side, Side]]:
    """The pairs of this address that are asked about; `known` are the sides with a truth."""
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
    """For each pair of flow sides of `address` the probability that they are one machine's."""
    return pairs_of(report.members, report.devices, report.evidence, address, pairs)


def _members(report: Report, address: str) -> dict[Side, tuple[str | None, float]]:
    rows = report.members.filter(pl.col("address") == address)
    columns = rows.select("flow_id", "side", "device", "confidence")
    return {(flow, side): (name, sure) for flow, side, name, sure in columns.iter_rows()}
