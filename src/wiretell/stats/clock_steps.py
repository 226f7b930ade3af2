"""Where one clock was set: steps of its offset, located.

After Zhang, Liu and Xia (INFOCOM 2002), who look for resets in one-way delays: the least delayed
readings keep their level until the clock is set. Levels are compared between neighbouring blocks
of readings, on both sides of every place; the greatest jump that noise does not explain is
taken, and both sides are searched again. A path that becomes longer or shorter looks the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wiretell.stats.line import FloatArray

BLOCK = 4
"""Readings of which the least delayed one stands for all."""
SIDE = 4
"""Blocks on either side whose median is the level there."""
SIGMAS, FEW_TICKS, LEAST_S = 8.0, 4.0, 0.004
"""A step is beyond so many deviations of block levels, so many ticks, and so long."""
MOST_STEPS = 32


@dataclass(frozen=True)
class Step:
    """From the reading `index` on, the clock is ahead by `size_s` more (behind: negative)."""

    index: int
    size_s: float


def find_steps(x: FloatArray, residual: FloatArray, tick_s: float) -> list[Step]:
    """Steps of one clock, in order of time. `residual` in s against a line, x ascending, in s."""
    n_blocks = len(x) // BLOCK
    if n_blocks < 2 * SIDE:
        return []
    level = residual[: n_blocks * BLOCK].reshape(n_blocks, BLOCK).max(axis=1)
    noise = 1.4826 * float(np.median(np.abs(np.diff(level)))) / 2.0**0.5
    least = max(SIGMAS * noise, FEW_TICKS * tick_s, LEAST_S)
    medians = np.median(np.lib.stride_tricks.sliding_window_view(level, SIDE), axis=1)
    jumps = medians[SIDE:] - medians[:-SIDE]
    found: list[Step] = []
    waiting = [(0, n_blocks)]
    while waiting and len(found) < MOST_STEPS:
        low, high = waiting.pop()
        if high - low < 2 * SIDE:
            continue
        inside = jumps[low : high - 2 * SIDE + 1]
        place = int(np.abs(inside).argmax())
        best, size = low + SIDE + place, float(inside[place])
        if abs(size) <= least:
            continue
        before, after = level[max(low, best - 8) : best], level[best : min(high, best + 8)]
        lasting = float(np.median(after) - np.median(before))
        if abs(lasting) <= least or lasting * size < 0.0:
            continue
        found.append(Step(_located(residual, best, lasting), lasting))
        waiting += [(low, best), (best, high)]
    return sorted(found, key=lambda step: step.index)


def _located(residual: FloatArray, block: int, size_s: float) -> int:
    """The reading at which the level changes, within a block or two of the boundary."""
    first, last = max((block - 2) * BLOCK, 1), min((block + 2) * BLOCK, len(residual) - 1)
    places = np.arange(first, last)
    near = residual[(block - 2) * BLOCK : (block + 2) * BLOCK]
    middle = float(near.max()) - abs(size_s) / 2.0
    # Late readings fall below either level, so only those above the lower one are told apart.
    high = residual > middle
    rising = size_s > 0.0
    wrong = [
        int((high[first:at] == rising).sum() + (high[at:last] != rising).sum()) for at in places
    ]
    return int(places[int(np.argmin(wrong))])
