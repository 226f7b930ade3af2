"""Pieces of two windows that go on as one another are one machine; the rest is compared."""

from __future__ import annotations

import numpy as np

from wiretell.devices.exclusive import PARTED_CAP, windows_bits
from wiretell.devices.group import Group
from wiretell.devices.seam_links import Told, telling
from wiretell.devices.seams import _matches, _parts
from wiretell.signal import Link


def shared(flows: dict[tuple[int, int], int]) -> Told:
    """Pairs of pieces share so many flows."""
    one = np.array([a for (a, _), n in flows.items() for _ in range(n)], dtype=np.int64)
    other = np.array([b for (_, b), n in flows.items() for _ in range(n)], dtype=np.int64)
    none = np.zeros(len(one), dtype=np.int64)
    return Told(one, other, none, none, [])


def linked(links: dict[tuple[int, int], list[float]]) -> Told:
    """Pairs of pieces have links of so many bits between them."""
    ends = [(a, b) for (a, b), bits in links.items() for _ in bits]
    one, other = np.array(ends, dtype=np.int64).reshape(-1, 2).T
    told = [Link("source_port", 0, 0, x, "") for bits in links.values() for x in bits]
    return Told(one, other, 0 * one, 0 * one, told)


def parts(flows: dict[tuple[int, int], int], links: dict[tuple[int, int], list[float]]) -> set[str]:
    """Pieces 0 to 5, put together."""
    part = _parts([_matches(shared(flows), linked(links), 6)], 6).tolist()
    return {"".join(str(i) for i, p in enumerate(part) if p == q) for q in set(part)}


def test_pieces_that_share_flows_are_one_and_each_has_one_partner() -> None:
    assert parts({(0, 3): 40, (1, 4): 30, (0, 4): 2}, {}) == {"03", "14", "2", "5"}
    # The window of piece 3 took two machines for one: it goes on as the larger.
    assert parts({(0, 3): 40, (1, 3): 30}, {}) == {"03", "1", "2", "4", "5"}
    # What is best for both together, not for the first.
    assert parts({(0, 3): 9, (0, 4): 8, (1, 3): 8}, {}) == {"04", "13", "2", "5"}


def test_a_machine_silent_at_the_seam_goes_on_by_its_counters() -> None:
    assert parts({(0, 3): 40}, {(1, 4): [12.0]}) == {"03", "14", "2", "5"}
    assert parts({(0, 3): 40}, {(1, 4): [3.0]}) == {"03", "1", "2", "4", "5"}


def test_one_link_does_not_outweigh_shared_flows() -> None:
    assert parts({(0, 3): 4, (1, 4): 4}, {(0, 4): [40.0]}) == {"03", "14", "2", "5"}


def test_such_a_window_says_of_the_smaller_machine_no_more_than_one_flow_would() -> None:
    of = shared({(0, 2): 40, (1, 2): 30, (1, 3): 2})
    told = telling(of, 4)
    counts = np.bincount(of.one[told] * 4 + of.other[told], minlength=16)
    assert dict(enumerate(counts.tolist())) | {2: 40, 6: 1} == dict(enumerate(counts.tolist()))
    assert counts.sum() == 41


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
