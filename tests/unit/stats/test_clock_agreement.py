"""Agreeing rates: an identity of crystals that run free, not of clocks that NTP holds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from wiretell.stats.clock_agreement import POPULATION, agreement_bits, free_bits


def bits(x: float, y: float, error: float) -> tuple[float, float]:
    """(all clocks taken to run free, many held)."""
    told = [np.array(value) for value in (x, error, y, error)]
    return float(free_bits(*told)), float(agreement_bits(*told))


def test_near_true_time_agreement_says_little() -> None:
    free, mixed = bits(0.2, -0.1, 0.5)
    assert free > 5.0
    assert 0.0 < mixed < 1.5


def test_far_from_it_all_that_crystals_say() -> None:
    free, mixed = bits(60.0, 60.2, 0.5)
    assert mixed == free > 5.0


@pytest.mark.parametrize("x", [0.0, 60.0])
def test_a_difference_says_the_same_anywhere(x: float) -> None:
    free, mixed = bits(x, x + 10.0, 1.0)
    assert mixed == free < -20.0


@pytest.mark.parametrize(("x", "y", "e", "f"), [(0.0, 0.3, 0.6, 1.1), (-3.0, 1.0, 4.0, 3.0)])
def test_what_the_population_allows_is_the_integral_over_it(
    x: float, y: float, e: float, f: float
) -> None:
    def one(of: float) -> float:
        return float(sum(share * norm.pdf(of, 0.0, spread) for share, spread in POPULATION))

    def density(read: float, error: float) -> float:
        return float(quad(lambda r: one(r) * norm.pdf(read, r, error), -400, 400, points=[0])[0])

    both = quad(
        lambda r: one(r) * norm.pdf(x, r, e) * norm.pdf(y, r, f), -400.0, 400.0, points=[0.0]
    )[0]
    expected = np.log2(both / (density(x, e) * density(y, f)))
    told = agreement_bits(*(np.array(value) for value in (x, e, y, f)))
    assert float(told) == pytest.approx(float(expected), abs=1e-3)


def test_shapes_broadcast_and_extremes_stay_numbers() -> None:
    rows = np.array([0.0, 1e6, -1e6, 1e-9])
    found = agreement_bits(rows[:, None], np.full((4, 1), 1e-3), rows[None, :], np.full(4, 1e-3))
    assert found.shape == (4, 4)
    assert np.isfinite(found).all()
