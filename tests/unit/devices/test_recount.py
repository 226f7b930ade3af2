"""An address of very many flows is counted twice, and the interval holds both counts."""

from __future__ import annotations

import polars as pl
import pytest

from bench.flow_tables import flow_tables
from wiretell.devices import recount
from wiretell.devices.engine import Findings, find_devices
from wiretell.devices.recount import Recount, both, part_of
from wiretell.signals import ALL
from wiretell.stats.counting import interval


def test_both_counts_are_in_the_interval() -> None:
    again = Recount(100, {50: 0.9, 51: 0.1}, {66: 0.6, 67: 0.4})
    counts = both(again)
    assert sum(counts.values()) == pytest.approx(1.0)
    assert interval(counts) == (50, 67)
    assert again.differs
    assert "all flows tell 66 machines apart, 100 consecutive ones 50" in again.words


def test_counts_that_agree_change_nothing() -> None:
    counts = {3: 0.8, 4: 0.2}
    again = Recount(100, counts, counts)
    assert both(again) == pytest.approx(counts)
    assert not again.differs


def test_only_many_sides_are_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recount, "LARGE_SIDES", 10)
    monkeypatch.setattr(recount, "PART_SIDES", 4)
    sides = pl.DataFrame({"start_s": range(11)}).with_row_index("number")
    assert part_of(sides[:10]) is None
    part = part_of(sides)
    assert part is not None
    assert part["number"].to_list() == [0, 1, 2, 3]
    assert part["start_s"].to_list() == [3, 4, 5, 6]


def found(flows: pl.DataFrame, said: pl.DataFrame) -> Findings:
    return find_devices(flows.filter(pl.col("orig_h") == flows["orig_h"][0]), said, ALL)


@pytest.mark.parametrize(("n_part", "agrees"), [(1500, True), (30, False)])
def test_the_report_says_where_a_part_counts_otherwise(
    monkeypatch: pytest.MonkeyPatch, n_part: int, agrees: bool
) -> None:
    tables = flow_tables(2000, 8, seed=4)
    once = found(*tables)
    monkeypatch.setattr(recount, "LARGE_SIDES", 1900)
    monkeypatch.setattr(recount, "PART_SIDES", n_part)
    twice = found(*tables)
    assert not twice.failed
    assert twice.members.equals(once.members)
    assert twice.devices.equals(once.devices)
    one, two = (
        x.addresses.row(by_predicate=pl.col("role") == "client", named=True) for x in (once, twice)
    )
    assert two["low"] <= one["n_devices"] <= two["high"]
    if agrees:
        assert (two["n_devices"], two["verdict"]) == (one["n_devices"], one["verdict"])
    else:
        assert two["low"] < one["low"]
        assert two["verdict"] == "partly separable"
        assert f"{n_part} consecutive ones" in two["reasons"][0]
