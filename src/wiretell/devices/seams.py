"""Windows of an address -> its machines: groups of neighbours that share their flows are one.

Two windows judge the flows between them apart from one another. Where nearly all that a group has
there is of one group of the other window, and the other way round, both are one machine: no
argument could be stronger. What is left (a window told two machines apart that another did not, a
machine that was silent at the seam) is compared as parts of an address are anywhere, a shared flow
being a link between its two copies, and a window that told two apart an argument that they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median_high

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from wiretell.devices.agglomerate import Partition, Scored, agglomerate
from wiretell.devices.bodies import Held
from wiretell.devices.group import Group
from wiretell.devices.judge import MOST_FOUNDERS, Judgement, count
from wiretell.devices.windows import View
from wiretell.signal import Counter, Hold, Link

IntArray = NDArray[np.int64]

NAME = "windows"
REASON = "the same flows, judged in two windows of time"
SHARED_BITS = 4.0
"""A flow that two groups share: one in about twenty is at the wrong one."""
NEARLY_ALL, ENOUGH = 0.9, 5
"""Share of what each of two groups has at a seam that the other has too, and how many flows."""


@dataclass(frozen=True)
class Joined:
    """All windows as one: the judgement, and per window the machine of each group (-1: none)."""

    judgement: Judgement
    machine: list[IntArray]


@dataclass(frozen=True)
class _Seams:
    """A row per flow that two pieces share: the pieces, and the numbers of the flow's copies."""

    one: IntArray
    other: IntArray
    copy: IntArray
    again: IntArray


def join(views: Sequence[View]) -> Joined:
    """The machines of an address from what its windows tell, in order of time.

    A group of a window is a piece if any flow of it counts there. Cost: linear in the flows at
    seams, beside the comparison of what no seam puts together.
    """
    piece = _numbered(views)
    copy = _copies(views)
    seams = _seams(views, piece, copy)
    part = _certain(seams, sum(int((of >= 0).sum()) for of in piece))
    parts = _absorbed(views, piece, part, copy)
    found, group = _compared(parts, views, seams, part, copy)
    group = group[part]
    machine = [np.where(of >= 0, group[np.maximum(of, 0)], -1) for of in piece]
    tied = _tied(views)
    found.weakest = _weakest(found, views, machine)
    held = _held(len(found.groups), views, machine, tied)
    starts = [(view.starts.min(), view.starts.max()) for view in views]
    seconds = float(max(last for _, last in starts) - min(first for first, _ in starts))
    return Joined(Judgement(found, count(found, held, seconds), [], {}, [], tied), machine)


def _numbered(views: Sequence[View]) -> list[IntArray]:
    """Per window the number of each group among all pieces; -1 where none of its flows counts."""
    found: list[IntArray] = []
    n = 0
    for view in views:
        counts = np.isin(np.arange(len(view.groups)), [*view.facts])
        found.append(np.where(counts, n + np.cumsum(counts) - 1, -1))
        n += len(view.facts)
    return found


def _copies(views: Sequence[View]) -> list[IntArray]:
    """Per window a number for each of its sides, in order of time over all windows.

    A side that two windows judge has two numbers, one after the other.
    """
    sides = np.concatenate([np.arange(v.window.begin, v.window.end) for v in views])
    number = np.empty(len(sides), dtype=np.int64)
    number[np.argsort(sides, kind="stable")] = np.arange(len(sides))
    return np.split(number, np.cumsum([len(view.starts) for view in views])[:-1])


