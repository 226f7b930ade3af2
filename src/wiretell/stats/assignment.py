"""Minimum-cost path cover: link each item to at most one successor and one predecessor.

In a directed acyclic graph (edges go forward in time) a path cover is a bipartite matching of
"ends" with "starts"; maximising the summed gain of the chosen edges is an assignment problem.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from wiretell.stats.components import components

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
Key = TypeVar("Key", bound=Hashable)

ROUNDS, SETTLED, CHECKED = 48, 0.02, 4
"""Belief propagation stops after so many rounds, or when no message moves by more than this share;
looked at in every so many rounds."""
MOST_GAIN = 40.0
"""Gains beyond this are as good as certain."""
MOST_FLAGS = 1 << 18
"""Keys below this are looked up in a table, however few they are of."""
MOST_EDGES = 4_000
"""A component with more edges is solved in windows of that many."""
TOGETHER_EDGES = 128
"""Small components are solved together until they have so many edges."""
MOST_ROUNDS, SURELY = 40, 1e-6
"""Edges that no matching does without are looked for so often; they have to gain so much more."""


def codes(keys: Iterable[Hashable]) -> IntArray:
    """A small number for each key, equal keys alike, in order of first sight."""
    return coded(list(keys))[1]


def coded(keys: Sequence[Key]) -> tuple[list[Key], IntArray]:
    """The different keys in order of first sight, and the place of each row's among them."""
    place = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    each = np.fromiter(map(place.__getitem__, keys), dtype=np.int64, count=len(keys))
    return list(place), each


def renumbered(numbers: NDArray[np.integer[Any]]) -> IntArray:
    """As `codes`, of numbers from 0."""
    keys = numbers.astype(np.int64)
    first = np.full(int(keys.max(initial=-1)) + 1, -1, dtype=np.int64)
    first[keys[::-1]] = np.arange(len(keys))[::-1]
    shown = np.flatnonzero(first >= 0)
    place = np.empty(len(first), dtype=np.int64)
    place[shown[np.argsort(first[shown])]] = np.arange(len(shown))
    return place[keys]


def distinct(keys: IntArray) -> tuple[IntArray, IntArray]:
    """The different keys (numbers from 0) in order, and the place of each row's among them.

    Where they are not much larger than many, in linear time.
    """
    most = int(keys.max(initial=-1)) + 1
    if most > MOST_FLAGS + 8 * len(keys):
        values, place = np.unique(keys, return_inverse=True)
        return values, place
    seen = np.zeros(most, dtype=bool)
    seen[keys] = True
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[keys]


def order_of(numbers: IntArray) -> IntArray:
    """Stable order of numbers from 0: digit by digit, as NumPy sorts 16 bits in linear time."""
    most = int(numbers.max(initial=0))
    if most == 0:
        return np.arange(len(numbers))
    order = np.argsort((numbers & 0xFFFF).astype(np.uint16), kind="stable")
    for bits in range(16, most.bit_length(), 16):
        digit = ((numbers[order] >> bits) & 0xFFFF).astype(np.uint16)
        order = order[np.argsort(digit, kind="stable")]
    return order


def firsts(key: IntArray, rank: FloatArray | None = None) -> IntArray:
    """Place of the row of least rank (of several the first) of each key 0, 1, ..., all present."""
    order = np.argsort(key, kind="stable") if rank is None else np.lexsort((rank, key))
    found: IntArray = order[np.searchsorted(key[order], np.arange(int(key.max(initial=-1)) + 1))]
    return found


def log_odds(
    n: int, tail: IntArray, head: IntArray, gain: FloatArray, rounds: int = ROUNDS
) -> FloatArray:
    """log2 of the odds that each edge is in the matching, among all its rivals.

    A matching has weight 2**(sum of its gains); every item may also have no successor, and none
    that it follows. Marginals by belief propagation, exact where edges form a tree and good
    where cycles are long (Bayati, Gamarnik, Katz, Nair, Tetali 2007: for matchings it converges
    from any start, to one fixed point). `n` items, edges without repetition.
    """
    if len(gain) == 0:
        return np.empty(0)
    weight = np.exp2(np.clip(gain, -MOST_GAIN, MOST_GAIN))
    from_tail, from_head = np.ones(len(gain)), np.ones(len(gain))
    for turn in range(rounds):
        new_tail = _message(n, tail, weight * from_head)
        new_head = _message(n, head, weight * new_tail)
        settled = turn % CHECKED == CHECKED - 1 and _near(new_tail, from_tail)
        settled = settled and _near(new_head, from_head)
        # Plain rounds swing from side to side; the middle (of logarithms) settles.
        from_tail *= new_tail
        from_head *= new_head
        np.sqrt(from_tail, out=from_tail)
        np.sqrt(from_head, out=from_head)
        if settled:
            break
    result: FloatArray = gain + np.log2(from_tail) + np.log2(from_head)
    return result


def _near(a: FloatArray, b: FloatArray) -> bool:
    return bool(np.all(np.abs(a - b) <= SETTLED * b))


def _message(n: int, node: IntArray, flow: FloatArray) -> FloatArray:
    """Chance that a node is free for one edge, given what its other edges bring (`flow`: lost)."""
    total = np.bincount(node, weights=flow, minlength=n)
    np.subtract(total.take(node), flow, out=flow)
    np.maximum(flow, 0.0, out=flow)
    flow += 1.0
    return np.reciprocal(flow, out=flow)


