"""Readings of wrapping counters fall on lines; late packets and wraps do not break them."""

from __future__ import annotations

import random

from wiretell.stats.counter_lines import MODULUS, Reading, chance_bits, find_lines, wrapped


def reading(item: int, clock: float, rate: float, t: float, length: float = 0.0) -> Reading:
    first, last = (int(rate * (t + d + clock)) % MODULUS for d in (0.0, length))
    return Reading(item, t, first, t + length, last)


def test_three_clocks_are_three_lines_also_over_the_wrap() -> None:
    rng = random.Random(3)
    clocks = [12.0, 5000.0, MODULUS / 1000.0 - 40.0]
    readings = [reading(i, clocks[i % 3], 1000.0, rng.uniform(0, 300), 2.0) for i in range(90)]
    lines = find_lines(readings, 1000.0, 0.15, 3e-4)
    assert sorted(sorted(i % 3 for i in line.items) for line in lines) == [
        [k] * 30 for k in range(3)
    ]


def test_one_late_packet_does_not_bend_the_line_for_the_next() -> None:
    readings = [reading(i, 100.0, 1000.0, float(i), 0.5) for i in range(20)]
    late = readings[9]
    readings[9] = Reading(9, late.t_first, late.v_first, late.t_last + 3.0, late.v_last)
    assert len(find_lines(readings, 1000.0, 0.15, 3e-4)) == 1


def test_random_constants_are_no_lines() -> None:
    rng = random.Random(4)
    readings = [reading(i, rng.uniform(0, 4e6), 1000.0, float(i)) for i in range(400)]
    assert max(len(line.items) for line in find_lines(readings, 1000.0, 0.15, 3e-4)) <= 2


def test_known_lines_are_extended_and_keep_their_place() -> None:
    first = find_lines(
        [reading(0, 7.0, 100.0, 0.0), reading(1, 7.0, 100.0, 5.0)], 100.0, 0.15, 3e-4
    )
    both = find_lines(
        [reading(2, 7.0, 100.0, 9.0), reading(3, 900.0, 100.0, 9.0)], 100.0, 0.15, 3e-4, first
    )
    assert [line.items for line in both] == [[0, 1, 2], [3]]


def test_wrapped_and_chance() -> None:
    assert wrapped(MODULUS - 1) == -1
    assert wrapped(MODULUS + 5) == 5
    # science.md: 25.4 bits at 1000 Hz and 50 ms
    assert 25.3 < chance_bits(1000.0, 0.05) < 25.5
