"""How often two groups take turns, against a walk through all their sides."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from wiretell.devices import interleave
from wiretell.devices.group import Group
from wiretell.devices.ties import Ties
from wiretell.signal import Link


@pytest.mark.parametrize("seed", range(8))
def test_turns_are_changes_of_owner_in_order_of_time(seed: int) -> None:
    rng = random.Random(seed)
    owner = [0, 1, *rng.choices((0, 1), weights=(1, 1 + 5 * (seed % 2)), k=60)]
    sides = [[s for s, g in enumerate(owner) if g == group] for group in (0, 1)]
    # A link of every side to one of another group: all sides are linked.
    links = [Link("ports", s, len(owner), 5.0, "") for s in range(len(owner))]
    ties = Ties.between([Group(sides[0]), Group(sides[1]), Group([len(owner)])], links)
    assert ties._turns(0, 1) == ties._turns(1, 0) == sum(a != b for a, b in pairwise(owner))


@pytest.mark.parametrize("seed", range(12))
def test_marks_in_turn_are_those_beside_one_another_in_time(seed: int) -> None:
    rng = random.Random(seed)
    owner = [0, 1, *rng.choices((0, 1), weights=(1, 1 + 5 * (seed % 3)), k=seed * 6)]
    rng.shuffle(owner)
    marks = [[i for i, g in enumerate(owner) if g == group] for group in (0, 1)]
    few, many = sorted(marks, key=len)
    before, after = interleave._turns(np.array(few), np.array(many))
    expected = [(i, i + 1) for i in range(len(owner) - 1) if owner[i] != owner[i + 1]]
    assert list(zip(before.tolist(), after.tolist(), strict=True)) == expected
    assert interleave._few_turns(few, many) == expected


def test_the_sum_of_links_follows_merges() -> None:
    links = [Link("ports", a, b, 5.0, "") for a, b in ((0, 1), (1, 2), (2, 3), (0, 3), (0, 2))]
    groups = [Group([0]), Group([1]), Group([2]), Group([3])]
    ties = Ties.between(groups, links)
    assert [ties.whole[g].n for g in range(4)] == [3, 2, 3, 2]
    ties.merge(0, 2)
    assert [ties.whole[g].n for g in (0, 1, 3)] == [5, 2, 2]
