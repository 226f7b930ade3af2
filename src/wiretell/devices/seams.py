"""Windows of an address -> its machines: groups of neighbours that go on as one another are one.

Two windows judge the flows between them apart from one another. Three things say which group of
one is which of the other: flows that both judged, counters that go on from the last flows of one
to the first of the other (`seam_ends`), and clock lines that do (`seam_clocks`). Groups are put
together one to one, by the greatest sum of these (`seam_match`). What is left (a window told two
machines apart that another did not, a machine that was silent for long) is compared as parts of an
address are anywhere, and that a window told two apart is an argument that they are two.
"""

from __future__ import annotations

from collections import Counter as Votes
from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from wiretell.devices.agglomerate import Partition, Scored, agglomerate
from wiretell.devices.group import Group
from wiretell.devices.judge import MOST_FOUNDERS, Judgement, count
from wiretell.devices.seam_clocks import Reading, continued
from wiretell.devices.seam_doubts import DOUBT, Doubt, doubts_of, sure_of
from wiretell.devices.seam_ends import Bridge
from wiretell.devices.seam_links import (
    LINK_BITS,
    SHARED_BITS,
    Told,
    across,
    both,
    lines_of,
    linked_of,
    shared_of,
)
from wiretell.devices.seam_match import Match, matches
from wiretell.devices.seam_sums import counters_of, held_over, tied_of, weakest_of
from wiretell.devices.windows import View
from wiretell.signal import Link
from wiretell.stats.likelihood import probability

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

LINE_FLOWS = 3
"""A clock of fewer flows is not held against a part: they may be strays, of which many windows have
many."""


@dataclass(frozen=True)
class Joined:
    """All windows as one: the judgement, and per window of each group its machine (-1: none).

    `sure` is, as `machine`, the probability that a flow of the group is that machine's. `doubts`
    are the seams and windows where a machine's place is not sure.
    """

    judgement: Judgement
    machine: list[IntArray]
    sure: list[FloatArray]
    doubts: list[Doubt]


def join(views: Sequence[View], bridges: Sequence[Bridge]) -> Joined:
    """The machines of an address from what its windows tell, in order of time.

    `bridges` are of each window and the next. A group of a window is a piece if any flow of it
    counts there. Cost: linear in the flows at seams, beside the comparison of what no seam puts
    together.
    """
    piece = _numbered(views)
    n_pieces = sum(int((of >= 0).sum()) for of in piece)
    copy = _copies(views)
    seams = [shared_of(views, i, piece, copy) for i in range(len(bridges))]
    ties = [linked_of(views, i, piece, copy, bridge) for i, bridge in enumerate(bridges)]
    pairs = continued(views)
    near, far = lines_of(pairs, views, piece, copy)
    ties = [both(tied, near[i]) for i, tied in enumerate(ties)]
    found_at = [_matches(shared, tied, n_pieces) for shared, tied in zip(seams, ties, strict=True)]
    part = _parts(found_at, n_pieces)
    strays = _strays(pairs, piece, part)
    parts = _absorbed(views, piece, part, copy, strays)
    links = across(seams, [*ties, far], part)
    found, group = _compared(parts, views, bridges, links, copy)
    group = group[part]
    machine = [np.where(of >= 0, group[np.maximum(of, 0)], -1) for of in piece]
    tied = tied_of(views, copy, [*ties, far], group)
    found.weakest = weakest_of(found, views, machine, found_at, group)
    held = held_over(len(found.groups), views, machine, tied)
    starts = [(view.starts.min(), view.starts.max()) for view in views]
    seconds = float(max(last for _, last in starts) - min(first for first, _ in starts))
    judgement = Judgement(found, count(found, held, seconds), [], {}, [], tied)
    size = np.concatenate([_sizes(view)[of >= 0] for view, of in zip(views, piece, strict=True)])
    sure = sure_of(found_at, [(shared.one, shared.other) for shared in seams], size)
    pieces = [
        dict(zip(group[of[of >= 0]].tolist(), size[of[of >= 0]].tolist(), strict=True))
        for of in piece
    ]
    doubts = doubts_of(found_at, group, pieces) + _put_together(found.weakest)
    return Joined(judgement, machine, _each(sure, views, piece), doubts)


def _sizes(view: View) -> IntArray:
    """Flows of each group of a window by themselves."""
    return np.array([len(group.sides) for group in view.groups], dtype=np.int64)


def _each(sure: FloatArray, views: Sequence[View], piece: Sequence[IntArray]) -> list[FloatArray]:
    """`sure` of each group of each window, with how sure it is that it is one machine there."""
    return [
        np.where(of >= 0, sure[np.maximum(of, 0)], 0.0)
        * np.array([probability(bits) for bits, _ in view.weakest])
        for view, of in zip(views, piece, strict=True)
    ]


