"""Which clocks of two groups may contradict: found by their destinations, not pair by pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wiretell.devices.group import Group
from wiretell.signal import Clock

Pair = tuple[Clock, Clock]


class Lines:
    """Clocks of one group, ready to be met by many others."""

    def __init__(self, clocks: Sequence[Clock]) -> None:
        self._clocks = clocks
        self._everywhere = _everywhere(clocks)
        self._towards = _towards(clocks)

    def meeting(self, theirs: Sequence[Clock]) -> Iterator[Pair]:
        """Pairs that may contradict: a host's line meets all, others those towards the same peer.

        In order of our clocks, then of theirs. Cost: as the pairs, beside the length of `theirs`.
        """
        if not self._clocks or not theirs:
            return
        everywhere, towards = _everywhere(theirs), _towards(theirs)
        ours: Sequence[int] = range(len(self._clocks))
        if not everywhere:
            met = {i for peer in towards for i in self._towards.get(peer, ())}
            ours = sorted(met.union(self._everywhere))
        for i in ours:
            mine = self._clocks[i]
            near = sorted({*everywhere, *towards.get(mine.peer, ())})
            for j in range(len(theirs)) if mine.scope == "host" else near:
                yield mine, theirs[j]


def meeting(lines: Lines, singles: Lines, other: Group) -> Iterator[Pair]:
    """Pairs of the clocks of two groups: one's as lines and as singles, the other as it is."""
    yield from lines.meeting([*other.lines, *other.singles])
    yield from singles.meeting(other.lines)


def _everywhere(clocks: Sequence[Clock]) -> list[int]:
    return [i for i, clock in enumerate(clocks) if clock.scope == "host"]


def _towards(clocks: Sequence[Clock]) -> dict[str, list[int]]:
    towards: dict[str, list[int]] = {}
    for i, clock in enumerate(clocks):
        towards.setdefault(clock.peer, []).append(i)
    return towards
