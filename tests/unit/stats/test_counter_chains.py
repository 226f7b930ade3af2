"""Counters among other values: found where they are, and nowhere else; odds that hold."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wiretell.stats import assignment
from wiretell.stats.assignment import log_odds, path_cover
from wiretell.stats.chain_fit import counter_share, fit_chains, reach
from wiretell.stats.counter_chains import Items, Rule, Weights, candidates
from wiretell.stats.step_model import StepModel, fitted

SIZE = 16_384
WEIGHTS = Weights(Rule(512, 3600.0), StepModel(0.6, 0.03), 60.0, 0.0)


def met(
    at_s: list[float] | NDArray[np.float64], values: list[int] | NDArray[np.int64], size: int = SIZE
) -> Items:
    """One meeting each with counters that all flows may share."""
    time_s, value = np.array(at_s, dtype=np.float64), np.array(values, dtype=np.int64)
    zero = np.zeros(len(value), dtype=np.int64)
    return Items(
        time_s,
        time_s,
        value,
        value,
        zero,
        size,
        np.full(len(value), 0.7),
        zero[:, None],
        np.array([0.0]),
    )


def counters(n: int, owners: int, seed: int, apart: int) -> tuple[Items, NDArray[np.int64]]:
    """Machines that take turns at random, their counters `apart` at the beginning."""
    rng = np.random.default_rng(seed)
    owner = rng.integers(0, owners, n)
    values = np.zeros(n, dtype=np.int64)
    for k in range(owners):
        own = owner == k
        values[own] = (apart * k + np.cumsum(rng.geometric(0.85, own.sum()))) % SIZE
    return met(np.cumsum(rng.exponential(1.0, n)), values), owner


def test_a_successor_is_found_whatever_lies_between() -> None:
    """Three hundred other connections come before the machine opens its next one."""
    rng = np.random.default_rng(1)
    others = rng.integers(2000, SIZE, 300).tolist()
    items = met([0.0, *range(1, 301), 301.0], [100, *others, 101])
    found = candidates(items, WEIGHTS)
    assert (0, 301) in set(zip(found.tail.tolist(), found.head.tolist(), strict=True))


def test_a_step_over_the_top_is_a_step() -> None:
    found = candidates(met([0.0, 1.0], [SIZE - 1, 1]), WEIGHTS)
    assert (found.tail.tolist(), found.head.tolist(), found.step.tolist()) == ([0], [1], [2])


def test_the_latest_turn_of_a_counter_is_continued() -> None:
    n = 5 * 300
    items = met(np.arange(n) * 1.0, np.arange(n) % 300, size=300)
    chains = fit_chains(items, Weights(Rule(64, 3600.0), StepModel(0.3, 0.01), 60.0, 0.0))
    links = set(zip(chains.tail.tolist(), chains.head.tolist(), strict=True))
    assert len(links & {(i, i + 1) for i in range(n - 1)}) >= n - 5


@pytest.mark.parametrize("seed", range(3))
def test_counters_far_apart_do_not_mix(seed: int) -> None:
    items, owner = counters(600, 8, seed, apart=2000)
    assert counter_share(items, WEIGHTS).guess > 0.9
    chains = fit_chains(items, WEIGHTS)
    assert len(chains.tail) >= 590
    assert np.all(owner[chains.tail] == owner[chains.head])
    slack, per_second = reach(chains)
    assert slack < 100
    assert per_second < 10.0


def test_links_where_counters_cross_are_weak() -> None:
    """Two machines count through the same values at one time: nearly no wrong link is strong."""
    bits, wrong = [], []
    for seed in range(8):
        items, owner = counters(200, 2, seed, apart=0)
        chains = fit_chains(items, WEIGHTS)
        bits.append(chains.bits)
        wrong.append(owner[chains.tail] != owner[chains.head])
    strong, false = np.concatenate(bits) >= 9.0, np.concatenate(wrong)
    assert false.sum() > 8
    assert strong.sum() > 500
    assert np.mean(false[strong]) < 0.005


def test_bits_are_odds() -> None:
    """Of links between counters that start close together, as many are right as they say."""
    stated, right = [], []
    for seed in range(20):
        items, owner = counters(300, 4, seed, apart=60)
        chains = fit_chains(items, WEIGHTS)
        stated.append(1.0 / (1.0 + np.exp2(-chains.bits)))
        right.append(owner[chains.tail] == owner[chains.head])
    p, hit = np.concatenate(stated), np.concatenate(right)
    for low, high in ((0.5, 0.8), (0.8, 0.95), (0.95, 0.999)):
        inside = (p >= low) & (p < high)
        if inside.sum() >= 50:
            sd = float(np.sqrt(np.mean(p[inside] * (1 - p[inside])) / inside.sum()))
            assert hit[inside].mean() >= p[inside].mean() - 4.0 * sd - 0.05
    assert np.mean(hit[p > 0.999]) > 0.995


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    n=st.integers(5, 800),
    size=st.sampled_from([300, 3976, 16_384, 65_536]),
    seconds=st.sampled_from([10.0, 600.0, 86_400.0]),
    seed=st.integers(0, 10_000),
)
def test_chance_is_no_counter(n: int, size: int, seconds: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    items = met(np.sort(rng.uniform(0.0, seconds, n)), rng.integers(0, size, n), size)
    assert counter_share(items, WEIGHTS).least < 0.15


def test_chance_is_no_counter_at_any_number() -> None:
    rng = np.random.default_rng(2)
    items = met(np.sort(rng.uniform(0.0, 3600.0, 40_000)), rng.integers(0, SIZE, 40_000))
    assert counter_share(items, WEIGHTS).least < 0.05


EDGES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(-3, 8)),
    max_size=6,
    unique_by=lambda e: e[:2],
)


def marginals(edges: list[tuple[int, int, int]]) -> list[float]:
    """Chance of each edge over all matchings, by counting them."""
    total, of_edge = 0.0, [0.0] * len(edges)
    for size in range(len(edges) + 1):
        for chosen in itertools.combinations(range(len(edges)), size):
            tails, heads = ([edges[e][k] for e in chosen] for k in (0, 1))
            if len(set(tails)) == len(tails) and len(set(heads)) == len(heads):
                weight = 2.0 ** sum(edges[e][2] for e in chosen)
                total += weight
                for e in chosen:
                    of_edge[e] += weight
    return [x / total for x in of_edge]


@given(EDGES)
def test_odds_are_those_of_all_matchings(edges: list[tuple[int, int, int]]) -> None:
    """Exact without cycles; near with them."""
    tail, head, gain = (np.array([e[k] for e in edges], dtype=np.int64) for k in range(3))
    p = 1.0 / (1.0 + np.exp2(-log_odds(4, tail, head, gain.astype(float), rounds=400)))
    nodes = len(set(tail.tolist())) + len(set(head.tolist()))
    tolerance = 0.02 if len(edges) < min(4, nodes) else 0.25
    assert p == pytest.approx(marginals(edges), abs=tolerance)


def test_a_huge_component_is_solved_in_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    n = 400
    tail = np.concatenate([np.arange(n - k) for k in (1, 2, 3)])
    head = np.concatenate([np.arange(k, n) for k in (1, 2, 3)])
    gain = np.concatenate([np.full(n - k, 10.0 - k) for k in (1, 2, 3)])
    whole = path_cover(n, tail, head, gain)
    monkeypatch.setattr(assignment, "MOST_EDGES", 50)
    parts = path_cover(n, tail, head, gain)
    assert len(set(tail[parts])) == len(parts) == len(set(head[parts]))
    assert gain[parts].sum() >= 0.98 * gain[whole].sum()


def test_the_law_of_steps_is_learnt() -> None:
    rng = np.random.default_rng(3)
    dt_s = rng.exponential(5.0, 2000)
    busy = fitted(1 + rng.poisson(4.0 * dt_s), dt_s, np.ones(2000), StepModel(0.6, 0.03))
    idle = fitted(np.ones(2000, dtype=np.int64), dt_s, np.ones(2000), StepModel(0.6, 0.03))
    assert busy.per_second >= 1.0
    assert idle.per_second <= 0.01
    assert np.exp2(busy.log2(np.arange(1, 200_000), np.zeros(199_999))).sum() == pytest.approx(
        1.0, abs=0.01
    )


def test_a_crowded_circle_is_read_in_windows_of_time() -> None:
    """Ten machines went round together, each more than once: steps of ten are still found."""
    rng = np.random.default_rng(4)
    owner = rng.integers(0, 10, 20_000)
    values = np.zeros(20_000, dtype=np.int64)
    for k in range(10):
        own = owner == k
        values[own] = (1600 * k + np.cumsum(8 + rng.geometric(0.4, own.sum()))) % SIZE
    items = met(np.arange(20_000) * 0.1, values)
    rule = Rule(512, 3600.0)
    assert counter_share(items, Weights(rule, StepModel(5.0, 1.0), 60.0, 0.0)).guess > 0.7
    chains = fit_chains(items, Weights(rule, StepModel(5.0, 1.0), 60.0, 0.0))
    wrong = owner[chains.tail] != owner[chains.head]
    assert len(wrong) > 18_000
    assert np.mean(wrong[chains.bits >= 9.0]) < 0.01
