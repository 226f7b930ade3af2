"""Many pairs of clocks at once: what each says for or against being one machine's.

The same arithmetic as `compare.line_bits`, for clocks that are known to be comparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.compare import (
    CLOCK_CONFLICT_BITS,
    DELAY_PRIOR,
    DELAY_S,
    LINE_SLACK_S,
    OTHER_RATE,
    OTHER_RATE_BITS,
    OVERLAP_S,
    REBOOT_EVERY_S,
    REBOOT_PRIOR,
    RESTART_SURE_S,
    SUSPEND_PRIOR,
)
from wiretell.signal import Clock
from wiretell.stats.counter_lines import MODULUS, wrapped_each

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class ClockColumns:
    """Clocks as columns; `side` is the first of `n_sides`."""

    nominal_hz: FloatArray
    first_s: FloatArray
    last_s: FloatArray
    v_first: IntArray
    n_sides: IntArray
    side: IntArray

    @classmethod
    def of(cls, clocks: Sequence[Clock]) -> ClockColumns:
        """A row for each clock."""
        return cls(
            np.array([clock.nominal_hz for clock in clocks], dtype=np.float64),
            np.array([clock.first_s for clock in clocks], dtype=np.float64),
            np.array([clock.last_s for clock in clocks], dtype=np.float64),
            np.array([clock.v_first for clock in clocks], dtype=np.int64),
            np.array([len(clock.sides) for clock in clocks], dtype=np.int64),
            np.array([clock.sides[0] for clock in clocks], dtype=np.int64),
        )

    def at(self, rows: IntArray) -> ClockColumns:
        """These rows."""
        return ClockColumns(
            self.nominal_hz[rows],
            self.first_s[rows],
            self.last_s[rows],
            self.v_first[rows],
            self.n_sides[rows],
            self.side[rows],
        )

    def chosen(self, mine: BoolArray, other: ClockColumns) -> ClockColumns:
        """Rows of `self` where `mine`, else of `other`."""
        return ClockColumns(
            np.where(mine, self.nominal_hz, other.nominal_hz),
            np.where(mine, self.first_s, other.first_s),
            np.where(mine, self.last_s, other.last_s),
            np.where(mine, self.v_first, other.v_first),
            np.where(mine, self.n_sides, other.n_sides),
            np.where(mine, self.side, other.side),
        )


def pair_bits(x: ClockColumns, y: ClockColumns) -> FloatArray:
    """Bits of each pair of comparable clocks; NaN where nothing can be said.

    One of the two has a single side, or both have several that are not the same.
    """
    swapped = y.first_s < x.first_s
    x, y = y.chosen(swapped, x), x.chosen(swapped, y)
    same = (x.n_sides == 1) & (y.n_sides == 1) & (x.side == y.side)
    known = np.where(x.nominal_hz > 0.0, x.nominal_hz, y.nominal_hz)
    nothing = same | (known == 0.0)
    hz = np.where(known == 0.0, 1.0, known)
    both = (x.nominal_hz > 0.0) & (y.nominal_hz > 0.0)
    ratio = x.nominal_hz / np.where(both, y.nominal_hz, 1.0)
    other_rate = both & (np.abs(ratio - 1.0) > OTHER_RATE)
    turns = np.rint(hz * (y.first_s - x.first_s)).astype(np.int64)
    jump_s = wrapped_each(y.v_first - x.v_first - turns) / hz
    uptime_s = np.minimum(y.v_first / hz, ((y.v_first + 300.0 * hz) % MODULUS) / hz)
    alone = _uptime_density(uptime_s, MODULUS / hz)
    density = _most_likely_way(x, y, hz, jump_s, uptime_s)
    bits = np.log2(np.maximum(density / alone, 2.0**CLOCK_CONFLICT_BITS))
    bits = np.where(other_rate, OTHER_RATE_BITS, bits)
    bits[nothing] = np.nan
    return bits


def _most_likely_way(
    x: ClockColumns, y: ClockColumns, hz: FloatArray, jump_s: FloatArray, uptime_s: FloatArray
) -> FloatArray:
    """Density per s of the offset between line x and later line y of one machine."""
    delayed = (np.minimum(x.n_sides, y.n_sides) == 1) & (np.abs(jump_s) <= DELAY_S)
    goes_on = ~delayed & (np.abs(jump_s) <= LINE_SLACK_S)
    density = np.where(delayed, DELAY_PRIOR / DELAY_S, np.where(goes_on, 0.5 / LINE_SLACK_S, 0.0))
    silence_s = y.first_s - x.last_s
    gap = np.maximum(silence_s, OVERLAP_S)
    reboot = 1.0 - (1.0 - REBOOT_PRIOR) * np.exp(-gap / REBOOT_EVERY_S)
    ways = (
        (uptime_s <= gap + LINE_SLACK_S, reboot * _uptime_density(uptime_s, gap)),
        ((-gap <= jump_s) & (jump_s < 0.0), SUSPEND_PRIOR / gap),
        (gap > RESTART_SURE_S, 0.5 / (MODULUS / hz)),
    )
    apart = silence_s > -OVERLAP_S
    for possible, how_likely in ways:
        density = np.where(apart & possible, np.maximum(density, how_likely), density)
    return density


def _uptime_density(uptime_s: FloatArray, most_s: FloatArray) -> FloatArray:
    """As of `compare`: half uniform, half logarithmic, up to a most."""
    density: FloatArray = 0.5 / most_s + 0.5 / (
        np.maximum(uptime_s, 1.0) * np.log(np.maximum(most_s, 3.0))
    )
    return density
