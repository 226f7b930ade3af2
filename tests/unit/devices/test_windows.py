"""An address of very many flows: judged in windows that overlap, put together at the seams."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from bench.flow_tables import flow_tables
from wiretell.devices.engine import Findings, Result, Work, find_devices, judge_address
from wiretell.devices.why import why
from wiretell.devices.windows import Cut, Window, around, windows_of
from wiretell.signals import ALL

N_FLOWS, N_MACHINES = 4500, 6


SMALL = Cut(most=4000, window=2000, shared=400)
WHOLE = Cut(most=10**9)


def tables() -> tuple[pl.DataFrame, pl.DataFrame, str]:
    flows, said = flow_tables(N_FLOWS, N_MACHINES, seed=11)
    address = flows["orig_h"][0]
    return flows.filter(pl.col("orig_h") == address), said, str(address)


def test_few_sides_are_judged_at_once() -> None:
    assert windows_of(Cut().most) == []


@pytest.mark.parametrize("n_sides", [4001, 4999, 20_000])
def test_every_side_counts_in_one_window_only(n_sides: int) -> None:
    found = windows_of(n_sides, SMALL)
    counted = np.concatenate([np.arange(w.first, w.last) for w in found])
    assert counted.tolist() == list(range(n_sides))
    for window in found:
        assert window.end - window.begin <= 2001
        assert window.begin <= window.first < window.last <= window.end
    shared = [a.end - b.begin for a, b in pairwise(found)]
    assert set(shared) == {400}
    assert all(a.end <= c.begin for a, c in zip(found, found[2:], strict=False))


def test_flows_are_explained_within_their_windows() -> None:
    sides = pl.DataFrame({"flow_id": range(5000)})
    assert around(sides, [], SMALL).height == 5000
    near = around(sides, [0, 10], SMALL)["flow_id"]
    assert near.to_list() == list(range(len(near)))
    assert len(near) < 2001
    far = set(around(sides, [0, 4999], SMALL)["flow_id"].to_list())
    assert {0, 4999} < far
    assert len(far) < 4002


def machines(found: Findings) -> pl.DataFrame:
    return found.members.filter(pl.col("side") == 0).sort("flow_id")


def test_windows_find_the_same_machines_as_all_flows_at_once() -> None:
    flows, said, address = tables()
    several = find_devices(flows, said, ALL, cut=SMALL)
    assert not several.failed
    once = find_devices(flows, said, ALL, cut=WHOLE)
    one, other = (
        x.addresses.row(by_predicate=pl.col("address") == address, named=True)
        for x in (once, several)
    )
    assert other["n_devices"] == one["n_devices"] == N_MACHINES
    assert other["low"] <= N_MACHINES <= other["high"]
    for name in ("role", "n_flows", "n_bytes", "first_ns", "last_ns"):
        assert other[name] == one[name]
    assert "3 windows of time" in other["reasons"][-1]
    # Nothing is lost, and who belongs together does.
    assert machines(several)["flow_id"].to_list() == flows["flow_id"].to_list()
    both = machines(once).join(machines(several), on="flow_id", suffix="_w")
    pairs = Counter(both.drop_nulls(["device", "device_w"]).select("device", "device_w").rows())
    n = sum(pairs.values())
    assert n > 0.75 * len(flows)
    assert sum(max(k for (d, _), k in pairs.items() if d == x) for x, _ in pairs) > 0.97 * n
    sizes = several.devices.filter(pl.col("address") == address)["n_flows"].to_list()
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == machines(several)["device"].count()
    named = set(several.devices["device"].to_list())
    told = several.evidence.filter(pl.col("address") == address)
    ends = {end for end in (*told["a"], *told["b"]) if not end.startswith("flow:")}
    assert ends <= named


def backwards(judge: object, parts: object) -> list[Result]:
    """As processes may finish: the last window first, results in order."""
    every: list[Work] = list(parts)  # type: ignore[call-overload]
    return [judge(work) for work in every[::-1]][::-1]  # type: ignore[operator]


def test_the_order_of_work_changes_nothing() -> None:
    flows, said, _ = tables()
    wanted = find_devices(flows, said, ALL, cut=SMALL)
    found = find_devices(flows, said, ALL, spread=backwards, cut=SMALL)
    for name in ("observations", "evidence", "addresses", "devices", "members"):
        assert getattr(found, name).equals(getattr(wanted, name)), name


def test_two_flows_of_many_are_judged_among_those_of_their_times() -> None:
    flows, said, address = tables()
    judged = judge_address(address, flows, said, ALL, about=(0, 20), cut=SMALL)
    assert judged.sides.height + judged.n_left_out == len(flows)
    assert judged.n_left_out > 2000
    answer = why(judged, 0, 20)
    assert "at the times of these two" in answer.notes[0]


def test_a_window_knows_its_own_sides() -> None:
    assert Window(100, 300, 120, 280).own == slice(20, 180)
