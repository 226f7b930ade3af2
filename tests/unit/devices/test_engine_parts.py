"""Addresses judged together, apart, in any order, in other processes: one and the same result."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from bench.flow_tables import flow_tables
from wiretell.devices import part as parts_module
from wiretell.devices.engine import Findings, Spread, find_devices
from wiretell.devices.part import Part
from wiretell.signals import ALL

TABLES = ("observations", "evidence", "addresses", "devices", "members")


def tables() -> tuple[pl.DataFrame, pl.DataFrame]:
    return flow_tables(700, 16, 8, seed=5)


def check_same(found: Findings, wanted: Findings) -> None:
    for name in TABLES:
        assert_frame_equal(getattr(found, name), getattr(wanted, name), check_exact=True)
    assert found.failed == wanted.failed


def from_the_last(judge: Callable[[Part], Findings], parts: Iterable[Part]) -> list[Findings]:
    """As processes may finish: the last part first, results in order."""
    return [judge(part) for part in list(parts)[::-1]][::-1]


@pytest.mark.parametrize(("most", "spread"), [(1, from_the_last), (300, map), (10**9, map)])
def test_how_addresses_are_put_together_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, most: int, spread: Spread
) -> None:
    wanted = find_devices(*tables(), ALL)
    assert wanted.addresses.height > 30
    assert not wanted.failed  # every column that a signal reads is there
    monkeypatch.setattr(parts_module, "PART_SIDES", most)
    check_same(find_devices(*tables(), ALL, spread=spread), wanted)


@pytest.mark.parametrize("n_processes", [1, 3])
def test_the_number_of_processes_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, n_processes: int
) -> None:
    monkeypatch.setattr(parts_module, "PART_SIDES", 200)
    wanted = find_devices(*tables(), ALL)
    with ProcessPoolExecutor(n_processes, mp_context=get_context("spawn")) as pool:
        check_same(find_devices(*tables(), ALL, spread=pool.map), wanted)


def test_an_address_is_never_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def noted(judge: Callable[[Part], Findings], parts: Iterable[Part]) -> list[Findings]:
        every = list(parts)
        seen.extend(address for part in every for address in part.addresses)
        assert len(every) > 10
        return [judge(part) for part in every]

    monkeypatch.setattr(parts_module, "PART_SIDES", 5)
    found = find_devices(*tables(), ALL, spread=noted)
    assert seen == found.addresses["address"].to_list()
    assert len(set(seen)) == len(seen)
