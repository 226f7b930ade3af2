"""The fit of how far flows keep together."""

from __future__ import annotations

import math
import random

import pytest

from bench.accuracy.calibrate import Pair, fitted, main


def drawn(bias: float, chance: float, n: int = 6000, seed: int = 1) -> list[Pair]:
    """Pairs whose truth follows a logistic map of the chance's log odds."""
    rng = random.Random(seed)
    pairs: list[Pair] = []
    for _ in range(n):
        odds = rng.uniform(-2.0, 2.0)
        so = rng.random() < 1.0 / (1.0 + math.exp(-bias - chance * odds))
        share = 1.0 / (1.0 + math.exp(-odds))
        pairs.append(Pair("within", so, False, (1.0, odds, 0.0, 0.0), share))
    pairs += [Pair("across", i % 4 == 0, chance=0.5) for i in range(400)]
    pairs += [Pair("tied", i > 0) for i in range(998)]
    return pairs


def test_the_fit_finds_what_the_pairs_were_drawn_with() -> None:
    found = fitted([drawn(-0.5, 1.2)])
    assert found["bias"] == pytest.approx(-0.5, abs=0.1)
    assert found["chance"] == pytest.approx(1.2, abs=0.12)
    assert abs(found["held"]) + abs(found["informed"]) < 1e-3, "nothing told them"
    assert found["across"] == pytest.approx(0.5)
    assert found["tied"] == pytest.approx(0.998)


def test_lone_groups_have_no_weights() -> None:
    lone = [Pair("lone", so=False, chance=0.9) for _ in range(1000)]
    assert fitted([drawn(-0.5, 1.2), lone]) == fitted([drawn(-0.5, 1.2)])


def test_nothing_is_fitted_to_held_out_draws(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--draws", "T1=9001"])
    assert stopped.value.code == 2
    assert "for development" in capsys.readouterr().err