def path_cover(n: int, tail: IntArray, head: IntArray, gain: FloatArray) -> IntArray:
    """Indices of the edges (tail -> head) that form the path cover of greatest total gain.

    `n` items; edges with gain <= 0 are never taken. Ties are broken the same way every time.
    """
    keep = np.flatnonzero(gain > 0.0)
    if len(keep) == 0:
        return np.empty(0, dtype=np.int64)
    edges = keep
    pair = np.sort(tail[keep] * n + head[keep])
    if np.any(pair[1:] == pair[:-1]):  # the best of those that are there twice
        order = keep[np.lexsort((keep, -gain[keep], head[keep], tail[keep]))]
        fresh = np.ones(len(order), dtype=bool)
        fresh[1:] = (np.diff(tail[order]) != 0) | (np.diff(head[order]) != 0)
        edges = np.sort(order[fresh])
    # Components of the bipartite graph are independent; most are single edges.
    groups = components(2 * n, tail[edges], n + head[edges])[tail[edges]]
    alone = np.bincount(groups)[groups] == 1
    chosen: list[int] = edges[alone].tolist()
    edges, groups = edges[~alone], groups[~alone]
    n_each = np.bincount(groups)
    fits = n_each[groups] <= MOST_EDGES
    taken, left = dominant(tail[edges[fits]], head[edges[fits]], gain[edges[fits]])
    is_open = n_each > MOST_EDGES
    is_open[groups[fits][left]] = True  # solved as a whole: where two are equal, it may decide
    chosen += edges[fits][taken & ~is_open[groups[fits]]].tolist()
    edges, groups = edges[is_open[groups]], groups[is_open[groups]]
    order = np.argsort(groups, kind="stable")
    edges, groups = edges[order], groups[order]
    begins = np.flatnonzero(np.diff(groups, prepend=-1))
    small: list[IntArray] = []
    n_small = 0
    for part in np.split(edges, begins[1:]):
        if len(part) > MOST_EDGES:
            chosen.extend(_match_in_windows(part, tail, head, gain))
            continue
        # To set up a problem takes longer than to solve a small one.
        small.append(part)
        n_small += len(part)
        if n_small >= TOGETHER_EDGES:
            chosen.extend(_match(small, tail, head, gain))
            small, n_small = [], 0
    if n_small:
        chosen.extend(_match(small, tail, head, gain))
    return np.array(sorted(chosen), dtype=np.int64)


def dominant(
    tail: IntArray, head: IntArray, gain: FloatArray
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Edges that are in every matching of greatest total gain, and edges that are left open.

    All gains are positive, no edge is there twice. An edge that gains more than the best others
    at both of its ends together would always replace them; it takes both ends out of the problem,
    and others may then be found.
    """
    taken, open_ = np.zeros((2, len(gain)), dtype=np.bool_)
    _, tail = np.unique(tail, return_inverse=True)
    _, head = np.unique(head, return_inverse=True)
    left = np.arange(len(gain))
    for _ in range(MOST_ROUNDS):
        t, h, g = tail[left], head[left], gain[left]
        sure = g > _best_other(t, g) + _best_other(h, g) + SURELY
        if not sure.any():
            break
        taken[left[sure]] = True
        left = left[~(np.isin(t, t[sure]) | np.isin(h, h[sure]))]
    open_[left] = True
    return taken, open_


def _best_other(node: IntArray, gain: FloatArray) -> FloatArray:
    """For each edge the greatest gain of the others at its node; 0 where there is none."""
    best, second = np.zeros((2, int(node.max(initial=-1)) + 1))
    np.maximum.at(best, node, gain)
    is_best = gain == best[node]
    np.maximum.at(second, node[~is_best], gain[~is_best])
    is_only = is_best & (np.bincount(node[is_best], minlength=len(best))[node] == 1)
    return np.where(is_only, second[node], best[node])


def _match_in_windows(
    edges: IntArray, tail: IntArray, head: IntArray, gain: FloatArray
) -> list[int]:
    """A huge component, in overlapping windows of tails: of each the first half is kept."""
    rest = edges[np.argsort(tail[edges], kind="stable")]
    chosen: list[int] = []
    while len(rest):
        window = rest[:MOST_EDGES]
        found = _match([window], tail, head, gain)
        if len(rest) > MOST_EDGES:
            middle = tail[window[len(window) // 2]]
            found = [e for e in found if tail[e] <= middle]
            rest = rest[tail[rest] > middle]
            rest = rest[~np.isin(head[rest], head[found])]
        else:
            rest = rest[:0]
        chosen.extend(found)
    return chosen


def _match(
    parts: Sequence[IntArray], tail: IntArray, head: IntArray, gain: FloatArray
) -> list[int]:
    """The edges taken of each part; no tail and no head is in two parts."""
    edges = np.concatenate(parts)
    rows, row = np.unique(tail[edges], return_inverse=True)
    cols, col = np.unique(head[edges], return_inverse=True)
    # Every tail may also end its path: a dummy head of its own at cost `top` (gain 0). SciPy
    # reads explicit zeros as missing edges, so all costs stay positive.
    top = np.repeat([gain[part].max() + 1.0 for part in parts], [len(part) for part in parts])
    n_rows, n_cols = len(rows), len(cols)
    ending = np.empty(n_rows)
    ending[row] = top
    cost = np.concatenate([top - gain[edges], ending])
    r = np.concatenate([row, np.arange(n_rows)])
    c = np.concatenate([col, n_cols + np.arange(n_rows)])
    from scipy.sparse import csr_array  # noqa: PLC0415 - loaded when there is something to match
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching  # noqa: PLC0415

    matrix = csr_array((cost, (r, c)), shape=(n_rows, n_cols + n_rows))
    matched = np.empty(n_rows, dtype=np.int64)
    matched_r, matched_c = min_weight_full_bipartite_matching(matrix)
    matched[matched_r] = matched_c
    taken: list[int] = edges[matched[row] == col].tolist()
    return taken