def _put_together(weakest: Sequence[Scored]) -> list[Doubt]:
    """Machines that little puts together."""
    return [
        Doubt(m, -1, -1, probability(-bits))
        for m, (bits, _) in enumerate(weakest)
        if probability(-bits) > DOUBT
    ]


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


def _matches(shared: Told, linked: Told, n_pieces: int) -> list[Match]:
    """Who goes on as whom at one seam."""
    bits = np.minimum([link.bits for link in linked.links], LINK_BITS)
    keys = np.concatenate(
        [shared.one * n_pieces + shared.other, linked.one * n_pieces + linked.other]
    )
    weights = np.concatenate([np.full(len(shared.one), SHARED_BITS), bits])
    pairs, at = np.unique(keys, return_inverse=True)
    total = np.zeros(len(pairs))
    np.add.at(total, at, weights)
    return matches(pairs // n_pieces, pairs % n_pieces, total)


def _parts(found_at: Sequence[Sequence[Match]], n_pieces: int) -> IntArray:
    """Piece -> number of its part: what matches at all seams put together."""
    ends = np.array([(m.one, m.other) for at in found_at for m in at], dtype=np.int64).reshape(
        -1, 2
    )
    graph = csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n_pieces, n_pieces))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _key(reading: Reading) -> tuple[int, int, tuple[int, ...]]:
    return reading.window, reading.group, reading.clock.sides


def _strays(
    pairs: Sequence[tuple[Reading, Reading]], piece: Sequence[IntArray], part: IntArray
) -> set[tuple[int, tuple[int, ...]]]:
    """Clocks (part, sides) that go on in another part, which has more flows of theirs.

    Their flows are strays; what they say would be held against the part that took them in.
    """
    number: dict[tuple[int, int, tuple[int, ...]], int] = {}
    known: list[Reading] = []
    ends: list[tuple[int, int]] = []
    for pair in pairs:
        for reading in pair:
            if _key(reading) not in number:
                number[_key(reading)] = len(known)
                known.append(reading)
        ends.append((number[_key(pair[0])], number[_key(pair[1])]))
    if not ends:
        return set()
    one, other = np.array(ends).T
    graph = csr_array((np.ones(len(one)), (one, other)), shape=(len(known), len(known)))
    label = connected_components(graph, directed=False)[1].tolist()
    votes: dict[int, Votes[int]] = defaultdict(Votes)
    owner = [int(part[piece[x.window][x.group]]) for x in known]
    for reading, clock, at in zip(known, label, owner, strict=True):
        votes[clock][at] += len(reading.clock.sides)
    return {
        (at, reading.clock.sides)
        for reading, clock, at in zip(known, label, owner, strict=True)
        if votes[clock][at] < max(votes[clock].values())
    }


def _absorbed(
    views: Sequence[View],
    piece: Sequence[IntArray],
    part: IntArray,
    copy: Sequence[IntArray],
    strays: Set[tuple[int, tuple[int, ...]]],
) -> list[Group]:
    """A group for each part, its sides by the numbers of their copies; without stray clocks."""
    found: dict[int, Group] = {}
    for view, numbers, copies in zip(views, piece, copy, strict=True):
        for group, number in zip(view.groups, numbers.tolist(), strict=True):
            if number < 0:
                continue
            sides = copies[np.array(group.sides) - view.window.begin].tolist()
            at = int(part[number])
            placed = replace(
                group,
                sides=sides,
                lines=[
                    clock
                    for clock in group.lines
                    if len(clock.sides) >= LINE_FLOWS and (at, clock.sides) not in strays
                ],
                singles=[],
            )
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
    bridges: Sequence[Bridge],
    links: Sequence[Link],
    copy: Sequence[IntArray],
) -> tuple[Partition, IntArray]:
    """The machines that the parts make, and the machine of each part.

    Beyond `MOST_FOUNDERS` the smaller parts stay as they are.
    """
    order = sorted(range(len(parts)), key=lambda i: (-len(parts[i].sides), i))
    chosen, left = sorted(order[:MOST_FOUNDERS]), sorted(order[MOST_FOUNDERS:])
    starts = np.empty(sum(len(view.starts) for view in views))
    for view, copies in zip(views, copy, strict=True):
        starts[copies] = view.starts
    rules = {kind: rule for view in views for kind, rule in view.rules.items()}
    compared = [parts[i] for i in chosen]
    found = agglomerate(compared, links, counters_of(views, bridges, copy), rules, starts.tolist())
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
