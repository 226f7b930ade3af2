"""Slopes that two-sided bounds allow."""

import math

import numpy as np
import pytest

from wiretell.stats.line import upper_hull
from wiretell.stats.strip import certain_slopes


def bounds(rng, slope, n=200, hull=False):
    """Bounds about a line of the slope: on or below it, and above it."""
    x = np.sort(rng.uniform(0, 100, n))
    below = x + rng.exponential(0.1, n), slope * x
    above = x - rng.exponential(0.1, n), slope * x + rng.exponential(0.5, n)
    if not hull:
        return below, above
    mirrored = upper_hull(-above[0], -above[1])
    return upper_hull(*below), (-mirrored[0], -mirrored[1])


@pytest.mark.parametrize("seed", range(20))
def test_the_true_slope_is_never_excluded(seed):
    rng = np.random.default_rng(seed)
    slope = rng.uniform(-5, 5)
    x = np.sort(rng.uniform(0, 100, 100))
    line = slope * x
    least, greatest = certain_slopes((x, line - rng.exponential(1, 100)), (x, line + 1))
    assert least <= slope <= greatest


def test_corners_of_the_hulls_are_enough():
    every = certain_slopes(*bounds(np.random.default_rng(3), 2.0))
    corners = certain_slopes(*bounds(np.random.default_rng(3), 2.0, hull=True))
    assert corners == pytest.approx(every, rel=1e-12)


def test_contradictory_bounds_leave_no_slope():
    below = np.array([0.0, 1.0, 2.0]), np.array([0.0, 5.0, 0.0])
    above = np.array([0.0, 1.0, 2.0]), np.array([1.0, 6.0, 1.0])
    least, greatest = certain_slopes(below, above)
    assert least > greatest


def test_one_moment_bounds_nothing():
    point = np.array([1.0]), np.array([5.0])
    assert certain_slopes(point, point) == (-math.inf, math.inf)
