"""Slopes that two-sided bounds allow."""

import math

import numpy as np
import pytest

from wiretell.stats.line import upper_hull
from wiretell.stats.strip import certain_slopes, likely_slope


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


def likely(below, above, gap=0.0):
    return likely_slope([(below, above)], certain_slopes(below, above), gap)


def test_the_likely_slope_is_the_mean_of_all_lines_between_the_bounds():
    """Against lines drawn at random: two gates of height 1 at x = 0 and x = 10."""
    x = np.array([0.0, 10.0])
    below, above = (x, np.array([0.0, 20.0])), (x, np.array([1.0, 21.0]))
    rng = np.random.default_rng(1)
    at_0, at_10 = rng.uniform(0, 1, 100_000), rng.uniform(20, 21, 100_000)
    drawn = (at_10 - at_0) / 10
    mean, deviation = likely(below, above)
    assert mean == pytest.approx(2.0, abs=1e-9)
    assert deviation == pytest.approx(drawn.std(), rel=0.01)


def test_room_for_the_round_trip_narrows_the_slopes():
    for seed in range(5):
        (below_x, below_v), (above_x, above_v) = bounds(np.random.default_rng(seed), 2.0)
        below, above = (below_x + 0.05, below_v), (above_x - 0.05, above_v)  # 0.1 s both ways
        wide, narrow = likely(below, above), likely(below, above, gap=0.2)
        assert narrow[1] < 0.5 * wide[1]
        assert abs(narrow[0] - 2.0) < 4 * narrow[1]


def test_two_strips_of_one_slope_tell_more_than_one():
    strips = [bounds(np.random.default_rng(seed), 2.0) for seed in (1, 2)]
    certain = [certain_slopes(*strip) for strip in strips]
    both = max(certain[0][0], certain[1][0]), min(certain[0][1], certain[1][1])
    together = likely_slope(strips, both, 0.0)
    assert together[1] < min(likely(*strip)[1] for strip in strips)
    assert abs(together[0] - 2.0) < 4 * together[1]


@pytest.mark.parametrize("certain", [(-math.inf, 1.0), (2.0, 1.0), (1.0, 1.0)])
def test_without_finite_bounds_no_slope_is_likely(certain):
    assert likely_slope([bounds(np.random.default_rng(1), 1.0)], certain, 0.0) is None
