"""Free clocks are identities, held clocks are not; rates compared over time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wiretell.stats.clock_population import (
    Measured,
    Population,
    chance_as_alike,
    population,
    same_clock_bits,
)
from wiretell.stats.drift import DriftModel

MIXED = Population(0.0, 0.5)


def test_equal_rates_of_free_clocks_speak_for_one_clock() -> None:
    rate = Measured(40.0, 0.3)
    assert same_clock_bits(rate, rate, 0.4, MIXED, MIXED) > 5.0


def test_equal_rates_of_held_clocks_say_next_to_nothing() -> None:
    rate = Measured(0.05, 0.2)
    assert abs(same_clock_bits(rate, rate, 0.4, MIXED, MIXED)) < 1.5


def test_rates_far_apart_speak_against_and_never_for_ever() -> None:
    bits = same_clock_bits(Measured(40.0, 0.1), Measured(-40.0, 0.1), 0.4, MIXED, MIXED)
    assert -9.0 < bits < -6.0


@pytest.mark.parametrize("kind", ["free", "held"])
def test_bits_are_calibrated(kind: str) -> None:
    """Of pairs with B bits, one machine's are 2**B times as many as others': by their mean.

    E[2**bits] over pairs of others is 1 if bits are true likelihood ratios.
    """
    rng = np.random.default_rng(5)
    of = population([]) if kind == "free" else Population(0.0, 0.9)
    ratios = []
    for _ in range(4000):
        held = rng.random(2) < of.held_share
        free = rng.normal(0.0, np.where(rng.random(2) < 0.9, 30.0, 100.0))
        true = np.where(held, rng.normal(0.0, 0.5, 2), free)
        a, b = (Measured(float(x), 0.5) for x in true + rng.normal(0.0, 0.5, 2))
        ratios.append(2.0 ** same_clock_bits(a, b, 0.4, of, of))
    assert 0.8 < float(np.mean(ratios)) < 1.25


def test_a_bunch_away_from_nought_is_the_observer() -> None:
    rates = [Measured(-20.0 + 0.1 * i, 0.1) for i in range(6)] + [Measured(40.0, 0.1)]
    found = population(rates)
    assert found.bunched
    assert found.centre_ppm == pytest.approx(-19.75, abs=0.3)
    assert found.held(rates[0]) > 0.8
    assert found.held(rates[-1]) < 0.01


def test_one_machine_with_several_addresses_is_not_taken_for_true_time() -> None:
    addresses = [Measured(45.0 + 0.05 * i, 0.1) for i in range(4)]
    assert not population([*addresses, Measured(12.0, 0.1), Measured(-60.0, 0.1)]).bunched
    many = [Measured(45.0 + 0.02 * i, 0.1) for i in range(9)]
    held = [Measured(0.0, 0.1), Measured(0.2, 0.1)]
    assert population([*many, *held]).centre_ppm == pytest.approx(0.0, abs=0.3)


def test_an_observer_that_is_off_is_taken_out_between_captures() -> None:
    a, b = Population(0.0, 0.5, bunched=True), Population(-20.0, 0.5, bunched=True)
    together = same_clock_bits(Measured(40.0, 0.2), Measured(20.0, 0.2), 0.4, a, b)
    assert together > 5.0
    unknown = same_clock_bits(Measured(40.0, 0.2), Measured(20.0, 0.2), 0.4, MIXED, MIXED)
    assert unknown < -3.0


def test_the_chance_to_be_as_alike_is_uniform_for_free_clocks() -> None:
    rng = np.random.default_rng(6)
    of = Population(0.0, 0.0)
    a = Measured(10.0, 0.1)
    spread = np.where(rng.random(3000) < 0.9, 30.0, 100.0)
    others = rng.normal(0.0, np.hypot(spread, 0.1))
    p = [chance_as_alike(abs(float(x) - a.ppm), a, Measured(float(x), 0.1), of) for x in others]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.015)
    assert np.mean(p) == pytest.approx(0.5, abs=0.03)


def test_held_clocks_are_alike_by_nature() -> None:
    rate = Measured(0.0, 0.1)
    assert chance_as_alike(0.001, rate, rate, MIXED) > 0.9


def test_drift_grows_with_time_as_a_random_walk() -> None:
    drift = DriftModel(walk_ppm_per_sqrt_h=0.1, wander_ppm=0.0, observer_ppm=0.0)
    assert drift.apart_ppm(4 * 3600.0) == pytest.approx(0.2)
    # Frequency walks as q sqrt(t): time is its integral, of variance q^2 t^3 / 3.
    expected_s = 0.1e-6 / math.sqrt(3600.0) * math.sqrt(7200.0**3 / 3.0)
    assert drift.ahead_s(7200.0, 0.0) == pytest.approx(expected_s)
    assert drift.ahead_s(-100.0, 2.0) > 100.0 * 2e-6
