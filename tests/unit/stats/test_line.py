"""Lines under one-sided noise: the hull edge is the linear program's solution."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from wiretell.stats.line import (
    Cloud,
    Line,
    bound_from_above,
    slope_errors,
    upper_hull,
)

READINGS = st.lists(
    st.tuples(st.floats(0.0, 1e4), st.floats(-1e6, 1e6)),
    min_size=2,
    max_size=60,
    unique_by=lambda p: p[0],
)


def cloud(x: np.ndarray, v: np.ndarray) -> Cloud:
    return Cloud(len(x), float(x.sum()), float(v.sum()), *upper_hull(x, v))


def late_clock(
    rng: np.random.Generator, n: int, rate: float, jitter_s: float, span_s: float
) -> tuple:
    sent = np.sort(rng.uniform(0.0, span_s, n))
    return sent + rng.exponential(jitter_s, n), np.floor(rate * sent)


def slope_error(line: Line, n: int, span: float) -> float:
    of = (np.array([float(x)]) for x in (line.slope, line.gap, n, span))
    return float(slope_errors(*of)[0])


def program_value(x: np.ndarray, v: np.ndarray) -> float:
    """Least sum of distances by SciPy's HiGHS, scaled so that it is well conditioned."""
    sx, sv = float(np.ptp(x)) or 1.0, float(np.ptp(v)) or 1.0
    xs, vs = (x - x.min()) / sx, (v - v.min()) / sv
    found = linprog(
        [xs.sum(), len(xs)],
        A_ub=-np.column_stack([xs, np.ones(len(xs))]),
        b_ub=-vs,
        bounds=[(None, None)] * 2,
    )
    return float((found.fun - vs.sum()) * sv)


@given(READINGS)
def test_bound_equals_linear_program(points: list[tuple[float, float]]) -> None:
    x, v = np.array(points).T
    if np.min(np.diff(np.sort(x))) < 1e-3:
        return
    line = bound_from_above(cloud(x, v))
    assert line is not None
    ours = float(np.sum(line.slope * x + line.intercept - v))
    assert ours == pytest.approx(program_value(x, v), rel=1e-6, abs=1e-6 * np.ptp(v))


@given(READINGS)
def test_bound_lies_above_every_reading(points: list[tuple[float, float]]) -> None:
    x, v = np.array(points).T
    line = bound_from_above(cloud(x, v))
    if line is not None:
        below = line.slope * x + line.intercept - v
        assert below.min() >= -1e-6 * max(1.0, np.abs(v).max(), abs(line.slope) * np.abs(x).max())


def test_one_reading_has_no_line() -> None:
    assert bound_from_above(cloud(np.array([1.0]), np.array([5.0]))) is None


def test_slope_error_is_of_the_right_size() -> None:
    rng = np.random.default_rng(8)
    misses, stated = [], []
    for _ in range(60):
        x, v = late_clock(rng, 600, 1000.0, 0.010, 60.0)
        line = bound_from_above(cloud(x, v))
        assert line is not None
        misses.append(line.slope / 1000.0 - 1.0)
        stated.append(slope_error(line, 600, float(np.ptp(x))))
    assert 0.5 < np.std(misses) / np.mean(stated) < 2.0


@pytest.mark.parametrize("n", [3, 4, 6, 10, 20])
def test_slope_error_of_few_readings_is_not_too_small(n: int) -> None:
    """Delays of 10 ms at 1000 Hz: about one in a hundred is off by more than four errors."""
    rng = np.random.default_rng(n)
    off = 0
    for _ in range(500):
        x = np.sort(rng.uniform(0.0, 6.5, n))
        v = np.floor(1000.0 * (x - rng.exponential(0.01, n)))
        line = bound_from_above(Cloud(n, x.sum(), v.sum(), *upper_hull(x, v)))
        assert line is not None
        error = slope_error(line, n, float(np.ptp(x)))
        off += abs(line.slope / 1000.0 - 1.0) > 4.0 * error
    assert off <= 15


def test_two_readings_tell_no_error() -> None:
    assert slope_error(Line(1000.0, 0.0, 0.0), 2, 100.0) == float("inf")


PUBLISHED = {
    # (Hz, jitter in ms): sd in ppm over 60 s at 10 packets/s, over 300 s at 2/s
    (1000, 1): (2.5, 0.46),
    (1000, 10): (7.5, 1.3),
    (1000, 50): (15.0, 2.8),
    (250, 10): (12.0, 2.9),
    (100, 10): (19.0, 3.5),
    (10, 10): (76.0, 15.0),
}
"""Skew -35 ppm, 20 ms and an exponential delay; of 60 trials each, so known to about a tenth."""


def test_standard_deviations_are_those_of_the_published_table() -> None:
    """Each cell as far as so few trials tell, and all together to a tenth."""
    rng = np.random.default_rng(42)
    ratios = []
    for (hz, jitter_ms), told in PUBLISHED.items():
        for span_s, sd_ppm in zip((60.0, 300.0), told, strict=True):
            misses = []
            for _ in range(100):
                sent = np.sort(rng.uniform(0.0, span_s, 600))
                x = sent + 0.02 + rng.exponential(jitter_ms / 1e3, 600)
                v = np.floor(hz * (1.0 - 35e-6) * sent + rng.random())
                line = bound_from_above(cloud(x, v))
                assert line is not None
                misses.append((line.slope / hz - 1.0) * 1e6)
            ratios.append(float(np.std(misses)) / sd_ppm)
    assert all(0.65 < ratio < 1.5 for ratio in ratios), ratios
    assert 0.9 < float(np.exp(np.mean(np.log(ratios)))) < 1.1, ratios
