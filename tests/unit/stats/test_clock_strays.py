"""Flows that happen to lie on a line: the more flows and lines there are, the more of them."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from wiretell.stats.clock_lines import TOLERANCE_S, ClockedFlows, ClockLine, _Taking
from wiretell.stats.clouds import Clouds, IntArray
from wiretell.stats.counter_lines import MODULUS, Readings
from wiretell.stats.late_flows import adopt_late

HZ = 1000.0


def flows(n: int, on_line: int, late_s: float = 0.0) -> ClockedFlows:
    """`n` short flows; the first `on_line` are on one line to peer 0, the last of these is not.

    That one goes to peer 1 and is late by `late_s`. All others go elsewhere, at random offsets.
    """
    rng = np.random.default_rng(3)
    t = np.concatenate([np.arange(on_line) * 20.0, rng.uniform(0.0, 200.0, n - on_line)])
    v = rng.integers(0, MODULUS, n)
    v[:on_line] = (t[:on_line] * HZ).astype(np.int64) + 5
    t[on_line - 1] += late_s
    peer: IntArray = np.full(n, 2, dtype=np.int64)
    peer[: on_line - 1], peer[on_line - 1] = 0, 1
    return ClockedFlows(
        Readings(t, v, t, v), cast(Clouds, None), peer, np.zeros(n), np.full(n, np.inf)
    )


@pytest.mark.parametrize(("n", "expected"), [(200, 12), (1_000_000, 11)])
def test_one_flow_elsewhere_makes_no_host_where_chance_brings_it(n: int, expected: int) -> None:
    taking = _Taking(flows(n, 12))
    taking.take([ClockLine(np.arange(12), HZ, 0.0, TOLERANCE_S)])
    (line,) = taking.lines
    assert line.rows.tolist() == list(range(expected))
    assert np.flatnonzero(taking.taken).tolist() == list(range(expected))


def test_two_flows_elsewhere_are_no_chance() -> None:
    of = flows(1_000_000, 12)
    of.peer[5] = 1
    taking = _Taking(of)
    taking.take([ClockLine(np.arange(12), HZ, 0.0, TOLERANCE_S)])
    assert len(taking.lines[0].rows) == 12


@pytest.mark.parametrize(("n", "expected"), [(200, [9]), (200_000, [])])
def test_late_flows_join_unless_chance_brings_as_many(n: int, expected: list[int]) -> None:
    of = flows(n, 10, late_s=2.0)
    line = ClockLine(np.arange(9), HZ, 0.0, TOLERANCE_S)
    (first,), left = adopt_late(of, [line], np.arange(9, n))
    assert first.late == expected
    assert left.tolist() == [row for row in range(9, n) if row not in expected]


def test_the_first_of_many_lines_may_be_met_as_the_last_may() -> None:
    """Of 40,000 flows one meets one of a thousand lines, which is taken before the others."""
    n, size, n_lines = 40_000, 11, 1000
    of = flows(n, 12)
    proposals = [ClockLine(np.arange(12), HZ, 0.0, TOLERANCE_S)]
    for k in range(n_lines):
        rows = np.arange(12 + k * size, 12 + (k + 1) * size)
        of.readings.v_first[rows] = (of.readings.t_first[rows] * HZ + 4e6 * k).astype(np.int64)
        of.peer[rows] = 3 + k
        proposals.append(ClockLine(rows, HZ, 0.0, TOLERANCE_S))
    taking = _Taking(of)
    taking.take(proposals)
    assert len(taking.lines) == n_lines + 1
    assert {len(line.rows) for line in taking.lines} == {size}
    few = _Taking(of)
    few.take(proposals[:1])
    assert len(few.lines[0].rows) == 12