def _seams(views: Sequence[View], piece: Sequence[IntArray], copy: Sequence[IntArray]) -> _Seams:
    rows: list[tuple[IntArray, IntArray, IntArray, IntArray]] = []
    for i in range(len(views) - 1):
        before, after = views[i], views[i + 1]
        n = before.window.end - after.window.begin
        one, other = before.core[-n:], after.core[:n]
        both = (one >= 0) & (other >= 0)
        one, other = piece[i][one[both]], piece[i + 1][other[both]]
        known = (one >= 0) & (other >= 0)
        copies = (copy[i][-n:][both][known], copy[i + 1][:n][both][known])
        rows.append((one[known], other[known], *copies))
    return _Seams(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def _certain(seams: _Seams, n_pieces: int) -> IntArray:
    """Piece -> number of its part: pieces that share nearly all they have at a seam are one."""
    pairs, n = np.unique(seams.one * n_pieces + seams.other, return_counts=True)
    one, other = pairs // n_pieces, pairs % n_pieces
    of_one = np.bincount(seams.one, minlength=n_pieces)[one]
    of_other = np.bincount(seams.other, minlength=n_pieces)[other]
    sure = (n >= ENOUGH) & (n >= NEARLY_ALL * np.maximum(of_one, of_other))
    ends = (one[sure], other[sure])
    graph = csr_array((np.ones(len(ends[0])), ends), shape=(n_pieces, n_pieces))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _telling(seams: _Seams, n_pieces: int) -> NDArray[np.bool_]:
    """Shared flows that are links: all of two pieces that share most of what either has.

    A window may take two machines for one. Such a piece is the larger one's, and says of the other
    no more than a single flow would: else one window's mistake would be that of all.
    """
    pairs, first, at, n = np.unique(
        seams.one * n_pieces + seams.other,
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )
    one, other = pairs // n_pieces, pairs % n_pieces
    most_of_one, most_of_other = np.zeros((2, n_pieces), dtype=np.int64)
    np.maximum.at(most_of_one, one, n)
    np.maximum.at(most_of_other, other, n)
    main_of_one, main_of_other = n == most_of_one[one], n == most_of_other[other]
    told: NDArray[np.bool_] = (main_of_one & main_of_other)[at]
    told[first[(main_of_one ^ main_of_other) & (n >= ENOUGH)]] = True
    return told


def _absorbed(
    views: Sequence[View], piece: Sequence[IntArray], part: IntArray, copy: Sequence[IntArray]
) -> list[Group]:
    """A group for each part, its sides by the numbers of their copies."""
    found: dict[int, Group] = {}
    for view, numbers, copies in zip(views, piece, copy, strict=True):
        for group, number in zip(view.groups, numbers.tolist(), strict=True):
            if number < 0:
                continue
            sides = copies[np.array(group.sides) - view.window.begin].tolist()
            placed = replace(group, sides=sides)
            at = int(part[number])
            if at in found:
                found[at].absorb(placed)
            else:
                found[at] = _own(placed)
    return [found[at] for at in sorted(found)]


def _own(group: Group) -> Group:
    """A group that may be added to without a change to the view's."""
    return replace(
        group,
        labels={kind: texts.copy() for kind, texts in group.labels.items()},
        lines=[*group.lines],
        singles=[*group.singles],
        edges={hz: [*edges] for hz, edges in group.edges.items()},
        peers=set(group.peers),
        holds=[*group.holds],
    )


def _compared(
    parts: Sequence[Group],
    views: Sequence[View],
    seams: _Seams,
    part: IntArray,
    copy: Sequence[IntArray],
) -> tuple[Partition, IntArray]:
    """The machines that the parts make, and the machine of each part.

    Beyond `MOST_FOUNDERS` the smaller parts stay as they are.
    """
    order = sorted(range(len(parts)), key=lambda i: (-len(parts[i].sides), i))
    chosen, left = sorted(order[:MOST_FOUNDERS]), sorted(order[MOST_FOUNDERS:])
    told = _telling(seams, len(part)) & (part[seams.one] != part[seams.other])
    links = [
        Link(NAME, a, b, SHARED_BITS, REASON)
        for a, b in zip(seams.copy[told].tolist(), seams.again[told].tolist(), strict=True)
    ]
    starts = np.empty(sum(len(view.starts) for view in views))
    for view, copies in zip(views, copy, strict=True):
        starts[copies] = view.starts
    rules = {kind: rule for view in views for kind, rule in view.rules.items()}
    compared = [parts[i] for i in chosen]
    found = agglomerate(compared, links, _counters(views, copy), rules, starts.tolist())
    root = list(range(len(chosen)))
    for merge in found.history[-1].merges:
        root = [merge.a if at == merge.b else at for at in root]
    place = {at: i for i, at in enumerate(sorted(set(root)))}
    machine = np.empty(len(parts), dtype=np.int64)
    machine[chosen] = [place[at] for at in root]
    machine[left] = len(place) + np.arange(len(left))
    found.groups += [parts[i] for i in left]
    found.weakest += [(float("inf"), []) for _ in left]
    sides = np.concatenate([np.arange(v.window.begin, v.window.end) for v in views])
    of_copy = np.empty_like(sides)
    of_copy[np.concatenate(copy)] = sides
    for group in found.groups:
        group.sides = np.unique(of_copy[group.sides]).tolist()
    return found, machine


def _counters(views: Sequence[View], copy: Sequence[IntArray]) -> list[Counter]:
    """Counters of one name as one: marks by the numbers of the copies, the usual of their steps."""
    several: dict[tuple[str, str, int], list[tuple[Counter, int, IntArray]]] = defaultdict(list)
    for view, copies in zip(views, copy, strict=True):
        for counter in view.counters:
            key = (counter.signal, counter.name, counter.modulus)
            several[key].append((counter, view.window.begin, copies))
    return [
        replace(
            counters[0][0],
            slack=median_high([counter.slack for counter, _, _ in counters]),
            per_second=median_high([counter.per_second for counter, _, _ in counters]),
            marks={
                int(copies[side - begin]): mark
                for counter, begin, copies in counters
                for side, mark in counter.marks.items()
            },
        )
        for counters in several.values()
    ]


def _weakest(found: Partition, views: Sequence[View], machine: Sequence[IntArray]) -> list[Scored]:
    """Of each machine the least certain merge: of windows put together, or within one."""
    weakest = list(found.weakest)
    for view, of in zip(views, machine, strict=True):
        for scored, m in zip(view.weakest, of.tolist(), strict=True):
            if m >= 0:
                weakest[m] = min(weakest[m], scored, key=lambda x: x[0])
    return weakest


def _tied(views: Sequence[View]) -> NDArray[np.int32]:
    """Side -> number of the set that counters and clocks tie it into, over all windows."""
    base = np.cumsum([0] + [int(view.tied.max()) + 1 for view in views])
    one, other = [], []
    for i in range(len(views) - 1):
        n = views[i].window.end - views[i + 1].window.begin
        one.append(base[i] + views[i].tied[-n:])
        other.append(base[i + 1] + views[i + 1].tied[:n])
    ends = (np.concatenate(one), np.concatenate(other))
    graph = csr_array((np.ones(len(ends[0])), ends), shape=(base[-1], base[-1]))
    _, label = connected_components(graph, directed=False)
    of_side: NDArray[np.int32] = np.concatenate(
        [label[base[i] + view.tied[view.window.own]] for i, view in enumerate(views)]
    )
    return of_side


def _held(
    n: int, views: Sequence[View], machine: Sequence[IntArray], tied: NDArray[np.int32]
) -> list[Held]:
    """What holds each machine together, over all windows."""
    homes: list[IntArray] = []
    holds: list[list[Hold]] = [[] for _ in range(n)]
    for view, of in zip(views, machine, strict=True):
        group = view.belonging.group
        home = np.where(group >= 0, of[np.maximum(group, 0)], -1)
        homes.append(np.where(view.connection, home, -1))
        for held, m in zip(view.held, of.tolist(), strict=True):
            if m >= 0:
                holds[m] += held.holds
    home = np.concatenate(homes)
    opened = home >= 0
    pairs, counts = np.unique(
        home[opened] * (int(tied.max()) + 1) + tied[opened], return_counts=True
    )
    most = np.zeros(n, dtype=np.int64)
    np.maximum.at(most, pairs // (int(tied.max()) + 1), counts)
    total = np.bincount(home[opened], minlength=n)
    return [
        Held(int(n_all), int(n_tied), tuple(kept))
        for n_all, n_tied, kept in zip(total.tolist(), most.tolist(), holds, strict=True)
    ]
