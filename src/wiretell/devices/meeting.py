"""Which clocks of two groups may contradict: found by their destinations, not pair by pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from wiretell.devices.group import Group
from wiretell.signal import Clock

Pair = tuple[Clock, Clock]


class Lines:
    """Clocks of one group, ready to be met by many others."""

    def __init__(self, clocks: Sequence[Clock]) -> None:
        self._clocks = clocks

    @cached_property
    def _everywhere(self) -> list[int]:
        return [i for i, clock in enumerate(self._clocks) if clock.scope == "host"]

    @cached_property
    def _towards(self) -> dict[str, list[int]]:
        towards: dict[str, list[int]] = {}
        for i, clock in enumerate(self._clocks):
            towards.setdefault(clock.peer, []).append(i)
        return towards

    def meeting(self, other: Lines) -> Iterator[Pair]:
        """Pairs that may contradict: a host's line meets all, others those towards the same peer.

        In order of our clocks, then of theirs.
        """
        theirs = other._clocks
        if not self._clocks or not theirs:
            return
        everywhere, towards = other._everywhere, other._towards
        ours: Sequence[int] = range(len(self._clocks))
        if not everywhere:
            few, many = sorted((towards, self._towards), key=len)
            met = {i for peer in few if peer in many for i in self._towards[peer]}
            ours = sorted(met.union(self._everywhere))
        for i in ours:
            mine = self._clocks[i]
            near = sorted({*everywhere, *towards.get(mine.peer, ())})
            for j in range(len(theirs)) if mine.scope == "host" else near:
                yield mine, theirs[j]


class Clocks:
    """All clocks of one group: `lines`, `singles`, and both together."""

    def __init__(self, group: Group) -> None:
        self.lines, self.singles = Lines(group.lines), Lines(group.singles)
        self.all = Lines([*group.lines, *group.singles])


def meeting(one: Clocks, other: Clocks) -> Iterator[Pair]:
    """Pairs of the clocks of two groups: lines meet all, singles lines."""
    yield from one.lines.meeting(other.all)
    yield from one.singles.meeting(other.lines)
