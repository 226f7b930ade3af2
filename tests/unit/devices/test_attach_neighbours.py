"""What loose chains know is passed along weak ties, as Bayes would have it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from wiretell.devices import attach_neighbours
from wiretell.devices.attach_neighbours import MOST_NUMBERS, Neighbours
from wiretell.devices.group import Group
from wiretell.signal import Link


def tie(a: int, b: int, bits: float) -> Link:
    return Link("ip_id", a, b, bits, f"{a} then {b}")


def loose(n: int) -> list[Group]:
    return [Group([10 + i]) for i in range(n)]


def by_enumeration(known: np.ndarray, ties: list[tuple[int, int, float]]) -> np.ndarray:
    """P(group) of each chain: the sum over all assignments. A true tie makes two equal."""
    n_groups, n = known.shape
    total = np.zeros((n_groups, n))
    for homes in itertools.product(range(n_groups), repeat=n):
        weight = float(np.prod([2.0 ** known[g, i] for i, g in enumerate(homes)]))
        for a, b, bits in ties:
            p = 2.0**bits / (1.0 + 2.0**bits)
            weight *= p * (homes[a] == homes[b]) + (1.0 - p) / n_groups
        for i, g in enumerate(homes):
            total[g, i] += weight
    return total / total.sum(axis=0)


@pytest.mark.parametrize("seed", range(5))
def test_a_path_and_a_fork_get_the_exact_posterior(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ties = [(0, 1, 3.0), (1, 2, 1.5), (2, 3, 5.0), (1, 4, -1.0)]
    known = rng.normal(0, 3, (3, 5))
    work = Neighbours(3, loose(5), [tie(10 + a, 10 + b, bits) for a, b, bits in ties])
    both = known + work.bits(known)
    found = np.exp2(both) / np.exp2(both).sum(axis=0)
    assert found == pytest.approx(by_enumeration(known, ties), abs=0.01)


def test_what_was_told_from_here_does_not_come_back() -> None:
    work = Neighbours(2, loose(2), [tie(10, 11, 6.0)])
    known = np.array([[5.0, 0.0], [0.0, 0.0]])
    said = work.bits(known)
    assert said[:, 0] == pytest.approx([0.0, 0.0], abs=1e-9)  # its neighbour knows nothing itself
    assert said[0, 1] > 0.8
    assert said[1, 1] < 0.0


def test_ties_among_loose_chains_only_and_summed() -> None:
    parts = [Group([10, 11]), Group([12]), Group([13])]
    links = [tie(10, 12, 1.0), tie(11, 12, 2.0), tie(10, 11, 5.0), tie(13, 1, 5.0)]
    links.append(tie(12, 13, 11.0))  # would have made a chain, but for a contradiction
    work = Neighbours(2, parts, links)
    assert work.chains.tolist() == [0, 1]
    once = Neighbours(2, parts, [tie(10, 12, 3.0)])
    known = np.array([[4.0, 0.0], [0.0, 0.0]])
    assert work.bits(known) == pytest.approx(once.bits(known))
    assert work.words(1) == ("ip_id", "11 then 12")


def test_no_ties_and_too_many() -> None:
    assert Neighbours(3, loose(2), []).bits(np.zeros((3, 0))).shape == (3, 0)
    n = 40
    links = [tie(10 + i, 11 + i, 1.0) for i in range(n - 1)]
    assert len(Neighbours(MOST_NUMBERS // n, loose(n), links).chains) == 0


def test_few_and_many_ties_are_summed_to_the_last_bit_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(7)
    known = rng.normal(0, 3, (4, 9))
    links = [tie(10 + a, 10 + b, rng.uniform(-1, 4)) for a in range(9) for b in range(a)]
    few = Neighbours(4, loose(9), links).bits(known)
    monkeypatch.setattr(attach_neighbours, "FEW_TIES", 0)
    many = Neighbours(4, loose(9), links).bits(known)
    assert few.tobytes() == many.tobytes()
