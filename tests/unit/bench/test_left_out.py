"""Weights are asked about traffic that they were not fitted on."""

from __future__ import annotations

from dataclasses import asdict
from random import Random

import pytest

from bench.accuracy.calibrate import Pair
from bench.accuracy.left_out import Draw, asked, fitted_on, said, table
from wiretell.devices.together import Fit

STORED = asdict(Fit(0.0, 1.0, 0.0, 0.0, 0.5, 0.99))


def draw(row: str, origins: set[str], true_share: float, seed: int) -> Draw:
    """Two flows in one crowd are one machine's in this share of the pairs."""
    rng = Random(seed)
    within = [
        Pair("within", rng.random() < true_share, weighed=(1.0, 0.0, 0.0, 0.0)) for _ in range(400)
    ]
    tied = [Pair("tied", so=True) for _ in range(50)]
    across = [Pair("across", rng.random() < 0.1, chance=0.2) for _ in range(50)]
    return Draw(row, frozenset(origins), (*within, *tied, *across))


def test_what_the_weights_say() -> None:
    assert said(Pair("tied", so=True), STORED) == 0.99
    assert said(Pair("across", so=False, chance=0.2), STORED) == pytest.approx(0.1)
    pair = Pair("within", so=True, weighed=(1.0, 0.0, 0.0, 0.0), sure=0.9, attached=0.5)
    assert said(pair, STORED) == pytest.approx(0.5 * 0.5 * 0.81)
    assert said(Pair("lone", so=True, chance=0.9), STORED) == pytest.approx(0.9)


def test_rows_that_are_alike_fit_one_another_and_one_that_is_not_shows() -> None:
    draws = [draw("A", {"A"}, 0.7, 1), draw("B", {"B"}, 0.7, 2), draw("C", {"C"}, 0.2, 3)]
    _, *lines, mean = list(table(draws, STORED))
    errors = {line.split(" | ")[0].strip("| "): float(line.split(" | ")[4]) for line in lines}
    assert set(errors) == {"A", "B", "C"}
    assert errors["C"] > 0.3 > errors["A"]
    assert "mean of 3 rows" in mean


def test_a_draw_of_several_captures_is_left_out_with_each() -> None:
    draws = [
        draw("shared", {"x.pcap", "y.pcap"}, 0.6, 1),
        draw("shared", {"y.pcap", "z.pcap"}, 0.6, 2),
        draw("A", {"A"}, 0.6, 3),
    ]
    lines = [line for line in table(draws, STORED) if ".pcap |" in line]
    assert [line.split(" | ")[1] for line in lines] == ["1", "2", "1"]


def test_fitted_weights_are_right_on_what_they_were_fitted_on() -> None:
    draws = [draw("A", {"A"}, 0.6, 1), draw("B", {"B"}, 0.6, 2)]
    assert asked(draws, fitted_on(draws)).ece() < 0.03
