"""Addresses that are judged in one place, their sides one behind the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.devices.sides import ROLE_COLUMNS, Sides, number, role_of
from wiretell.devices.windows import USUAL, Cut, Window, windows_of

IntArray = NDArray[np.int64]

PART_SIDES = 4_000
"""Addresses are put together until they have this many sides."""


@dataclass(frozen=True)
class Part:
    """Some addresses: their sides with `number`, in order of time, and their observations.

    Of address i they are the rows from `starts[i]` and `said[i]` to before the next.
    """

    addresses: Sequence[str]
    sides: pl.DataFrame
    starts: IntArray
    observations: pl.DataFrame
    said: IntArray

    @property
    def n_sides(self) -> int:
        """How many sides there are to judge."""
        return self.sides.height

    def between(self, first: int, last: int) -> Part:
        """The addresses from `first` to before `last`."""
        begin, end = self.starts[first], self.starts[last]
        head, tail = self.said[first], self.said[last]
        return Part(
            self.addresses[first:last],
            self.sides[begin:end],
            self.starts[first : last + 1] - begin,
            self.observations[head:tail],
            self.said[first : last + 1] - head,
        )


@dataclass(frozen=True)
class Stretch:
    """One window of an address of very many flows."""

    part: Part
    role: str
    window: Window
    is_last: bool

    @property
    def n_sides(self) -> int:
        """How many sides there are to judge."""
        return self.part.n_sides


def part_of(address: str, sides: pl.DataFrame, observations: pl.DataFrame) -> Part:
    """One address; its sides with `number`."""
    starts, said = (np.array([0, table.height]) for table in (sides, observations))
    return Part((address,), sides, starts, observations, said)


class Every:
    """All addresses in order, and their observations: parts are made as they are asked for."""

    def __init__(self, sides: Sides, observations: pl.DataFrame) -> None:
        self.sides = sides
        place = pl.DataFrame(
            {"address": sides.addresses, "place": np.arange(len(sides.addresses))},
            {"address": pl.String, "place": pl.Int64},
        )
        said = observations.join(place, on="address", maintain_order="left").sort(
            "place", maintain_order=True
        )
        at = said["place"].to_numpy()
        self._said = np.searchsorted(at, np.arange(len(sides.addresses) + 1))
        self._observations = said.drop("place")

    def between(self, first: int, last: int) -> Part:
        """The addresses from `first` to before `last`."""
        begin, end = self.sides.starts[[first, last]].tolist()
        return Part(
            self.sides.addresses[first:last],
            self.sides.table(begin, end),
            self.sides.starts[first : last + 1] - begin,
            self._observations[self._said[first] : self._said[last]],
            self._said[first : last + 1] - self._said[first],
        )

    def stretches(self, address: int, windows: Sequence[Window]) -> Iterator[Stretch]:
        """The windows of one address."""
        begin, end = self.sides.starts[[address, address + 1]].tolist()
        role = role_of(self.sides.table(begin, end, ROLE_COLUMNS))
        keys = self.sides.table(begin, end, ("flow_id", "side"))
        said = self._observations[self._said[address] : self._said[address + 1]]
        said = said.join(keys, on=["flow_id", "side"], maintain_order="left").sort(
            "number", maintain_order=True
        )
        at = said["number"].to_numpy()
        said = said.drop("number")
        for window in windows:
            low, high = np.searchsorted(at, [window.begin, window.end]).tolist()
            sides = self.sides.table(begin + window.begin, begin + window.end).drop("number")
            part = part_of(self.sides.addresses[address], number(sides), said[low:high])
            yield Stretch(part, role, window, window is windows[-1])


def work_of(every: Every, cut: Cut = USUAL) -> Iterator[Part | Stretch]:
    """The addresses in their order: those with few sides together, one with many in windows."""
    n_sides = np.diff(every.sides.starts).tolist()
    first = together = 0
    for i, n in enumerate(n_sides):
        windows = windows_of(n, cut)
        if together and (windows or together + n > PART_SIDES):
            yield every.between(first, i)
            first, together = i, 0
        if windows:
            yield from every.stretches(i, windows)
            first = i + 1
            continue
        together += n
        if together >= PART_SIDES:
            yield every.between(first, i + 1)
            first, together = i + 1, 0
    if together:
        yield every.between(first, len(n_sides))
