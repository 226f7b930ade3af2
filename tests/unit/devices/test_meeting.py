"""Clocks that may contradict are found by destination: the same pairs as by asking all."""

from __future__ import annotations

import random

import pytest

from wiretell.devices.meeting import Lines
from wiretell.signal import Clock


def clocks(rng: random.Random, n: int, scopes: str) -> list[Clock]:
    kinds = {"h": ("host", ""), "d": ("destination", None), "f": ("flow", None)}
    found: list[Clock] = []
    for i in range(n):
        scope, peer = kinds[rng.choice(scopes)]
        peer = rng.choice("abcdef") if peer is None else peer
        found.append(Clock((i,), scope, 1000.0, 1000.0, 0.0, 1.0, 9, 0.0, 1.0, i, i, peer))
    return found


@pytest.mark.parametrize("seed", range(40))
def test_the_same_pairs_in_the_same_order_as_by_asking_all(seed: int) -> None:
    rng = random.Random(seed)
    ours = clocks(rng, rng.randrange(30), rng.choice(["hdf", "df", "d", "f"]))
    theirs = clocks(rng, rng.randrange(6), rng.choice(["hdf", "df", "d", "f"]))
    asked = [
        (mine, other)
        for mine in ours
        for other in theirs
        if "host" in (mine.scope, other.scope) or mine.peer == other.peer
    ]
    assert list(Lines(ours).meeting(Lines(theirs))) == asked


def test_a_host_that_is_met_by_nothing() -> None:
    assert list(Lines([]).meeting(Lines(clocks(random.Random(1), 3, "h")))) == []
    assert list(Lines(clocks(random.Random(1), 3, "h")).meeting(Lines([]))) == []
