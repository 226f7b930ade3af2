"""The chain of links between two sides, and the merges that joined their groups."""

from __future__ import annotations

import itertools

import pytest

from wiretell.devices.agglomerate import Merge, Round
from wiretell.devices.joining import joining
from wiretell.devices.link_path import best_path
from wiretell.signal import Link


def link(a: int, b: int, bits: float) -> Link:
    return Link("ip_id", a, b, bits, f"{a} then {b}")


def weakest(links: list[Link], start: int, end: int) -> float:
    """The strongest weakest link over all simple ways, by trying them all."""
    inner = {x for each in links for x in (each.a, each.b)} - {start, end}
    best = float("-inf")
    for n in range(len(inner) + 1):
        for way in itertools.permutations(sorted(inner), n):
            steps = itertools.pairwise([start, *way, end])
            found = [
                max((x.bits for x in links if {x.a, x.b} == {a, b}), default=float("-inf"))
                for a, b in steps
            ]
            best = max(best, min(found))
    return best


LINKS = [
    link(0, 1, 3.0),
    link(0, 2, 9.0),
    link(2, 3, 8.0),
    link(3, 1, 7.0),
    link(2, 1, 6.5),
    link(4, 5, 20.0),
]


def test_the_weakest_link_is_as_strong_as_can_be() -> None:
    for start, end in itertools.permutations(range(4), 2):
        path = best_path(LINKS, start, end)
        assert min(x.bits for x in path) == weakest(LINKS[:5], start, end)
    assert best_path(LINKS, 0, 1) == [LINKS[1], LINKS[2], LINKS[3]]
    assert best_path(LINKS, 1, 0) == [LINKS[3], LINKS[2], LINKS[1]]


def test_of_equals_the_shortest() -> None:
    links = [link(0, 1, 5.0), link(1, 2, 5.0), link(2, 3, 5.0), link(0, 3, 5.0)]
    assert best_path(links, 0, 3) == [links[3]]


@pytest.mark.parametrize(("start", "end"), [(0, 5), (0, 99), (0, 0)])
def test_where_nothing_connects_there_is_no_path(start: int, end: int) -> None:
    assert best_path(LINKS, start, end) == []


def merge(a: int, b: int, bits: float) -> Merge:
    return Merge(a, b, bits, [])


HISTORY = [
    Round([[0, 1], [2], [3], [4, 5, 6]], [merge(0, 1, 9.0), merge(2, 3, 2.0), merge(0, 2, 5.0)]),
    Round([[0, 1, 2, 3, 4, 5, 6], [7]], [merge(0, 1, 1.0)]),
]


def test_parts_were_together_from_the_start() -> None:
    found = joining(HISTORY, 4, 6)
    assert found is not None
    assert (found.merge, found.before, found.weakest) == (None, (), float("inf"))


def test_the_merge_that_joined_and_those_before() -> None:
    first = joining(HISTORY, 0, 2)
    assert first is not None and first.merge is not None
    assert (first.merge.bits, first.before, first.n_sides) == (9.0, (), (2, 1))
    last = joining(HISTORY, 2, 4)
    assert last is not None and last.merge is not None
    assert (last.merge.bits, last.weakest, last.n_sides) == (5.0, 2.0, (3, 4))
    assert [x.bits for x in last.before] == [9.0, 2.0]


def test_a_later_round_counts_too() -> None:
    late = joining(HISTORY, 7, 3)
    assert late is not None and late.merge is not None
    assert (late.merge.bits, late.n_sides) == (1.0, (1, 7))
    assert joining(HISTORY[:1], 0, 7) is None
    assert joining([], 0, 1) is None
