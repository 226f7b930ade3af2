"""The bench of match, a small draw of each table: figures that are reviewed like code."""

from __future__ import annotations

import numpy as np
import pytest

from bench.match import across, aliases, siblings
from bench.match.figures import equal_error_rate, matthews


def test_the_same_machines_a_day_later() -> None:
    found = across.measured(across.KINDS[0], 6, range(1, 2))
    assert found.eer.value <= 0.20
    assert found.n_wrong == 0


def test_siblings_are_found_and_held_ones_left_open() -> None:
    rows = {row.method: row for row in siblings.measured(siblings.DATA[0], 5, 1, hours=1.5)}
    ours = rows[siblings.OURS]
    assert (ours.counts["tp"], ours.counts["fp"], ours.counts["fn"]) == (5, 0, 0)
    assert rows["Beverly and Berger"].counts["fp"] > 0


@pytest.mark.parametrize("setting", aliases.SETTINGS[:2], ids=lambda s: s.words)
def test_independent_clocks_are_no_aliases(setting: aliases.Setting) -> None:
    assert aliases.measured(setting, 40, 1).n_wrong <= 2


def test_one_crystal_alone_is_found() -> None:
    assert aliases.measured(aliases.SETTINGS[3], 20, 1).n_found >= 18


def test_equal_error_rate() -> None:
    right, wrong = np.array([3.0, 4.0, 5.0, 1.0]), np.array([0.0, 0.5, 2.0, -1.0])
    assert equal_error_rate(right, wrong) == pytest.approx(0.25)
    assert equal_error_rate(right + 10.0, wrong) == 0.0
    assert matthews(5, 0, 20, 0) == 1.0
