"""Published decisions on siblings, on series whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from lab.baselines.sibling_series import OTHER, SIBLING, Series
from lab.baselines.siblings import SIBLING_METHODS, ml1, scheitle

HOURS = 10.0


def _series(ppm: float, *, offset: float = 0.0, seed: int = 1, options: str = "mss") -> Series:
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(0.0, HOURS * 3600.0, 600))
    v = np.floor(1000.0 * (t * (1.0 + ppm * 1e-6)) + offset) - rng.exponential(5.0, 600)
    return Series("192.0.2.1", t, v, options)


@pytest.mark.parametrize("method", SIBLING_METHODS)
def test_one_clock_of_one_offset_is_a_sibling(method: str) -> None:
    assert SIBLING_METHODS[method](_series(30.0), _series(30.0, seed=2)) == SIBLING


@pytest.mark.parametrize("method", SIBLING_METHODS)
def test_other_options_are_no_sibling(method: str) -> None:
    assert SIBLING_METHODS[method](_series(30.0), _series(30.0, options="ts")) == OTHER


def test_random_offsets_hide_siblings_from_those_that_compare_raw_timestamps() -> None:
    a, b = _series(30.0), _series(30.0, seed=2, offset=1e8)
    assert scheitle(a, b) == OTHER
    assert ml1(a, b) == OTHER
    assert scheitle(a, b, raw=False) == SIBLING


def test_other_slopes_are_no_sibling_by_shape() -> None:
    assert scheitle(_series(30.0), _series(-30.0, seed=2), raw=False) == OTHER


def test_an_angle_tells_next_to_nothing_of_crystals() -> None:
    """Why its precision falls where all pairs are asked: a degree is 17 ppm."""
    beverly = SIBLING_METHODS["Beverly and Berger"]
    assert beverly(_series(30.0), _series(20.0, seed=2)) == SIBLING
    assert beverly(_series(30.0), _series(-30.0, seed=2)) == OTHER
