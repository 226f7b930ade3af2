"""Wander and steps: seen where they are, not where they are not, and about as large as they are."""

from __future__ import annotations

import numpy as np
import pytest

from wiretell.stats.clock_steps import find_steps
from wiretell.stats.span_needed import further_s
from wiretell.stats.wander import rates_in_windows, smooth_curve, wander_of

Rng = np.random.Generator


def late(rng: Rng, n: int, mean_s: float = 0.002) -> np.ndarray:
    """Delays and quantisation to 1 ms, of readings that cannot be early."""
    return -rng.exponential(mean_s, n) - rng.uniform(0.0, 0.001, n)


def one_unit(n: int) -> np.ndarray:
    return np.zeros(n, dtype=np.int64)


@pytest.mark.parametrize("hull_hz", [None, 1000.0])
def test_a_steady_clock_shows_no_wander(hull_hz: float | None) -> None:
    rng = np.random.default_rng(1)
    p_values = []
    for _ in range(20):
        x = np.sort(rng.uniform(0.0, 3600.0, 1500))
        windows = rates_in_windows(x, 20e-6 * x + late(rng, 1500), one_unit(1500), hull_hz=hull_hz)
        assert windows is not None
        p_values.append(wander_of(windows).p_steady)
    assert sum(p < 1e-3 for p in p_values) <= 1


@pytest.mark.parametrize("hull_hz", [None, 1000.0])
def test_a_clock_that_warms_up_and_cools_down_is_seen_to_wander(hull_hz: float | None) -> None:
    rng = np.random.default_rng(2)
    hour = 3600.0
    x = np.sort(rng.uniform(0.0, 6.0 * hour, 6000))
    swing_ppm, turn = 0.8, 2.0 * np.pi / (3.0 * hour)
    warm = swing_ppm * 1e-6 * (1.0 - np.cos(turn * x)) / turn
    y = 5e-6 * x + warm + late(rng, 6000)
    windows = rates_in_windows(x, y, one_unit(6000), hull_hz=hull_hz)
    assert windows is not None
    wander = wander_of(windows)
    assert wander.p_steady < 1e-6
    assert wander.sd_ppm == pytest.approx(swing_ppm / 2.0**0.5, rel=0.35)
    curve = smooth_curve(x, y - 5e-6 * x, one_unit(6000), x)
    off = curve - (warm - warm.mean())
    assert np.sqrt(np.mean(off**2)) < 0.2e-3 < 0.2 * np.ptp(warm)


def test_a_random_walk_of_the_rate_is_measured() -> None:
    rng = np.random.default_rng(8)
    found = []
    for _ in range(12):
        second = np.arange(12 * 3600)
        ppm = np.cumsum(rng.normal(0.0, 2.0 / 60.0, len(second)))
        offset = np.cumsum(ppm * 1e-6)
        x = np.sort(rng.uniform(0.0, len(second) - 1.0, 6000))
        y = np.interp(x, second, offset) + late(rng, 6000)
        windows = rates_in_windows(x, y, one_unit(6000), hull_hz=None)
        assert windows is not None
        found.append(wander_of(windows).drift_ppm_per_sqrt_h or 0.0)
    assert float(np.median(found)) == pytest.approx(2.0, rel=0.25)


def test_units_with_offsets_of_their_own_share_one_curve() -> None:
    rng = np.random.default_rng(3)
    x = np.sort(rng.uniform(0.0, 7200.0, 4000))
    unit = rng.integers(0, 4, 4000)
    order = np.lexsort((x, unit))
    x, unit = x[order], unit[order]
    true = 4e-3 * np.sin(2.0 * np.pi * x / 7200.0)
    curve = smooth_curve(x, true + np.array([0.0, 5.0, -3.0, 9.0])[unit] + late(rng, 4000), unit, x)
    assert np.corrcoef(curve, true)[0, 1] > 0.98


def test_steps_are_located_with_their_sizes() -> None:
    rng = np.random.default_rng(4)
    x = np.sort(rng.uniform(0.0, 900.0, 900))
    true = np.where(x > 300.0, 0.120, 0.0) + np.where(x > 600.0, -0.035, 0.0)
    steps = find_steps(x, true + late(rng, 900), 0.001)
    assert [round(step.size_s, 2) for step in steps] == [0.12, -0.04]
    assert [x[step.index] for step in steps] == pytest.approx([300.0, 600.0], abs=5.0)


def test_a_clock_without_steps_has_none() -> None:
    rng = np.random.default_rng(5)
    for mean_s in (0.0005, 0.01, 0.05):
        for _ in range(20):
            x = np.sort(rng.uniform(0.0, 600.0, 400))
            assert find_steps(x, late(rng, 400, mean_s), 0.001) == []


def test_how_much_longer_is_right_by_going_on() -> None:
    """The spread after the time that was advised is about what was asked for."""
    rng = np.random.default_rng(6)

    def spread_ppm(span_s: float) -> float:
        slopes = []
        for _ in range(60):
            n = int(span_s * 2)
            x = np.sort(rng.uniform(0.0, span_s, n))
            y = late(rng, n, 0.01)
            windows = np.polyfit(*_upper(x, y), 1)[0]
            slopes.append(windows)
        return float(np.std(slopes)) * 1e6

    def _upper(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        from wiretell.stats.line import upper_hull

        hull_x, hull_y = upper_hull(x, y)
        edge = int(np.clip(np.searchsorted(hull_x, x.mean()) - 1, 0, len(hull_x) - 2))
        return hull_x[edge : edge + 2], hull_y[edge : edge + 2]

    now = spread_ppm(300.0)
    more = further_s(now, now / 4.0, 300.0, 600.0, 0.001, 0.0105, one_offset=True)
    assert more is not None
    assert spread_ppm(300.0 + more) == pytest.approx(now / 4.0, rel=0.45)


def test_what_cannot_be_promised_is_not() -> None:
    assert further_s(np.inf, 1.0, 10.0, 5.0, 0.001, 0.001, one_offset=True) is None
    assert further_s(0.5, 1.0, 10.0, 5.0, 0.001, 0.001, one_offset=True) == 0.0
    assert further_s(2.0, 1.0, 60.0, 9.0, 0.001, 0.0, one_offset=False) == pytest.approx(180.0)
