"""The work grows with the flows and not with their square: counted, never timed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import polars as pl
import pytest

from bench.flow_tables import flow_tables
from wiretell.devices import judge
from wiretell.devices.agglomerate import Partition
from wiretell.devices.assign import Evidence, partition
from wiretell.devices.engine import find_devices
from wiretell.signals import ALL


class Calls:
    """How many Python functions were called."""

    def __init__(self) -> None:
        self.n = 0

    def __call__(self, frame: FrameType, event: str, value: object) -> None:
        self.n += event in {"call", "c_call"}


@contextmanager
def counted() -> Iterator[Calls]:
    calls = Calls()
    sys.setprofile(calls)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def n_calls(n_flows: int) -> int:
    flows, said = flow_tables(n_flows, 10, seed=3)
    client = pl.col("orig_h") == flows["orig_h"][0]
    with counted() as calls:
        find_devices(flows.filter(client), said, ALL)
    return calls.n


def test_four_times_the_flows_are_no_ten_times_the_work() -> None:
    few, many = n_calls(1000), n_calls(4000)
    assert many < 10 * few
    assert many < 1200 * 4000


def test_parts_beyond_the_most_compared_are_attached_and_none_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flows, said = flow_tables(3000, 10, seed=3)
    flows = flows.filter(pl.col("orig_h") == flows["orig_h"][0])
    full = find_devices(flows, said, ALL)
    compared: list[int] = []

    def recorded(evidence: Evidence, parts: Sequence[Sequence[int]], **how: bool) -> Partition:
        compared.append(len(parts))
        return partition(evidence, parts, **how)

    monkeypatch.setattr(judge, "partition", recorded)
    monkeypatch.setattr(judge, "MOST_FOUNDERS", 30)
    capped = find_devices(flows, said, ALL)
    assert compared[0] == 30
    counts = [x.addresses.filter(pl.col("role") == "client") for x in (full, capped)]
    assert counts[0]["n_devices"].to_list() == counts[1]["n_devices"].to_list() == [10]
    own = [x.members.filter(pl.col("side") == 0) for x in (full, capped)]
    assert own[1].height == flows.height == own[1]["flow_id"].n_unique()
    both = own[0].join(own[1], on=["flow_id", "side"])
    shared = both.group_by("device", "device_right").len()
    same = shared.group_by("device").agg(pl.col("len").max())["len"].sum()
    assert same > 0.98 * flows.height
