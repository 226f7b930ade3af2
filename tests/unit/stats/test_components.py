"""`wiretell.stats.components` against SciPy's graphs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from wiretell.stats import components as under_test
from wiretell.stats.components import components


@pytest.mark.parametrize("n_edges", [0, 1, 5, 20, 60, 300])
def test_components_and_their_numbers_are_those_of_scipy(n_edges: int) -> None:
    rng = np.random.default_rng(n_edges)
    for n in (1, 2, 30, 200):
        a, b = rng.integers(0, n, (2, n_edges))
        graph = csr_array((np.ones(n_edges), (a, b)), shape=(n, n))
        _, expected = connected_components(graph, directed=False)
        found = components(n, a, b)
        assert found.dtype == np.int32
        assert found.tolist() == expected.tolist()


def test_long_paths_and_stars_end_in_one_component() -> None:
    n = 1_000
    shuffled = np.random.default_rng(1).permutation(n)
    assert components(n, shuffled[:-1], shuffled[1:]).tolist() == [0] * n
    assert components(n, np.full(n - 1, n - 1), np.arange(n - 1)).tolist() == [0] * n


def test_many_edges_give_the_same_by_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = np.random.default_rng(2).integers(0, 400, (2, 300))
    own = components(400, a, b)
    monkeypatch.setattr(under_test, "FEW_EDGES", 10)
    by_scipy = components(400, a, b)
    assert by_scipy.dtype == own.dtype
    assert by_scipy.tolist() == own.tolist()
