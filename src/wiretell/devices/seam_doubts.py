"""How sure it is that a group of a window is the machine that it was put together with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.seam_match import Match

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

AGREEING, AGREEING_FLOWS = 0.97, 10
"""Share of the flows at a seam that two windows give to the same machine (development seeds of
`bench.seams`), and how many flows of a group outweigh that."""
DOUBT = 0.1
"""A match less sure than by this is told as a doubt."""
BUSY = 10
"""A machine of which a window usually has so many flows is not silent for a whole window."""


@dataclass(frozen=True)
class Doubt:
    """A machine whose place is not sure after window `window`, the first being 0.

    It may have changed places with machine `other` there; -1: it may be another one that goes on,
    or was silent or taken for another one in that window. A window of -1: weak arguments put it
    together.
    """

    machine: int
    other: int
    window: int
    probability: float
    silent: bool = False


def sure_of(
    found_at: Sequence[Sequence[Match]], shared: Sequence[tuple[IntArray, IntArray]], size: IntArray
) -> FloatArray:
    """Probability that a flow of each piece is of the machine that its part is.

    `shared` has (one, other) of the flows of each seam, `size` the flows of each piece. Where a
    match is wrong, the smaller stretch of the two is the one at the wrong machine.
    """
    found = _along(found_at, size)
    n_all = np.full(len(size), float(AGREEING_FLOWS))
    n_same = AGREEING * n_all
    for at, (one, other) in zip(found_at, shared, strict=True):
        partner = np.full(len(size), -1)
        partner[[m.one for m in at]] = [m.other for m in at]
        same = partner[one] == other
        for ends in (one, other):
            np.add.at(n_all, ends, 1.0)
            np.add.at(n_same, ends, same)
    found *= n_same / n_all
    return found


def _along(found_at: Sequence[Sequence[Match]], size: IntArray) -> FloatArray:
    """Of each piece the probability that no match between it and its part's anchor is wrong."""
    after = {match.one: match for at in found_at for match in at}
    later = {match.other for match in after.values()}
    found = np.ones(len(size))
    for first in sorted(after.keys() - later):
        track, sure = [first], [1.0]
        while track[-1] in after:
            match = after[track[-1]]
            track.append(match.other)
            sure.append(match.sure)
        doubts = np.cumsum(np.log(np.maximum(sure, 1e-9)))
        chance = np.exp(-np.abs(doubts[:, None] - doubts[None, :]))
        anchor = int((chance @ size[track]).argmax())
        found[track] = chance[anchor]
    return found


def doubts_of(
    found_at: Sequence[Sequence[Match]], machine: IntArray, pieces: Sequence[Mapping[int, int]]
) -> list[Doubt]:
    """Seams where a place is not sure, and windows where a busy machine was not seen.

    `machine` is that of each piece, `pieces` of each window machine -> flows.
    """
    found: list[Doubt] = []
    for window, at in enumerate(found_at):
        for match in at:
            if match.sure > 1.0 - DOUBT:
                continue
            own = int(machine[match.one])
            other = int(machine[at[match.rival].one]) if match.rival >= 0 else -1
            exchange = match.exchanged > DOUBT and other != own
            chance = match.exchanged if exchange else 1.0 - match.sure
            found.append(Doubt(own, other if exchange else -1, window, chance))
    seen: dict[int, dict[int, int]] = defaultdict(dict)
    for window, sizes in enumerate(pieces):
        for m, n in sizes.items():
            seen[m][window] = n
    for m, windows in sorted(seen.items()):
        if median(windows.values()) < BUSY:
            continue
        for window in range(min(windows) + 1, max(windows)):
            if window not in windows:
                found.append(Doubt(m, -1, window, 1.0, silent=True))
    return found


def words_of(doubts: Sequence[Doubt], names: Mapping[int, str]) -> list[str]:
    """What is told of one machine: with whom it may have changed places, where it was not seen."""
    said: list[str] = []
    for other in sorted({d.other for d in doubts if d.other in names}):
        own = [d for d in doubts if d.other == other]
        most = max(d.probability for d in own)
        said.append(
            f"may have changed places with {names[other]} after {_windows(own)} of time:"
            f" {most:.0%} at most"
        )
    weak = [d for d in doubts if d.window < 0]
    if weak:
        said.append(f"put together by weak arguments: {weak[0].probability:.0%} that it is several")
    lost = [d for d in doubts if d.other < 0 <= d.window and not d.silent]
    if lost:
        said.append(f"may be another machine after {_windows(lost)} of time")
    silent = [d for d in doubts if d.silent]
    if silent:
        said.append(f"silent, or taken for another machine, in {_windows(silent)} of time")
    return said


def _windows(doubts: Sequence[Doubt]) -> str:
    numbers = sorted({d.window + 1 for d in doubts})
    if len(numbers) == 1:
        return f"window {numbers[0]}"
    return f"{len(numbers)} windows (first: {numbers[0]})"
