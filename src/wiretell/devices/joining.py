"""How two sides came into one group: the merges on the way, from the history of the groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wiretell.devices.agglomerate import Merge, Round


@dataclass(frozen=True)
class Joining:
    """The merge that brought two sides together, those before it that either side's group made.

    `merge` is None where the two were in one part from the start. `n_sides` counts the sides of
    both groups at that moment, the first side's group first.
    """

    merge: Merge | None
    before: tuple[Merge, ...]
    n_sides: tuple[int, int]

    @property
    def weakest(self) -> float:
        """Bits of the least certain merge on the way; infinite without one."""
        merges = [*self.before, *([self.merge] if self.merge else [])]
        return min((merge.bits for merge in merges), default=float("inf"))


def joining(history: Sequence[Round], i: int, j: int) -> Joining | None:
    """How sides `i` and `j` came together; None where they never did."""
    before: list[Merge] = []
    for each in history:
        place = {side: p for p, part in enumerate(each.parts) for side in part if side in (i, j)}
        size = [len(part) for part in each.parts]
        ours, theirs = place.get(i, -1), place.get(j, -2)
        if ours == theirs:
            return Joining(None, tuple(before), (size[ours], size[ours]))
        for merge in each.merges:
            if {merge.a, merge.b} == {ours, theirs}:
                return Joining(merge, tuple(before), (size[ours], size[theirs]))
            if {merge.a, merge.b} & {ours, theirs}:
                before.append(merge)
            size[merge.a] += size[merge.b]
            ours = merge.a if ours == merge.b else ours
            theirs = merge.a if theirs == merge.b else theirs
    return None
