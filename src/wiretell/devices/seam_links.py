"""What says that groups of two windows are one: flows both have, counters and clocks that go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.seam_clocks import Reading
from wiretell.devices.seam_ends import Bridge
from wiretell.devices.windows import View
from wiretell.signal import Link

IntArray = NDArray[np.int64]

NAME = "windows"
REASON = "the same flows, judged in two windows of time"
SHARED_BITS = 4.0
"""A flow that two groups share: one in about twenty is at the wrong one."""
LINE = "a clock line of one window goes on in another"
LINK_BITS = 12.0
"""A link across a seam says no more than this: a flow at its end may be a stray."""
ENOUGH = 5
"""Flows that a piece which is another's has in common with a further one, to say anything of it."""


@dataclass(frozen=True)
class Told:
    """A row per flow that two pieces share, or per link from one to the other.

    `one` and `other` are the pieces, `copy` and `again` the numbers of the sides' copies.
    """

    one: IntArray
    other: IntArray
    copy: IntArray
    again: IntArray
    links: list[Link]
    """Of links; of shared flows none."""


def shared_of(
    views: Sequence[View], i: int, piece: Sequence[IntArray], copy: Sequence[IntArray]
) -> Told:
    """The flows that windows `i` and `i + 1` share, where both have them in a piece."""
    before, after = views[i], views[i + 1]
    n = before.window.end - after.window.begin
    one, other = _piece_of(before.core[-n:], piece[i]), _piece_of(after.core[:n], piece[i + 1])
    known = (one >= 0) & (other >= 0)
    return Told(one[known], other[known], copy[i][-n:][known], copy[i + 1][:n][known], [])


def _piece_of(core: IntArray, piece: IntArray) -> IntArray:
    """The piece of each side (-1: none) by its group in a window."""
    return np.where(core >= 0, piece[np.maximum(core, 0)], -1)


def linked_of(
    views: Sequence[View],
    i: int,
    piece: Sequence[IntArray],
    copy: Sequence[IntArray],
    bridge: Bridge,
) -> Told:
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
    return Told(one[known], other[known], copies, again, kept)


def lines_of(
    pairs: Sequence[tuple[Reading, Reading]],
    views: Sequence[View],
    piece: Sequence[IntArray],
    copy: Sequence[IntArray],
) -> tuple[list[Told], Told]:
    """Clock lines that go on in another window: in the next one (of each), and further away."""
    rows: list[list[tuple[int, int, Link]]] = [[] for _ in views]
    for x, y in pairs:
        at = x.window if y.window == x.window + 1 else -1
        a, b = (int(copy[r.window][r.side - views[r.window].window.begin]) for r in (x, y))
        link = Link("tcp_timestamp", a, b, LINK_BITS, LINE)
        rows[at].append((int(piece[x.window][x.group]), int(piece[y.window][y.group]), link))
    told: list[Told] = []
    for of in rows:
        ends = np.array([(*pieces, link.a, link.b) for *pieces, link in of], dtype=np.int64)
        p, q, first, second = ends.reshape(-1, 4).T
        told.append(Told(p, q, first, second, [link for _, _, link in of]))
    return told[:-1], told[-1]


def both(one: Told, other: Told) -> Told:
    """The rows of one, then those of the other."""
    return Told(
        np.concatenate([one.one, other.one]),
        np.concatenate([one.other, other.other]),
        np.concatenate([one.copy, other.copy]),
        np.concatenate([one.again, other.again]),
        one.links + other.links,
    )


def across(seams: Sequence[Told], ties: Sequence[Told], part: IntArray) -> list[Link]:
    """Links between parts: what speaks for one machine where no match put it together."""
    found: list[Link] = []
    for shared in seams:
        told = telling(shared, len(part)) & (part[shared.one] != part[shared.other])
        ends = zip(shared.copy[told].tolist(), shared.again[told].tolist(), strict=True)
        found += [Link(NAME, a, b, SHARED_BITS, REASON) for a, b in ends]
    for tied in ties:
        apart = np.flatnonzero(part[tied.one] != part[tied.other])
        found += [tied.links[k] for k in apart.tolist()]
    return found


def telling(seams: Told, n_pieces: int) -> NDArray[np.bool_]:
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
