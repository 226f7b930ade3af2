"""Merging by matrices says the same as comparing pair by pair."""

from __future__ import annotations

import random

import numpy as np
import pytest

from wiretell.devices.agglomerate import agglomerate
from wiretell.devices.compare import discounted, labels_bits
from wiretell.devices.group import Group, groups_of
from wiretell.devices.writing import Writing
from wiretell.signal import Hold, Label, LabelRule

RULES = {
    rule.kind: rule
    for rule in (
        LabelRule("stack", 2.0, -10.0, "option order", 3),
        LabelRule("window", 1.0, -7.0, "window", 10),
        LabelRule("user_agent", 6.0, -2.0, "User-Agent", 6),
        LabelRule("cookie", 14.0, 0.0, "cookie"),
    )
}


def written(n: int, seed: int) -> list[Group]:
    """Groups of one to five sides with labels drawn from few texts, some kinds missing."""
    rng = random.Random(seed)
    parts, labels, side = [], [], 0
    for _ in range(n):
        sides = list(range(side, side + rng.randint(1, 5)))
        side += len(sides)
        parts.append(sides)
        for kind in RULES:
            if rng.random() < 0.7:
                labels += [Label(s, kind, rng.choice("abc")) for s in sides if rng.random() < 0.9]
    return groups_of(parts, labels, [], [""] * side)


@pytest.mark.parametrize("seed", range(5))
def test_matrices_say_what_pairs_say(seed: int) -> None:
    groups = written(12, seed)
    writing = Writing(groups, RULES)
    writing.merge(2, 7)
    groups[2].absorb(groups[7])
    for a in (0, 2, 5):
        bits = writing.bits(a, np.arange(12))
        for b in (1, 3, 4, 6, 11):
            pair = discounted(labels_bits(groups[a], groups[b], RULES))
            assert bits[b] == pytest.approx(pair), (a, b)


def test_alike_groups_become_one_and_others_stay() -> None:
    labels = [Label(s, "stack", "ab"[s >= 6]) for s in range(12)]
    parts = [[s, s + 1] for s in range(0, 12, 2)]
    groups = groups_of(parts, labels, [], [""] * 12)
    found = agglomerate(groups, [], [], RULES, [float(s) for s in range(12)])
    assert [group.sides for group in found.groups] == [list(range(6)), list(range(6, 12))]
    ((bits, arguments),) = found.between.values()
    assert bits < 0.0
    assert "option order differs" in arguments[0].reason
    assert len(found.weakest) == 2
    assert all(weakest > 0.0 for weakest, _ in found.weakest)


def test_push_connections_at_once_keep_two_alike_groups_apart() -> None:
    labels = [Label(s, "stack", "a") for s in range(4)]
    holds = [Hold(0, "push", 0.0, 300.0), Hold(2, "push", 0.0, 300.0)]
    apart, together = (
        agglomerate(
            groups_of([[0, 1], [2, 3]], labels, [], [""] * 4, held),
            [], [], RULES, [0.0, 100.0, 50.0, 150.0],
        )
        for held in (holds, holds[:1])
    )  # fmt: skip
    assert len(together.groups) == 1
    assert len(apart.groups) in (1, 2)
    merged = max((bits for bits, _ in together.weakest), default=0.0)
    kept = max((bits for bits, _ in apart.between.values()), default=merged - 6.0)
    assert kept <= merged - 5.0


def test_nothing_to_merge() -> None:
    found = agglomerate([], [], [], RULES, [])
    assert found.groups == []
    assert np.size(found.weakest) == 0
