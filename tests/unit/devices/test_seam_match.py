"""Groups of two windows, one to one: which, and how sure."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from wiretell.devices.seam_match import LEAST_BITS, Match, matches


def found(bits: dict[tuple[int, int], float]) -> dict[tuple[int, int], Match]:
    one, other = np.array([*bits], dtype=np.int64).reshape(-1, 2).T
    values = np.array([*bits.values()], dtype=np.float64)
    return {(m.one, m.other): m for m in matches(one, other, values)}


def test_what_nothing_rivals_is_sure() -> None:
    (match,) = found({(3, 7): 60.0}).values()
    assert match.bits == 60.0
    assert match.sure > 0.999
    assert match.rival == -1


def test_little_evidence_matches_nothing() -> None:
    assert found({(0, 1): LEAST_BITS - 0.1}) == {}
    assert list(found({(0, 1): LEAST_BITS})) == [(0, 1)]


def test_two_that_may_have_changed_places_are_told() -> None:
    pairs = found({(0, 0): 40.0, (0, 1): 38.0, (1, 0): 38.0, (1, 1): 40.0, (2, 2): 40.0})
    assert set(pairs) == {(0, 0), (1, 1), (2, 2)}
    assert pairs[0, 0].sure == pytest.approx(pairs[1, 1].sure)
    assert pairs[0, 0].sure == pytest.approx(1.0 - pairs[0, 0].exchanged, abs=0.01)
    assert 0.05 < pairs[0, 0].exchanged < 0.5
    everyone = list(pairs.values())
    assert everyone[pairs[0, 0].rival] is pairs[1, 1]
    assert pairs[2, 2].sure > 0.999


def test_a_group_left_over_is_a_rival_too() -> None:
    pairs = found({(0, 0): 40.0, (0, 1): 39.0})
    assert list(pairs) == [(0, 0)]
    assert pairs[0, 0].sure < 0.7


@pytest.mark.parametrize("seed", range(5))
def test_the_sum_is_the_greatest_there_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.uniform(20.0, 60.0, (6, 5)) * (rng.random((6, 5)) < 0.5)
    bits = {(i, j): float(table[i, j]) for i, j in zip(*np.nonzero(table), strict=True)}
    total = sum(m.bits for m in found(bits).values())
    assert total == pytest.approx(table[linear_sum_assignment(-table)].sum())
