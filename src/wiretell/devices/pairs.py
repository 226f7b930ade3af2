"""Tables of a report -> the probability that two flows of an address are one machine's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from wiretell.devices.together import fit
from wiretell.stats.likelihood import probability

Side = tuple[int, int]
"""(flow_id, side)"""


@dataclass(frozen=True)
class _Member:
    device: str
    confidence: float
    chain: int


@dataclass(frozen=True)
class _Device:
    """`surest` is the confidence of its surest flow: of one that it was made of."""

    surest: float
    within: float
    look: int
    across: float


def pair_probabilities(
    members: pl.DataFrame,
    devices: pl.DataFrame,
    evidence: pl.DataFrame,
    address: str,
    pairs: Sequence[tuple[Side, Side]],
) -> list[float]:
    """For each pair of flow sides of `address` the probability that they are one machine's.

    `members`, `devices` and `evidence` are tables of a report. Flows of one chain are one
    machine's. Of one device: as far as its flows keep together, and both belong there. Of two: if
    the devices are one machine, or a flow strayed among devices of one look, or one that was
    attached is another's: it may be any. A flow without a device has 0 with those of other chains.
    Raises KeyError where a side is not judged there.
    """
    own = _members(members, address)
    known = _devices(devices, own, address)
    between = _between(evidence, address)
    return [_probability(own[a], own[b], known, between) for a, b in pairs]


def _probability(
    a: _Member,
    b: _Member,
    known: Mapping[str, _Device],
    between: Mapping[frozenset[str], float],
) -> float:
    of = fit()
    if a.chain == b.chain:
        return of.tied
    if not a.device or not b.device:
        return 0.0
    one, other = known[a.device], known[b.device]
    if a.device == b.device:
        if not one.surest:
            return 0.0
        return min(one.within * _belongs(a, one) * _belongs(b, one), of.tied)
    apart = between.get(frozenset((a.device, b.device)), 0.0) * a.confidence * b.confidence
    alike = min(one.across, other.across) if one.look == other.look else 0.0
    here, there = _belongs(a, one), _belongs(b, other)
    astray = (here * (1.0 - there) + there * (1.0 - here)) / (len(known) - 1)
    return max(apart, alike, astray)


def _belongs(member: _Member, device: _Device) -> float:
    """How sure it is that this flow of the device is its own, beside those that it was made of."""
    return member.confidence / device.surest if device.surest else 0.0


def _members(members: pl.DataFrame, address: str) -> dict[Side, _Member]:
    rows = members.filter(pl.col("address") == address)
    columns = rows.select(
        "flow_id", "side", pl.col("device").fill_null(""), "confidence", "chain"
    ).iter_rows()
    return {
        (flow, side): _Member(device, sure, chain) for flow, side, device, sure, chain in columns
    }


def _devices(
    devices: pl.DataFrame, members: Mapping[Side, _Member], address: str
) -> dict[str, _Device]:
    surest: dict[str, float] = {}
    for member in members.values():
        surest[member.device] = max(surest.get(member.device, 0.0), member.confidence)
    rows = devices.filter(pl.col("address") == address)
    columns = rows.select("device", "pair_confidence", "look", "stray_confidence").iter_rows()
    return {
        device: _Device(surest.get(device, 0.0), within, look, across)
        for device, within, look, across in columns
    }


def _between(evidence: pl.DataFrame, address: str) -> dict[frozenset[str], float]:
    """Two devices -> the probability that they are one, from the bits of all arguments."""
    rows = evidence.filter(
        (pl.col("address") == address)
        & ~pl.col("a").str.starts_with("flow:")
        & ~pl.col("b").str.starts_with("flow:")
    )
    bits = rows.group_by("a", "b").agg(pl.col("bits").sum()).rows()
    return {frozenset((a, b)): probability(x) for a, b, x in bits}
