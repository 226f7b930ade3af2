"""What the rest of a flow tells of a packet: evidence that a tracker on the spot does not have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

HALF = 1 << 31


@dataclass(frozen=True)
class Sighting:
    """A later packet: its number and how long after."""

    packet: int
    after_ns: int


@dataclass(frozen=True)
class Later:
    """Looks ahead in the rows of one flow (segments joined with packets, in order).

    Numbers are the tracker's relative ones, modulo 2^32.
    """

    rows: pl.DataFrame

    def acknowledged(self, side: int, next_rel: int, packet: int) -> Sighting | None:
        """The first later packet of the other side that covers `next_rel` of `side`."""
        table = self._tables[1 - side]
        covers = table["has_ack"] & _at_least(table["ack_rel"], next_rel)
        return _first(table, covers, packet, self._time_ns(packet))

    def carried(self, side: int, up_to_rel: int, packet: int) -> Sighting | None:
        """The first later packet of `side` with the byte before `up_to_rel`."""
        table = self._tables[side]
        holds = _at_least(table["next_seq_rel"], up_to_rel) & ~_at_least(
            table["seq_rel"], up_to_rel
        )
        return _first(table, holds, packet, self._time_ns(packet))

    def _time_ns(self, packet: int) -> int:
        place = int(np.searchsorted(self._packets, packet))
        return int(self._times[place])

    @cached_property
    def _packets(self) -> npt.NDArray[Any]:
        return self.rows["packet"].to_numpy()

    @cached_property
    def _times(self) -> npt.NDArray[Any]:
        return self.rows["time_ns"].to_numpy()

    @cached_property
    def _tables(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, npt.NDArray[Any]]]:
        return self._table(0), self._table(1)

    def _table(self, side: int) -> dict[str, npt.NDArray[Any]]:
        own = self.rows.filter((pl.col("side") == side) & pl.col("seq_rel").is_not_null())
        filled = own.with_columns(
            pl.col("ack_rel", "next_seq_rel", "flags").fill_null(0),
            has_ack=(pl.col("flags").fill_null(0) & 0x10 != 0) & pl.col("ack_rel").is_not_null(),
        )
        names = ("packet", "time_ns", "seq_rel", "next_seq_rel", "ack_rel", "has_ack")
        return {name: filled[name].to_numpy() for name in names}


def _at_least(numbers: npt.NDArray[Any], bound: int) -> npt.NDArray[Any]:
    """Which numbers are `bound` or less than 2^31 beyond it, modulo 2^32."""
    ahead = (numbers.astype(np.int64) - bound) % (1 << 32)
    return np.asarray(ahead < HALF)


def _first(
    table: dict[str, npt.NDArray[Any]], fits: npt.NDArray[Any], packet: int, time_ns: int
) -> Sighting | None:
    places = np.flatnonzero(fits & (table["packet"] > packet))
    if places.size == 0:
        return None
    place = int(places[0])
    return Sighting(int(table["packet"][place]), int(table["time_ns"][place]) - time_ns)
