"""Points on a circle: which have a partner in reach, and where does the circle fall apart?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from wiretell.stats.clouds import IntArray
from wiretell.stats.line import FloatArray

BoolArray = NDArray[np.bool_]
Linked = Callable[[IntArray, IntArray], BoolArray]
"""Places of the two points of each pair -> does the pair agree?"""
MOST_NEIGHBOURS = 64
"""A point that agrees with none of so many neighbours is taken for one that might."""


def partnered(at: FloatArray, period: float, reach: float, linked: Linked) -> BoolArray:
    """Points (places `at` ascend, 0 to `period`) that agree with another within `reach`.

    Points in a crowd (MOST_NEIGHBOURS) may be among them without agreeing; none that agrees with
    another is left out. Memory: O(n).
    """
    n = len(at)
    some = np.zeros(n, dtype=bool)
    alone = np.arange(n)
    for step in range(1, min(n, MOST_NEIGHBOURS)):
        close = np.zeros(len(alone), dtype=bool)
        # All are asked of the next one: that is the one before of all, too.
        for way in (step, -step) if step > 1 else (step,):
            other = (alone + way) % n
            near = (at[other] - at[alone]) * np.sign(way) % period <= reach
            agree = np.flatnonzero(near)[linked(alone[near], other[near])]
            some[alone[agree]] = True
            some[other[agree]] = True
            close |= near
        if step == 1:
            close |= np.roll(close, 1)
        alone = alone[close & ~some[alone]]
        if not len(alone):
            return some
    some[alone] = n > 1
    return some


def parts(at: FloatArray, period: float, reach: float) -> IntArray:
    """Part of the circle, 0 on, that each point is in; gaps between parts are wider than `reach`.

    Places `at` ascend from 0 to `period`.
    """
    part: IntArray = np.cumsum(np.diff(at, prepend=at[:1]) > reach)
    if len(at) and at[0] + period - at[-1] <= reach:
        part[part == part[-1]] = 0
    return part
