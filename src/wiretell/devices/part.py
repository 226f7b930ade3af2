"""Addresses that are judged in one place, their sides one behind the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.devices.sides import in_order
from wiretell.devices.windows import Window, windows_of

IntArray = NDArray[np.int64]

PART_SIDES = 10_000
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


def part_of(address: str, sides: pl.DataFrame, observations: pl.DataFrame) -> Part:
    """One address; its sides with `number`."""
    starts, said = (np.array([0, table.height]) for table in (sides, observations))
    return Part((address,), sides, starts, observations, said)


def all_of(sides: pl.DataFrame, observations: pl.DataFrame) -> Part:
    """Every address, those that open flows first, busiest first."""
    ordered, addresses, starts = in_order(sides)
    place = pl.DataFrame(
        {"address": addresses, "place": np.arange(len(addresses))},
        {"address": pl.String, "place": pl.Int64},
    )
    said = observations.join(place, on="address", maintain_order="left").sort(
        "place", maintain_order=True
    )
    begins = np.searchsorted(said["place"].to_numpy(), np.arange(len(addresses) + 1))
    return Part(addresses, ordered, starts, said.drop("place"), begins)


def parts_of(every: Part) -> Iterator[Part]:
    """The addresses in their order, an address of very many flows by itself."""
    n_sides = np.diff(every.starts).tolist()
    first = together = 0
    for i, n in enumerate(n_sides):
        alone = bool(windows_of(n))
        if together and (alone or together + n > PART_SIDES):
            yield every.between(first, i)
            first, together = i, 0
        together += n
        if alone or together >= PART_SIDES:
            yield every.between(first, i + 1)
            first, together = i + 1, 0
    if together:
        yield every.between(first, len(n_sides))
