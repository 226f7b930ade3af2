"""Counters that chance moves on with time: found, linked, and not seen in noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretell.stats.tick_counter import TICKS_HZ, Meetings, TickChains, tick_chains

MODULUS = 65536


def machines(
    n: int, seed: int, hz: int = 250, seconds: float = 600.0, goals: int = 1
) -> tuple[Meetings, np.ndarray]:
    """`n` machines that look up a name every eight seconds or so, as Linux counts; who did."""
    rng = np.random.default_rng(seed)
    rows = []
    for machine in range(n):
        for goal in range(goals):
            value, now, last = int(rng.integers(MODULUS)), float(rng.exponential(8.0)), 0.0
            while now < seconds:
                ticks = int(now * hz) - int(last * hz)
                value += 1 + (int(rng.integers(ticks)) if ticks else 0)
                rows.append((now, value % MODULUS, goal, machine))
                now, last = now + float(rng.exponential(8.0 * goals)), now
    rows.sort()
    time, value, goal, owner = (np.array(column) for column in zip(*rows, strict=True))
    return Meetings(time, time, value, value, goal, MODULUS), owner


def right(found: TickChains, owner: np.ndarray) -> np.ndarray:
    same: np.ndarray = owner[found.tail] == owner[found.head]
    return same


@pytest.mark.parametrize("hz", TICKS_HZ)
def test_the_look_ups_of_one_machine_are_one_chain(hz: int) -> None:
    items, owner = machines(1, 5, hz, seconds=400.0)
    found = tick_chains(items)
    assert found is not None
    assert found.ticks_hz == hz or {found.ticks_hz, hz} == {250, 300}
    assert len(found.tail) >= 0.85 * (len(owner) - 1)


def test_machines_are_told_apart_and_odds_hold() -> None:
    true, said, n_items = [], [], 0
    for seed in range(6):
        items, owner = machines(5, seed)
        found = tick_chains(items)
        assert found is not None
        assert found.ticks_hz in (250, 300)
        true.append(right(found, owner))
        said.append(found.bits)
        n_items += len(items)
    same, bits = np.concatenate(true), np.concatenate(said)
    assert len(same) > 0.9 * n_items
    assert same.mean() > 0.85
    sure = bits >= 4.0
    assert sure.mean() > 0.3
    assert same[sure].mean() > 0.98
    middle = (bits > 0.0) & (bits < 3.0)  # 50 to 89 % by what they say
    assert 0.5 < same[middle].mean() < 0.98


def test_counters_of_two_destinations_are_two() -> None:
    items, _ = machines(3, 1, goals=2)
    found = tick_chains(items)
    assert found is not None
    assert (items.goal[found.tail] == items.goal[found.head]).all()


@pytest.mark.parametrize("seed", range(20))
def test_random_values_are_no_counter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(0, 300, 200))
    value = rng.integers(0, MODULUS, 200)
    assert tick_chains(Meetings(time, time, value, value, np.zeros(200, int), MODULUS)) is None


def test_a_counter_that_falls_is_none() -> None:
    items, _ = machines(2, 3)
    falling = -items.first % MODULUS
    turned = Meetings(items.start_s, items.end_s, falling, falling, items.goal, MODULUS)
    assert tick_chains(turned) is None


@given(
    st.lists(
        st.tuples(st.floats(0, 1e6), st.floats(0, 100), st.integers(0, 65535), st.integers(0, 2)),
        max_size=60,
    )
)
def test_any_values_give_forward_links(rows: list[tuple[float, float, int, int]]) -> None:
    start, length, value, goal = (
        (np.array(column) for column in zip(*rows, strict=True)) if rows else [np.empty(0, int)] * 4
    )
    items = Meetings(start, start + length, value, value, goal, MODULUS)
    found = tick_chains(items)
    if found is None:
        return
    assert (items.end_s[found.tail] <= items.start_s[found.head]).all()
    assert len(set(found.tail.tolist())) == len(set(found.head.tolist())) == len(found.tail)
    assert np.isfinite(found.bits).all()
