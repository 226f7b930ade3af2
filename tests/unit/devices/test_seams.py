"""Pieces of two windows that share their flows are one machine; what is doubtful is compared."""

from __future__ import annotations

import numpy as np

from wiretell.devices.exclusive import PARTED_CAP, windows_bits
from wiretell.devices.group import Group
from wiretell.devices.seams import ENOUGH, _certain, _Seams, _telling


def seams(shared: dict[tuple[int, int], int]) -> _Seams:
    """Pairs of pieces share so many flows."""
    one = np.array([a for (a, _), n in shared.items() for _ in range(n)], dtype=np.int64)
    other = np.array([b for (_, b), n in shared.items() for _ in range(n)], dtype=np.int64)
    none = np.zeros(len(one), dtype=np.int64)
    return _Seams(one, other, none, none)


def parts(shared: dict[tuple[int, int], int], n_pieces: int) -> list[int]:
    """Part of each piece."""
    return _certain(seams(shared), n_pieces).tolist()


def together(part: list[int]) -> set[frozenset[int]]:
    return {frozenset(i for i, p in enumerate(part) if p == q) for q in set(part)}


def test_pieces_that_share_nearly_all_flows_are_one() -> None:
    found = parts({(0, 2): 40, (1, 3): 30, (0, 3): 2, (3, 4): 20}, 5)
    assert together(found) == {frozenset({0, 2}), frozenset({1, 3, 4})}


def test_a_window_that_took_two_for_one_puts_nothing_together() -> None:
    assert together(parts({(0, 2): 40, (1, 2): 30}, 3)) == {
        frozenset({0}),
        frozenset({1}),
        frozenset({2}),
    }


def test_such_a_window_says_of_the_smaller_machine_no_more_than_one_flow_would() -> None:
    of = seams({(0, 2): 40, (1, 2): 30, (1, 3): 2})
    told = _telling(of, 4)
    counts = np.bincount(of.one[told] * 4 + of.other[told], minlength=16)
    assert dict(enumerate(counts.tolist())) | {2: 40, 6: 1} == dict(enumerate(counts.tolist()))
    assert counts.sum() == 41


def test_few_shared_flows_prove_nothing() -> None:
    assert len(together(parts({(0, 1): ENOUGH - 1}, 2))) == 2
    assert len(together(parts({(0, 1): ENOUGH}, 2))) == 1
    assert len(together(parts({}, 3))) == 3


def test_windows_that_told_two_groups_apart_speak_against_one_machine() -> None:
    def of(*windows: int) -> Group:
        return Group([0], windows=frozenset(windows))

    assert windows_bits(of(), of()) == []
    assert windows_bits(of(1, 2), of(3)) == []
    (once,) = windows_bits(of(1, 2), of(2, 3))
    (often,) = windows_bits(of(*range(30)), of(*range(30)))
    assert 0.0 > once.bits > often.bits == PARTED_CAP
    assert "told apart in a window" in once.reason
    assert "30 windows" in often.reason
