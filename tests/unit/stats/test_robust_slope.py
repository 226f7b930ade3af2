"""Robust regression: right without noise, unmoved by late readings, honest in its error."""

from __future__ import annotations

import numpy as np
import pytest

from wiretell.stats.robust_slope import robust_slopes


def test_exact_lines_of_two_subjects_with_their_own_intercepts() -> None:
    x = np.tile(np.arange(20.0), 3)
    unit = np.repeat(np.arange(3), 20)
    subject_of = np.array([0, 0, 1])
    y = np.array([3.0, 3.0, -2.0])[unit] * x + np.array([5.0, -7.0, 100.0])[unit]
    slope, error = robust_slopes(x, y, unit, subject_of)
    assert slope == pytest.approx([3.0, -2.0], abs=1e-9)
    assert np.all(error < 1e-6)


def test_a_tenth_of_readings_that_waited_long_does_not_move_it() -> None:
    rng = np.random.default_rng(3)
    x = np.sort(rng.uniform(0.0, 600.0, 400))
    y = 50e-6 * x + rng.normal(0.0, 1e-3, 400)
    late = rng.random(400) < 0.1
    unit, one = np.zeros(400, dtype=np.int64), np.zeros(1, dtype=np.int64)
    held = y - np.where(late, 0.5 * x / 600.0, 0.0)
    slope, error = robust_slopes(x, held, unit, one)
    least_squares = np.polyfit(x, held, 1)[0]
    assert abs(slope[0] - 50e-6) < 4.0 * error[0] < 4e-6
    assert abs(least_squares - 50e-6) > 20e-6


def test_its_error_is_what_repeated_trials_scatter_by() -> None:
    rng = np.random.default_rng(4)
    n_trials, n = 300, 60
    x = np.concatenate([np.sort(rng.uniform(0.0, 300.0, n)) for _ in range(n_trials)])
    y = -rng.exponential(0.01, n_trials * n)
    unit = np.repeat(np.arange(n_trials), n)
    slope, error = robust_slopes(x, y, unit, np.arange(n_trials))
    z = slope / error
    assert 0.85 < float(np.std(z)) < 1.25
    assert abs(float(np.mean(z))) < 0.2


def test_too_few_readings_have_no_error() -> None:
    slope, error = robust_slopes(
        np.array([0.0, 1.0, 2.0]), np.zeros(3), np.zeros(3, np.int64), np.zeros(1, np.int64)
    )
    assert np.isnan(slope[0])
    assert np.isinf(error[0])
    assert robust_slopes(np.zeros(0), np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))
