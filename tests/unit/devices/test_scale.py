"""The work grows with the flows and not with their square: counted, never timed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import polars as pl

from bench.flow_tables import flow_tables
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
