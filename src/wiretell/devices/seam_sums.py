"""What windows know of a machine, put together: counters, merges, ties, connections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from statistics import median_high

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from wiretell.devices.agglomerate import Partition, Scored
from wiretell.devices.bodies import CARRIERS, Held
from wiretell.devices.compare import Argument
from wiretell.devices.interleave import Mark
from wiretell.devices.seam_ends import Bridge
from wiretell.devices.seam_links import NAME, REASON, Told
from wiretell.devices.seam_match import Match
from wiretell.devices.windows import View
from wiretell.signal import Counter, Hold

IntArray = NDArray[np.int64]


def counters_of(
    views: Sequence[View], bridges: Sequence[Bridge], copy: Sequence[IntArray]
) -> list[Counter]:
    """Counters of one name as one: marks by the numbers of the copies, the usual of their steps."""
    several: dict[tuple[str, str, int], list[tuple[Counter, int]]] = defaultdict(list)
    for i, bridge in enumerate(bridges):
        for counter in bridge.evidence.counters:
            several[counter.signal, counter.name, counter.modulus].append((counter, i))
    found: list[Counter] = []
    for counters in several.values():
        marks: dict[int, Mark] = {}
        for counter, i in counters:
            for k in (i, i + 1):
                window = views[k].window
                for row, mark in counter.marks.items():
                    side = int(bridges[i].at[row])
                    if window.begin <= side < window.end:
                        marks[int(copy[k][side - window.begin])] = mark
        slack = median_high([counter.slack for counter, _ in counters])
        per_second = median_high([counter.per_second for counter, _ in counters])
        found.append(replace(counters[0][0], slack=slack, per_second=per_second, marks=marks))
    return found


def _scored(match: Match) -> Scored:
    return match.bits, [Argument(NAME, match.bits, REASON)]


def weakest_of(
    found: Partition,
    views: Sequence[View],
    machine: Sequence[IntArray],
    found_at: Sequence[Sequence[Match]],
    group: IntArray,
) -> list[Scored]:
    """Of each machine the least certain merge: of windows put together, at seams, or within.

    Where a window may have taken two machines for one, the others had to do so as well: of what
    was merged within windows, that of a usual one counts.
    """
    within: dict[int, list[Scored]] = defaultdict(list)
    for view, of in zip(views, machine, strict=True):
        for scored, m in zip(view.weakest, of.tolist(), strict=True):
            within[m].append(scored)
    weakest = [
        min(scored, _usual(within[m]), key=lambda x: x[0]) for m, scored in enumerate(found.weakest)
    ]
    for at in found_at:
        for match in at:
            m = int(group[match.one])
            weakest[m] = min(weakest[m], _scored(match), key=lambda x: x[0])
    return weakest


def _usual(several: Sequence[Scored]) -> Scored:
    """The middle one."""
    return sorted(several, key=lambda x: x[0])[(len(several) - 1) // 2]


def tied_of(
    views: Sequence[View], copy: Sequence[IntArray], ties: Sequence[Told], machine: IntArray
) -> NDArray[np.int32]:
    """Side -> number of the set that counters and clocks tie it into, over all windows.

    A flow that two windows judged is in the sets of both; links tie sets where both ends are of
    one machine (of each piece, `machine`).
    """
    base = np.cumsum([0] + [int(view.tied.max()) + 1 for view in views])
    of_copy = np.empty(sum(len(of) for of in copy), dtype=np.int64)
    for view, of, first in zip(views, copy, base[:-1].tolist(), strict=True):
        of_copy[of] = first + view.tied
    one, other = [], []
    for i in range(len(views) - 1):
        n = views[i].window.end - views[i + 1].window.begin
        one.append(of_copy[copy[i][-n:]])
        other.append(of_copy[copy[i + 1][:n]])
    for told in ties:
        carried = np.array([link.signal in CARRIERS for link in told.links], dtype=bool)
        carried &= machine[told.one] == machine[told.other]
        one.append(of_copy[told.copy[carried]])
        other.append(of_copy[told.again[carried]])
    ends = (np.concatenate(one), np.concatenate(other))
    graph = csr_array((np.ones(len(ends[0])), ends), shape=(base[-1], base[-1]))
    _, label = connected_components(graph, directed=False)
    of_side: NDArray[np.int32] = np.concatenate(
        [label[of_copy[of[view.window.own]]] for view, of in zip(views, copy, strict=True)]
    )
    return of_side


def held_over(
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
