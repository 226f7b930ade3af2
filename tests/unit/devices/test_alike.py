"""Alike machines: a number, an interval, and why."""

from __future__ import annotations

import numpy as np
import pytest

from wiretell.devices.alike import Crowd, address_words, crowds_of
from wiretell.devices.multiplicity import Body, beyond, multiplicities

KNOWN = [Body("x", 20, 1.0, 1), Body("y", 40, 1.0, 1), Body("z", 28, 1.0, 1)]


def parted(bodies: list[Body]) -> list[np.ndarray]:
    return list(multiplicities(bodies, beyond(bodies, 200.0)))


def test_one_machine_needs_no_reason() -> None:
    for crowd in crowds_of(parted(KNOWN), KNOWN):
        assert crowd == Crowd(1, 1, 1)
        assert crowd.words == "one"


def test_a_busy_group_that_keeps_three_push_connections_says_so() -> None:
    bodies = [*KNOWN, Body("w", 84, 0.05, 3)]
    crowd = crowds_of(parted(bodies), bodies)[-1]
    assert crowd.low <= crowd.likely <= crowd.high
    assert crowd.likely == 3
    assert crowd.words == f"about 3 alike, {crowd.low}-{crowd.high}"
    push, busy, held = crowd.reasons
    assert push == "keeps 3 push connections at once, and a machine keeps one"
    assert busy == "as busy as 3.0 of the others"
    assert "only 5% of its connections" in held


def test_without_others_to_compare_with_nothing_is_said_of_volume() -> None:
    crowd = crowds_of([np.array([0.6, 0.3, 0.1])], [Body("w", 500, 0.0, 0)])[0]
    assert (crowd.likely, crowd.low, crowd.high) == (1, 1, 2)
    assert len(crowd.reasons) == 1
    assert crowd.words == "perhaps 2 alike"


@pytest.mark.parametrize(
    ("likely", "begins"),
    [(3, "more are possible"), (4, "1 more is likely"), (7, "4 more are likely")],
)
def test_an_address_says_how_many_more(likely: int, begins: str) -> None:
    crowds = {1: Crowd(3, 2, 5), 2: Crowd(1, 1, 1), 3: Crowd(1, 1, 2)}
    words = address_words(crowds, 3, likely)
    assert words.startswith(begins)
    assert words.endswith("#1 about 3 alike, 2-5; #3 perhaps 2 alike")


def test_an_address_names_few_and_counts_the_others() -> None:
    crowds = {number: Crowd(1, 1, 2) for number in range(1, 8)}
    assert address_words(crowds, 7, 7).endswith("#4 perhaps 2 alike; 3 others")
    assert address_words({1: Crowd(1, 1, 1)}, 1, 1) == ""


def test_groups_of_one_stack_that_nothing_holds_are_named_together() -> None:
    loose = [Body("w", 84, 0.05, 3), Body("w", 84, 0.05, 2), Body("v", 84, 0.05, 2)]
    first, second, other, *_ = crowds_of(parted([*loose, *KNOWN]), [*loose, *KNOWN])
    together = "counted together with another of the same stack"
    assert together in first.reasons
    assert together in second.reasons
    assert together not in other.reasons
