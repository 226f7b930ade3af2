"""Path cover against brute force; distributions of counts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretell.stats import assignment
from wiretell.stats.assignment import (
    codes,
    distinct,
    dominant,
    firsts,
    order_of,
    path_cover,
    renumbered,
)
from wiretell.stats.counting import count_distribution, interval, poisson_binomial
from wiretell.stats.likelihood import normal_bits, probability

EDGES = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(-3, 9)).filter(
        lambda e: e[0] < e[1]
    ),
    max_size=7,
)


def best_gain(edges: list[tuple[int, int, int]]) -> float:
    best = 0.0
    for size in range(len(edges) + 1):
        for chosen in itertools.combinations(edges, size):
            tails, heads = [e[0] for e in chosen], [e[1] for e in chosen]
            if len(set(tails)) == len(tails) and len(set(heads)) == len(heads):
                best = max(best, float(sum(e[2] for e in chosen)))
    return best


@given(EDGES)
def test_path_cover_is_the_best_there_is(edges: list[tuple[int, int, int]]) -> None:
    tail, head, gain = (np.array([e[i] for e in edges], dtype=np.int64) for i in range(3))
    taken = path_cover(5, tail, head, gain.astype(float))
    assert len(set(tail[taken])) == len(taken) == len(set(head[taken]))
    assert float(gain[taken].sum()) == best_gain(edges)


def test_poisson_binomial_and_interval() -> None:
    assert poisson_binomial([0.5, 0.5]) == pytest.approx([0.25, 0.5, 0.25])
    counts = count_distribution(5, merges=[0.02], splits=[0.3])
    assert sum(counts.values()) == pytest.approx(1.0)
    assert interval(counts) == (5, 6)
    assert interval({1: 1.0}) == (1, 1)
    assert min(count_distribution(1, [0.9], [])) == 1


def test_bits() -> None:
    # science.md: skew to 0.3 ppm in a population of +-50 ppm is about 6 bits or more
    assert 6.0 < normal_bits(0.0, 0.3, 30.0) < 8.0
    assert normal_bits(60.0, 1.0, 30.0) < -500.0
    assert probability(0.0) == 0.5
    assert probability(float("inf")) == 1.0
    assert probability(-2000.0) == pytest.approx(0.0, abs=1e-300)


def test_components_solved_together_are_as_those_solved_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(11)
    tail = rng.integers(0, 300, 500)
    head = tail + rng.integers(1, 6, 500)
    gain = np.round(rng.normal(3.0, 4.0, 500))
    together = path_cover(306, tail, head, gain).tolist()
    monkeypatch.setattr(assignment, "TOGETHER_EDGES", 1)
    assert path_cover(306, tail, head, gain).tolist() == together


@pytest.mark.parametrize("most", [5, 40, 10**7])
def test_numbers_are_told_apart_as_keys_are(most: int) -> None:
    rng = np.random.default_rng(most)
    keys = rng.integers(0, most, 200)
    assert renumbered(keys.astype(np.uint32)).tolist() == codes(keys.tolist()).tolist()
    values, place = distinct(keys)
    assert values.tolist() == sorted(set(keys.tolist()))
    assert np.array_equal(values[place], keys)
    assert order_of(keys).tolist() == np.argsort(keys, kind="stable").tolist()
    first = firsts(place)
    assert first.tolist() == [keys.tolist().index(value) for value in values.tolist()]
    rank = rng.random(200)
    least = firsts(place, rank)
    assert [rank[i] for i in least] == [rank[keys == value].min() for value in values]


@pytest.mark.parametrize("equal", [False, True])
def test_edges_that_nothing_replaces_change_no_matching(
    equal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    n_settled = 0
    for n in (3, 12, 60):
        for _ in range(20):
            tail, head = np.unique(rng.integers(0, n, (2, 2 * n)), axis=1)
            gain = rng.exponential(4.0, len(tail)) * 2.0 ** rng.integers(0, 6, len(tail))
            if equal:  # then SciPy has to decide among the best
                gain = np.ceil(gain / 4.0)
            found = path_cover(n, tail, head, gain).tolist()
            n_settled += int(dominant(tail, head, gain)[0].sum())
            with monkeypatch.context() as scipy_alone:
                scipy_alone.setattr(assignment, "MOST_ROUNDS", 0)
                assert path_cover(n, tail, head, gain).tolist() == found
    assert n_settled > 200


def test_an_edge_is_dominant_only_where_it_outweighs_both_of_its_rivals() -> None:
    tail, head = np.array([0, 0, 1]), np.array([0, 1, 1])
    taken, left = dominant(tail, head, np.array([2.0, 5.0, 2.5]))
    assert taken.tolist() == [False, True, False]
    assert not left.any()
    taken, left = dominant(tail, head, np.array([2.0, 4.5, 2.5]))  # as both
    assert not taken.any()
    assert left.all()
    taken, left = dominant(tail, head, np.array([2.0, 4.0, 2.5]))
    assert not taken.any()
    assert left.all()
