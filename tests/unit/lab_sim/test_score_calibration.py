"""Calibration, intervals and counts, with values worked out by hand."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lab.score import (
    coverage_by_lot,
    interval_coverage,
    nothing_said,
    reliability,
    score_counts,
)


def test_expected_calibration_error_by_hand():
    # bin 0.8: said .8 .8 .9-eps, two of three so; bin 0.2: said .25, not so
    found = reliability([0.8, 0.8, 0.86, 0.25], [True, True, False, False])
    assert found.n.tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 3, 0]
    assert found.so.tolist() == [0, 0, 0, 0, 0, 0, 0, 0, 2, 0]
    in_eighth = abs(2 / 3 - (0.8 + 0.8 + 0.86) / 3)
    assert found.ece() == pytest.approx(3 / 4 * in_eighth + 1 / 4 * 0.25)


def test_reliabilities_add_up():
    said, so = [0.05, 0.5, 0.95, 1.0, 0.0], [False, True, True, True, True]
    whole = reliability(said, so)
    parts = reliability(said[:2], so[:2]) + reliability(said[2:], so[2:]) + nothing_said()
    assert parts.ece() == pytest.approx(whole.ece())
    assert parts.n.tolist() == whole.n.tolist() == [2, 0, 0, 0, 0, 1, 0, 0, 0, 2]


def test_a_calibrated_forecast_has_no_error_and_a_bold_one_has():
    rng = np.random.default_rng(1)
    said = rng.random(50_000)
    so = rng.random(50_000) < said
    assert reliability(said, so).ece() < 0.01
    bold = np.where(said > 0.5, 0.99, 0.01)
    # where 0.99 is said, 3 of 4 are so; where 0.01, 1 of 4
    assert reliability(bold, so).ece() == pytest.approx(0.24, abs=0.01)


def test_nothing_said_has_no_error():
    assert math.isnan(nothing_said().ece())


@pytest.mark.parametrize(
    ("said", "so"), [([1.01], [True]), ([-0.1], [True]), ([math.nan], [True]), ([0.5], [])]
)
def test_what_is_no_probability_is_refused(said: list[float], so: list[bool]):
    with pytest.raises(ValueError, match=r"probabilit"):
        reliability(said, so)


def test_interval_coverage_counts_both_ends():
    assert interval_coverage([1, 2, 3, 4], [1, 1, 4, 5], [2, 2, 5, 9]) == 0.5
    with pytest.raises(ValueError, match="no intervals"):
        interval_coverage([], [], [])


def test_counts_by_hand():
    found = score_counts([1, 5, 10, 2], [1, 4, 13, 2])
    assert (found.mae, found.bias, found.exact, found.within_one) == (1.0, 0.5, 0.5, 0.75)
    with pytest.raises(ValueError, match="0 true counts"):
        score_counts([], [])


def test_a_reader_that_goes_away_costs_no_traceback(root: Path):
    truth = root / "examples" / "single.truth.csv"
    prediction = "src,sport,dst,dport,proto,device"
    done = subprocess.run(
        [
            "bash",
            "-c",
            f'"{sys.executable}" -m lab.score "$0" <(echo {prediction}) | (exec 0<&-; sleep 1)',
            truth,
        ],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


def test_of_true_probabilities_the_middle_holds_just_its_level():
    """However coarse the counts are: the truth is drawn from the distribution itself."""
    for said in ([1.0], [0.97, 0.03], [0.2, 0.5, 0.3], [0.04, 0.9, 0.0, 0.06]):
        for level in (0.5, 0.9):
            held = [coverage_by_lot(said, n, level) for n in range(1, len(said) + 1)]
            assert sum(p * h for p, h in zip(said, held, strict=True)) == pytest.approx(level)


def test_coverage_by_lot_knows_too_wide_from_too_narrow():
    assert coverage_by_lot([0.1, 0.8, 0.1], 2) == 1.0
    assert coverage_by_lot([0.1, 0.8, 0.1], 1) == pytest.approx(0.5)
    assert coverage_by_lot([0.01, 0.98, 0.01], 3) == 0.0
    assert coverage_by_lot([0.5, 0.5], 3) == 0.0
    assert coverage_by_lot([], 1) == 0.0
