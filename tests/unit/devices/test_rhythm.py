"""Groups that begin flows at the same moments."""

from __future__ import annotations

import random

import numpy as np
import pytest

from wiretell.devices.group import Group
from wiretell.devices.rhythm import RHYTHM_BITS, Rhythm


def visits(n: int, seed: int) -> list[float]:
    """Moments of a person's page loads within ten minutes."""
    rng = random.Random(seed)
    return sorted(rng.uniform(0.0, 600.0) for _ in range(n))


def two_servers(moments: list[float], later: float = 0.2) -> tuple[list[float], list[float]]:
    """One page load is a flow to each of two servers."""
    return moments, [t + later for t in moments]


def rhythm(*of: list[float]) -> Rhythm:
    starts = [t for times in of for t in times]
    groups, first = [], 0
    for times in of:
        groups.append(Group(list(range(first, first + len(times)))))
        first += len(times)
    return Rhythm(groups, starts)


def test_shared_moments_speak_for_one_machine_others_a_little_against() -> None:
    mine, also_mine = two_servers(visits(12, seed=1))
    theirs, also_theirs = two_servers(visits(12, seed=2))
    bits = rhythm(mine, also_mine, theirs, also_theirs).bits(0)
    assert bits[1] == RHYTHM_BITS[1]
    assert RHYTHM_BITS[0] <= bits[2] < 0.0
    assert RHYTHM_BITS[0] <= bits[3] < 0.0


def test_where_nobody_opens_several_at_once_moments_say_nothing() -> None:
    regular = [[10.0 * i + 3.3 * k for i in range(40)] for k in range(3)]
    assert not rhythm(*regular).bits(0).any()


def test_merging_is_the_same_as_beginning_together() -> None:
    a, b = two_servers(visits(9, seed=3))
    c, d = two_servers(visits(9, seed=4))
    merged = rhythm(a, c, b, d)
    before = merged.bits(0)[2]
    merged.merge(0, 2)
    assert merged.bits(1)[3] == pytest.approx(rhythm(a, c, b, d).bits(1)[3])
    assert merged.bits(1)[0] != before
    assert np.isfinite(merged.bits(0)).all()


def test_words_only_where_there_is_something_to_say() -> None:
    mine, also_mine = two_servers(visits(12, seed=1))
    found = rhythm(mine, also_mine).argument(0, 1)
    assert found is not None
    assert found.reason == "both begin flows at the same moments"
    assert rhythm([0.0, 100.0], [50.0, 150.0]).argument(0, 1) is None


def test_no_groups_at_all() -> None:
    assert Rhythm([], []).bits is not None
