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
from statistics import median_high

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from wiretell.devices.agglomerate import Partition, Scored, agglomerate
from wiretell.devices.bodies import CARRIERS, Held
from wiretell.devices.compare import Argument
from wiretell.devices.group import Group
from wiretell.devices.interleave import Mark
from wiretell.devices.judge import MOST_FOUNDERS, Judgement, count
from wiretell.devices.seam_clocks import Reading, continued
from wiretell.devices.seam_doubts import DOUBT, Doubt, doubts_of, sure_of
from wiretell.devices.seam_ends import Bridge
from wiretell.devices.seam_match import Match, matches
from wiretell.devices.windows import View
from wiretell.signal import Counter, Hold, Link
from wiretell.stats.likelihood import probability

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

NAME = "windows"
REASON = "the same flows, judged in two windows of time"
SHARED_BITS = 4.0
"""A flow that two groups share: one in about twenty is at the wrong one."""
LINE = "a clock line of one window goes on in another"
LINK_BITS = 12.0
"""A link across a seam says no more than this: a flow at its end may be a stray."""
LINE_FLOWS = 3
"""A clock of fewer flows is not held against a part: they may be strays, of which many windows have
many."""
ENOUGH = 5
"""Flows that a piece which is another's has in common with a further one, to say anything of it."""


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


@dataclass(frozen=True)
class _Told:
    """A row per flow that two pieces share, or per link from one to the other.

    `one` and `other` are the pieces, `copy` and `again` the numbers of the sides' copies.
    """

    one: IntArray
    other: IntArray
    copy: IntArray
    again: IntArray
    links: list[Link]
    """Of links; of shared flows none."""


def join(views: Sequence[View], bridges: Sequence[Bridge]) -> Joined:
    """The machines of an address from what its windows tell, in order of time.

    `bridges` are of each window and the next. A group of a window is a piece if any flow of it
    counts there. Cost: linear in the flows at seams, beside the comparison of what no seam puts
    together.
    """
    piece = _numbered(views)
    n_pieces = sum(int((of >= 0).sum()) for of in piece)
    copy = _copies(views)
    seams = [_shared(views, i, piece, copy) for i in range(len(bridges))]
    ties = [_linked(views, i, piece, copy, bridge) for i, bridge in enumerate(bridges)]
    pairs = continued(views)
    near, far = _lines(pairs, views, piece, copy)
    ties = [_both(tied, near[i]) for i, tied in enumerate(ties)]
    found_at = [_matches(shared, tied, n_pieces) for shared, tied in zip(seams, ties, strict=True)]
    part = _parts(found_at, n_pieces)
    strays = _strays(pairs, piece, part)
    parts = _absorbed(views, piece, part, copy, strays)
    links = _across(seams, [*ties, far], part)
    found, group = _compared(parts, views, bridges, links, copy)
    group = group[part]
    machine = [np.where(of >= 0, group[np.maximum(of, 0)], -1) for of in piece]
    tied = _tied(views, copy, [*ties, far], group)
    found.weakest = _weakest(found, views, machine, found_at, group)
    held = _held(len(found.groups), views, machine, tied)
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
        Doubt(m, -1, 0, probability(-bits))
        for m, (bits, _) in enumerate(weakest)
        if probability(-bits) > DOUBT
    ]


def _scored(match: Match) -> Scored:
    return match.bits, [Argument(NAME, match.bits, REASON)]


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


def _shared(
    views: Sequence[View], i: int, piece: Sequence[IntArray], copy: Sequence[IntArray]
) -> _Told:
    """The flows that windows `i` and `i + 1` share, where both have them in a piece."""
    before, after = views[i], views[i + 1]
    n = before.window.end - after.window.begin
    one, other = _piece_of(before.core[-n:], piece[i]), _piece_of(after.core[:n], piece[i + 1])
    known = (one >= 0) & (other >= 0)
    return _Told(one[known], other[known], copy[i][-n:][known], copy[i + 1][:n][known], [])


