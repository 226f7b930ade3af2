"""Connected components of a graph: what is tied together, however many steps apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.integer]

FEW_EDGES = 5_000
"""Of fewer, SciPy's graphs take longer to load than this takes."""


def components(n: int, a: IntArray, b: IntArray) -> NDArray[np.int32]:
    """The component of each of `n` nodes; edge i ties `a[i]` and `b[i]`, whichever way.

    Components are numbered in order of their first nodes, as `scipy.sparse.csgraph` does.
    """
    if len(a) > FEW_EDGES:
        from scipy.sparse import csr_array  # noqa: PLC0415 - only where there is so much to do
        from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

        graph = csr_array((np.ones(len(a)), (a, b)), shape=(n, n))
        label: NDArray[np.int32] = connected_components(graph, directed=False)[1]
        return label
    nodes = np.arange(n)
    first = _firsts(nodes.copy(), a, b)
    number = np.cumsum(first == nodes, dtype=np.int32) - np.int32(1)
    found: NDArray[np.int32] = number[first]
    return found


def _firsts(first: IntArray, a: IntArray, b: IntArray) -> IntArray:
    """The first node of each node's component.

    Trees are hung below the lowest tree that an edge leads to, and flattened, until no edge leads
    from one to another (Shiloach and Vishkin 1982): their number at least halves every two rounds.
    """
    while True:
        low, high = np.minimum(first[a], first[b]), np.maximum(first[a], first[b])
        if np.array_equal(low, high):
            return first
        np.minimum.at(first, high, low)
        while not np.array_equal(up := first[first], first):
            first = up
