"""The common mode: disciplined clocks bunch at the observer's error, free ones have a median."""

from __future__ import annotations

import numpy as np
import pytest

from wiretell.stats.common_mode import common_mode, weighed


def test_a_bunch_off_zero_is_the_observers_error() -> None:
    rng = np.random.default_rng(1)
    skew = np.concatenate([rng.normal(-12.0, 0.2, 6), rng.uniform(-50.0, 50.0, 10)])
    found = common_mode(skew, np.full(16, 0.2))
    assert found.kind == "bunch"
    assert found.ppm == pytest.approx(-12.0, abs=0.4)
    assert found.members[:6].sum() >= 5


def test_free_clocks_seldom_bunch_and_have_a_median() -> None:
    rng = np.random.default_rng(2)
    kinds = []
    for _ in range(200):
        skew = rng.uniform(-50.0, 50.0, 12) + 7.0
        kinds.append(common_mode(skew, np.full(12, 0.3)).kind)
    assert kinds.count("bunch") <= 8
    many = common_mode(rng.normal(7.0, 10.0, 60), np.full(60, 2.0))
    assert many.kind == "median"
    assert many.ppm == pytest.approx(7.0, abs=4.0 * many.error_ppm)


def test_a_median_that_would_blur_more_than_it_takes_out_is_not_taken() -> None:
    rng = np.random.default_rng(7)
    assert common_mode(rng.uniform(-50.0, 50.0, 9), np.full(9, 0.3)).kind == ""


def test_servers_of_time_are_believed_where_they_agree() -> None:
    skew, error = np.array([-6.2, -6.4, 40.0, -6.3]), np.array([0.4, 0.9, 0.2, 30.0])
    serve = np.array([True, True, False, True])
    found = common_mode(skew, error, serve)
    assert found.kind == "reference"
    assert found.ppm == pytest.approx(-6.25, abs=0.1)
    assert found.members.tolist() == [True, True, False, False]
    skew[1] = 12.0
    assert common_mode(skew, error, serve).kind == ""


def test_two_clocks_have_nothing_in_common() -> None:
    assert common_mode(np.array([1.0, 1.1]), np.array([0.1, 0.1])).kind == ""
    assert common_mode(np.zeros(0), np.zeros(0)).kind == ""


def test_one_machine_with_four_addresses_is_not_true_time() -> None:
    skew = np.array([45.0, 45.3, 45.3, 44.7, 0.2, -0.4])
    error = np.array([0.2, 0.1, 0.2, 0.3, 0.4, 0.8])
    answers = np.array([False, False, False, False, True, True])

    def kind(kept: slice, answering: np.ndarray = answers) -> str:
        found = common_mode(skew[kept], error[kept])
        assert found.kind == "bunch"
        return weighed(found, skew[kept], error[kept], answering[kept]).kind

    assert kind(slice(6)) == ""  # two servers run as the observer does
    assert kind(slice(5)) == kind(slice(4)) == "doubtful"
    assert kind(slice(4), ~answers) == "bunch"  # four servers, and none says otherwise
    assert kind(slice(6), ~answers) == "doubtful"


def test_many_clocks_away_from_the_observer_are_true_time_and_a_few_at_its_rate_too() -> None:
    error = np.full(8, 0.2)
    none = np.zeros(8, dtype=bool)
    far = np.array([-12.0, -12.1, -11.9, -12.2, -12.0, -11.8, 30.0, -44.0])
    assert weighed(common_mode(far, error), far, error, none).kind == "bunch"
    near = np.array([0.1, 0.0, -0.2, 0.3, 15.0, -30.0, 30.0, -44.0])
    assert weighed(common_mode(near, error), near, error, none).kind == "bunch"


def test_a_median_far_away_that_most_clocks_share_is_doubtful() -> None:
    skew = np.array([45.0, 45.3, 44.0, 46.0, 45.5, 44.5, 0.0, 20.0, -9.0])
    error = np.full(9, 2.0)
    found = common_mode(skew, error)
    assert found.kind == "median"
    assert weighed(found, skew, error, np.zeros(9, dtype=bool)).kind == "doubtful"
