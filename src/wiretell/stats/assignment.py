"""Minimum-cost path cover: link each item to at most one successor and one predecessor.

In a directed acyclic graph (edges go forward in time) a path cover is a bipartite matching of
"ends" with "starts"; maximising the summed gain of the chosen edges is an assignment problem.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def codes(keys: Iterable[Hashable]) -> IntArray:
    """A small number for each key, equal keys alike, in order of first sight."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.int64)


def path_cover(n: int, tail: IntArray, head: IntArray, gain: FloatArray) -> IntArray:
    """Indices of the edges (tail -> head) that form the path cover of greatest total gain.

    `n` items; edges with gain <= 0 are never taken. Ties are broken the same way every time.
    """
    keep = np.flatnonzero(gain > 0.0)
    if len(keep) == 0:
        return np.empty(0, dtype=np.int64)
    best: dict[tuple[int, int], int] = {}
    for e in keep:
        key = (int(tail[e]), int(head[e]))
        if key not in best or gain[e] > gain[best[key]]:
            best[key] = int(e)
    chosen: list[int] = []
    edges = np.array(sorted(best.values()), dtype=np.int64)
    # Components of the bipartite graph are independent; most are single edges.
    graph = csr_array((np.ones(len(edges)), (tail[edges], n + head[edges])), shape=(2 * n, 2 * n))
    _, label = connected_components(graph, directed=False)
    groups = label[tail[edges]]
    order = np.argsort(groups, kind="stable")
    for part in np.split(edges[order], np.flatnonzero(np.diff(groups[order])) + 1):
        chosen.extend(_match(part, tail, head, gain) if len(part) > 1 else [int(part[0])])
    return np.array(sorted(chosen), dtype=np.int64)


def _match(edges: IntArray, tail: IntArray, head: IntArray, gain: FloatArray) -> list[int]:
    rows, row = np.unique(tail[edges], return_inverse=True)
    cols, col = np.unique(head[edges], return_inverse=True)
    top = float(gain[edges].max()) + 1.0
    # Every tail may also end its path: a dummy head of its own at cost `top` (gain 0). SciPy
    # reads explicit zeros as missing edges, so all costs stay positive.
    n_rows, n_cols = len(rows), len(cols)
    cost = np.concatenate([top - gain[edges], np.full(n_rows, top)])
    r = np.concatenate([row, np.arange(n_rows)])
    c = np.concatenate([col, n_cols + np.arange(n_rows)])
    matrix = csr_array((cost, (r, c)), shape=(n_rows, n_cols + n_rows))
    matched_r, matched_c = min_weight_full_bipartite_matching(matrix)
    index = {(int(a), int(b)): int(e) for a, b, e in zip(row, col, edges, strict=True)}
    pairs = zip(matched_r, matched_c, strict=True)
    return [index[int(a), int(b)] for a, b in pairs if b < n_cols]