def _piece_of(core: IntArray, piece: IntArray) -> IntArray:
    """The piece of each side (-1: none) by its group in a window."""
    return np.where(core >= 0, piece[np.maximum(core, 0)], -1)


def _linked(
    views: Sequence[View],
    i: int,
    piece: Sequence[IntArray],
    copy: Sequence[IntArray],
    bridge: Bridge,
) -> _Told:
    """Links from a flow that window `i` judged to a later one that window `i + 1` judged.

    What both judged on both ends of a link is a shared flow, and told as such.
    """
    before, after = views[i].window, views[i + 1].window
    links = bridge.evidence.links
    ends = np.sort(bridge.at[np.array([(x.a, x.b) for x in links]).reshape(-1, 2).astype(int)])
    first, second = ends[:, 0], ends[:, 1]
    across = np.flatnonzero(
        (first < before.end)
        & (second >= after.begin)
        & ((first < after.begin) | (second >= before.end))
    )
    at, to = first[across] - before.begin, second[across] - after.begin
    one = _piece_of(views[i].core[at], piece[i])
    other = _piece_of(views[i + 1].core[to], piece[i + 1])
    known = np.flatnonzero((one >= 0) & (other >= 0))
    copies, again = copy[i][at[known]], copy[i + 1][to[known]]
    kept = [
        links[k]._replace(a=a, b=b)
        for k, a, b in zip(across[known].tolist(), copies.tolist(), again.tolist(), strict=True)
    ]
    return _Told(one[known], other[known], copies, again, kept)


def _lines(
    pairs: Sequence[tuple[Reading, Reading]],
    views: Sequence[View],
    piece: Sequence[IntArray],
    copy: Sequence[IntArray],
) -> tuple[list[_Told], _Told]:
    """Clock lines that go on in another window: in the next one (of each), and further away."""
    rows: list[list[tuple[int, int, Link]]] = [[] for _ in views]
    for x, y in pairs:
        at = x.window if y.window == x.window + 1 else -1
        a, b = (int(copy[r.window][r.side - views[r.window].window.begin]) for r in (x, y))
        link = Link("tcp_timestamp", a, b, LINK_BITS, LINE)
        rows[at].append((int(piece[x.window][x.group]), int(piece[y.window][y.group]), link))
    told: list[_Told] = []
    for of in rows:
        ends = np.array([(*pieces, link.a, link.b) for *pieces, link in of], dtype=np.int64)
        p, q, first, second = ends.reshape(-1, 4).T
        told.append(_Told(p, q, first, second, [link for _, _, link in of]))
    return told[:-1], told[-1]


def _both(one: _Told, other: _Told) -> _Told:
    return _Told(
        np.concatenate([one.one, other.one]),
        np.concatenate([one.other, other.other]),
        np.concatenate([one.copy, other.copy]),
        np.concatenate([one.again, other.again]),
        one.links + other.links,
    )


def _matches(shared: _Told, linked: _Told, n_pieces: int) -> list[Match]:
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


def _across(seams: Sequence[_Told], ties: Sequence[_Told], part: IntArray) -> list[Link]:
    """Links between parts: what speaks for one machine where no match put it together."""
    found: list[Link] = []
    for shared in seams:
        told = _telling(shared, len(part)) & (part[shared.one] != part[shared.other])
        ends = zip(shared.copy[told].tolist(), shared.again[told].tolist(), strict=True)
        found += [Link(NAME, a, b, SHARED_BITS, REASON) for a, b in ends]
    for tied in ties:
        apart = np.flatnonzero(part[tied.one] != part[tied.other])
        found += [tied.links[k] for k in apart.tolist()]
    return found


def _telling(seams: _Told, n_pieces: int) -> NDArray[np.bool_]:
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
    found = agglomerate(compared, links, _counters(views, bridges, copy), rules, starts.tolist())
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


def _counters(
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


def _weakest(
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


def _tied(
    views: Sequence[View], copy: Sequence[IntArray], ties: Sequence[_Told], machine: IntArray
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
