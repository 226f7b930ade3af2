"""A second count of an address with very many flows, on flows that follow one another.

Of very many flows too many machines are told apart, and too surely (measured: decision 6). Where
the counters of machines cross, a chain may take in flows of another machine; the more flows, the
more of that, and pieces with such strays contradict one another. A part of the flows has fewer,
but misses machines that were there at other times only. So neither count is believed alone, and
the interval holds both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from wiretell.devices.sides import number
from wiretell.stats.counting import mode

LARGE_SIDES = 200_000
"""An address of more sides than this is counted twice."""
PART_SIDES = 100_000
"""Sides that are counted the second time: those in the middle, in order of time."""


@dataclass(frozen=True)
class Recount:
    """Number of machines -> probability, as `n_sides` sides alone tell it; `whole` as all do."""

    n_sides: int
    distribution: Mapping[int, float]
    whole: Mapping[int, float]

    @property
    def differs(self) -> bool:
        """Is another number the most probable one?"""
        return mode(self.distribution) != mode(self.whole)

    @property
    def words(self) -> str:
        """Both counts, for people."""
        return (
            f"all flows tell {mode(self.whole)} machines apart, {self.n_sides:,} consecutive ones"
            f" {mode(self.distribution)}: long chains may hold flows of others,"
            " a part may miss who came at other times"
        )


def part_of(sides: pl.DataFrame) -> pl.DataFrame | None:
    """The sides of one address to count again, numbered anew; None where all are few enough."""
    if sides.height <= LARGE_SIDES:
        return None
    begin = (sides.height - PART_SIDES) // 2
    return number(sides.slice(begin, PART_SIDES).drop("number"))


def both(again: Recount) -> dict[int, float]:
    """Number of machines -> probability, either count being as probable as the other."""
    counts = sorted(again.distribution.keys() | again.whole.keys())
    return {n: 0.5 * (again.distribution.get(n, 0.0) + again.whole.get(n, 0.0)) for n in counts}
