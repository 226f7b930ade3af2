"""Clock lines vote on the shift of a trace's times."""

from __future__ import annotations

from random import Random

import pytest

from wiretell.stats.time_shift import CIRCLE_S, Votes, find_shift


def _votes(n: int, shift_s: float | None, seed: int) -> Votes:
    """Lines of n machines each; machine i of one trace is i of the other."""
    rng = Random(seed)
    votes = Votes()
    for i in range(n):
        for j in range(n):
            chance = rng.uniform(0.0, CIRCLE_S)
            own = i == j and shift_s is not None
            votes.add(i, j, (shift_s or 0.0) + rng.gauss(0.0, 0.05) if own else chance, 1000.0)
    return votes


@pytest.mark.parametrize("shift_s", [0.0, 86_400.0, -123_456.7])
def test_the_shift_is_where_votes_bunch(shift_s: float) -> None:
    found = find_shift(_votes(8, shift_s, 1))
    assert found.seconds == pytest.approx(shift_s, abs=0.2)
    assert found.n_pairs == 8
    assert found.p_value < 1e-6
    assert found.kept == (shift_s == 0.0)


@pytest.mark.parametrize("seed", range(5))
def test_other_machines_do_not_agree_on_a_shift(seed: int) -> None:
    assert find_shift(_votes(12, None, seed)).seconds is None


def test_no_votes_are_no_shift() -> None:
    found = find_shift(Votes())
    assert (found.seconds, found.n_pairs, found.p_value) == (None, 0, 1.0)
