"""The first and last flows of every group of a window: by them a machine silent at a seam goes on.

Windows share flows so that their groups can be told to be the same. A machine that opened none of
these is still seen to go on where its last flow before the seam and its first one after it are on
one counter or clock. So each window keeps a few flows of each end of each group, and those of two
neighbours are scored by the signals as an address of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.devices.assign import Evidence
from wiretell.devices.group import Group

IntArray = NDArray[np.int64]

KEPT_ENDS = 12
"""Flows of each end of a group that are kept: two pages of a browser. On two development seeds of
`bench.seams` 1,275 machines were seen on both sides of a seam; with 8 flows 1,228 of them were
known again, with 20 it was 1,246, at 1.8 times the cost."""


@dataclass(frozen=True)
class Ends:
    """Sides at the ends of groups, in order of time; `at` is the number of each on the address.

    `sides` as of `sides_of`, `observations` as OBSERVATIONS.
    """

    at: IntArray
    sides: pl.DataFrame
    observations: pl.DataFrame

    def __add__(self, later: Ends) -> Ends:
        """Of two windows; what both kept is there once."""
        new = np.flatnonzero(~np.isin(later.at, self.at))
        at = np.concatenate([self.at, later.at[new]])
        order = np.argsort(at, kind="stable")
        sides = pl.concat([self.sides, later.sides[new.tolist()]])
        keys = later.sides[new.tolist()].select("flow_id", "side")
        said = later.observations.join(
            keys, on=["flow_id", "side"], how="semi", maintain_order="left"
        )
        return Ends(at[order], sides[order.tolist()], pl.concat([self.observations, said]))


@dataclass(frozen=True)
class Bridge:
    """What the signals say of the ends of two neighbours; sides of `evidence` by row of `at`."""

    at: IntArray
    evidence: Evidence


def ends_of(
    begin: int, sides: pl.DataFrame, observations: pl.DataFrame, groups: Sequence[Group]
) -> tuple[Ends, Ends]:
    """The first and the last sides of the groups of a window, whose first side is number `begin`.

    `groups` have the sides' numbers in the window.
    """
    found: list[Ends] = []
    for part in (slice(None, KEPT_ENDS), slice(-KEPT_ENDS, None)):
        kept = sorted({side for group in groups for side in sorted(group.sides)[part]})
        own = sides[kept].drop("number", strict=False)
        keys = own.select("flow_id", "side")
        said = observations.join(keys, on=["flow_id", "side"], how="semi", maintain_order="left")
        found.append(Ends(np.array(kept, dtype=np.int64) + begin, own, said))
    return found[0], found[1]
