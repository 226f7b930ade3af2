"""Readings of wrapping counters fall on lines; late packets and wraps do not break them."""

from __future__ import annotations

import random

import numpy as np
import pytest

from wiretell.stats.counter_lines import (
    MODULUS,
    Readings,
    ahead_s,
    chance_bits,
    find_lines,
    grow,
    wrapped,
)

TOLERANCE_S, DRIFT = 0.15, 3e-4


def readings(clocks: list[float], rate: float, times: list[float], length: float = 0.0) -> Readings:
    """Flow i starts at `times[i]` and reads a clock that is `clocks[i]` s ahead."""
    t, clock = np.array(times), np.array(clocks)
    first, last = (np.floor(rate * (t + d + clock)).astype(np.int64) % MODULUS for d in (0, length))
    return Readings(t, first, t + length, last)


def lines(of: Readings, rate: float = 1000.0) -> list[list[int]]:
    found = find_lines(of, np.arange(len(of.t_first)), rate, TOLERANCE_S, DRIFT)
    return sorted(line.tolist() for line in found)


def slowly(of: Readings, rate: float = 1000.0) -> list[list[int]]:
    """The same, one reading after the other."""
    found = grow(of, np.arange(len(of.t_first)), rate, TOLERANCE_S, DRIFT)
    return sorted(line.items for line in found if len(line.items) > 1)


def test_three_clocks_are_three_lines_also_over_the_wrap() -> None:
    rng = random.Random(3)
    clocks = [12.0, 5000.0, MODULUS / 1000.0 - 40.0]
    times = [rng.uniform(0, 300) for _ in range(90)]
    found = lines(readings([clocks[i % 3] for i in range(90)], 1000.0, times, 2.0))
    assert sorted(sorted(i % 3 for i in line) for line in found) == [[k] * 30 for k in range(3)]


def test_one_late_packet_does_not_bend_the_line_for_the_next() -> None:
    of = readings([100.0] * 20, 1000.0, [float(i) for i in range(20)], 0.5)
    of.t_last[9] += 3.0
    assert lines(of) == [list(range(20))]


def test_a_late_flow_is_left_out_and_the_line_goes_on() -> None:
    of = readings([100.0] * 20, 1000.0, [float(i) for i in range(20)], 0.5)
    of.t_first[9] += 0.4
    of.t_last[9] += 0.4
    assert lines(of) == [[i for i in range(20) if i != 9]]


def test_random_constants_are_no_lines() -> None:
    rng = random.Random(4)
    of = readings([rng.uniform(0, 4e6) for _ in range(400)], 1000.0, [float(i) for i in range(400)])
    assert max((len(line) for line in lines(of)), default=1) <= 2


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("rate", [1000.0, 100.0, 1e6])
def test_at_once_or_one_after_the_other_is_the_same(seed: int, rate: float) -> None:
    """Clocks of several kinds, crowded at random, with late packets and wrong rates among them."""
    rng = random.Random(seed)
    hosts = [rng.uniform(0, MODULUS / rate) for _ in range(6)]
    hosts += [hosts[0] + rng.uniform(-2.0, 2.0)]
    clocks = [rng.choice(hosts) if rng.random() < 0.6 else rng.uniform(0, 400) for _ in range(500)]
    clocks = [c - (rng.expovariate(5.0) if rng.random() < 0.1 else 0.0) for c in clocks]
    times = [rng.uniform(0, 2000) for _ in range(500)]
    true_rate = rate * (1.024 if seed % 4 == 3 else 1.0)
    of = readings(clocks, true_rate, times, 3.0)
    assert lines(of, rate) == slowly(of, rate)


def test_known_lines_are_extended_and_keep_their_place() -> None:
    of = readings([7.0, 7.0, 7.0, 900.0], 100.0, [0.0, 5.0, 9.0, 9.0])
    both = grow(of, np.array([2, 3]), 100.0, TOLERANCE_S, DRIFT, [np.array([0, 1])])
    assert [line.items for line in both] == [[0, 1, 2], [3]]


def test_nothing_and_one() -> None:
    of = readings([7.0], 100.0, [0.0])
    assert lines(of) == []
    assert find_lines(of, np.array([], dtype=np.int64), 100.0, TOLERANCE_S, DRIFT) == []


def test_wrapped_and_chance() -> None:
    assert wrapped(MODULUS - 1) == -1
    assert wrapped(MODULUS + 5) == 5
    assert ahead_s(np.array([2.0]), np.array([2100 - MODULUS]), 1000.0).tolist() == [0.1]
    # science.md: 25.4 bits at 1000 Hz and 50 ms
    assert 25.3 < chance_bits(1000.0, 0.05) < 25.5
