"""Groups of one rate, and their chance."""

from __future__ import annotations

import numpy as np
import pytest

from wiretell.stats.clock_population import Measured, Population
from wiretell.stats.common_rate import groups_of_one_rate, holm, judged, one_rate

FREE = Population(0.0, 0.0)


def test_one_rate_is_the_weighted_mean() -> None:
    ppm, error_ppm, p_fit = one_rate([Measured(10.0, 0.1), Measured(10.4, 1.0)])
    assert ppm == pytest.approx(10.0, abs=0.02)
    assert error_ppm < 0.12
    assert p_fit > 0.5


def test_clocks_are_put_where_one_rate_fits() -> None:
    rates = [Measured(x, 0.1) for x in (45.0, -20.0, 45.1, 44.9, 80.0)]
    assert groups_of_one_rate(rates) == [[1], [3, 0, 2], [4]]


def test_chance_is_corrected_for_the_choice_among_many() -> None:
    four = [Measured(45.0 + 0.05 * i, 0.05) for i in range(4)]
    alone, among_many = judged(four, 4, FREE), judged(four, 40, FREE)
    assert alone.p_chance < among_many.p_chance < 0.01
    assert judged(four[:2], 40, FREE).p_chance > 0.01
    assert alone.bits > 15.0


def test_groups_of_independent_clocks_are_seldom_called_one() -> None:
    rng = np.random.default_rng(3)
    false = 0
    for _ in range(200):
        rates = [Measured(float(x), 0.1) for x in rng.normal(0.0, 30.0, 12)]
        found = groups_of_one_rate(rates)
        false += any(
            len(g) > 1 and judged([rates[i] for i in g], 12, FREE).p_chance < 0.05 for g in found
        )
    assert false <= 15


def test_holm_steps_down_and_never_up() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
