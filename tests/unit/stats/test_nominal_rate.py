"""Measured rates against the usual ones."""

from __future__ import annotations

import numpy as np
import pytest

from wiretell.stats.nominal_rate import (
    MOST_RATES,
    candidate_rates,
    likely_rates,
    nominal_rate,
)


def candidates(*measured: tuple[float, float]) -> list[tuple[float, float]]:
    rate, error = np.array(measured, dtype=np.float64).reshape(-1, 2).T
    return candidate_rates(rate, error)


def test_candidate_rates() -> None:
    assert candidates() == []
    assert candidates((1000.03, 2e-5), (999.98, 3e-5), (958.9, 1e-4)) == [
        (959.0, pytest.approx(3e-4)),
        (1000.0, pytest.approx(3e-4)),
    ]


def test_a_flow_too_short_to_know_its_rate_proposes_none() -> None:
    assert candidates((990.0, 0.01)) == []


def test_the_rates_that_most_flows_show_are_kept() -> None:
    """Whoever sends a rate of its own in each flow must not cost a search for each."""
    alone = [(20.0 * 1.1**i, 1e-5) for i in range(100)]
    found = [rate for rate, _ in candidates(*alone, (1000.0, 1e-5), (1000.0, 1e-5))]
    assert len(found) == MOST_RATES
    assert 1000.0 in found
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("hz", "nominal"),
    [(1000.2, 1000.0), (249.99, 250.0), (959.4, 959.0), (1_000_100.0, 1e6), (10.001, 10.0)],
)
def test_nominal_rate(hz: float, nominal: float) -> None:
    assert nominal_rate(hz) == nominal


@pytest.mark.parametrize(
    ("hz", "error", "known", "likely"),
    [
        (998.1, 5e-4, [], 1000.0),  # a late first packet
        (993.0, 4e-3, [994.0], 994.0),
        (993.9, 2e-4, [], 994.0),
        (2.1, 0.06, [], 2.0),
        (700.0, 0.05, [], 0.0),
        (1000.1, 2e-4, [994.0], 1000.0),
    ],
)
def test_likely_rate(hz: float, error: float, known: list[float], likely: float) -> None:
    assert likely_rates(np.array([hz]), np.array([error]), known).tolist() == [likely]
