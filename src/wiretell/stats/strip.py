"""Slopes that two-sided bounds allow for certain, and which of them are likely.

A clock that was asked shows T at some moment between the request and the answer. It rises and
shows whole ticks, so at the request it read less than T + 1 and at the answer T or more: a line
that keeps to all of these bounds is possible, any other is not, whatever the delays were. (The
one-sided bound is that of Moon, Skelly and Towsley, INFOCOM 1999.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from wiretell.stats.line import FloatArray

Points = tuple[FloatArray, FloatArray]
"""(x, v) of points, or of the corners of their hull."""

N_SLOPES = 1001
ROOM = 0.9
"""Of the widest strip, at most so much is taken to be the shortest round trip: it may never have
been met with the clock about to tick."""


def certain_slopes(from_below: Points, from_above: Points) -> tuple[float, float]:
    """(least, greatest) slope of a line on or above the one points and on or below the others.

    Points are (x, v); corners of their hulls are enough. Without bounds -inf and inf; least
    exceeds greatest where no line keeps to all.
    """
    (below_x, below_v), (above_x, above_v) = from_below, from_above
    dx = above_x[None, :] - below_x[:, None]
    dv = above_v[None, :] - below_v[:, None]
    later, earlier = dx > 0.0, dx < 0.0
    greatest = float(np.min(dv[later] / dx[later], initial=math.inf))
    least = float(np.max(dv[earlier] / dx[earlier], initial=-math.inf))
    return least, greatest


def likely_slope(
    strips: Sequence[tuple[Points, Points]],
    certain: tuple[float, float],
    least_gap: float,
) -> tuple[float, float] | None:
    """(mean, standard deviation) of the slopes of all lines that keep to the bounds.

    All such lines are taken for equally likely, but for this: every round trip takes `least_gap`
    (in v) or more, so between the highest line on the points below and the lowest under those
    above there is as much room, less only where no strip is so wide. For one slope the lines of a
    strip lie side by side, so their number goes with the room that is left. `strips` are
    (points below, points above) of clocks of one slope and offsets of their own, `certain` the
    slopes that their bounds allow; None where these are not two different finite numbers.
    """
    if not (all(map(math.isfinite, certain)) and certain[0] < certain[1]):
        return None
    slope = np.linspace(*certain, N_SLOPES)
    middle = slope[N_SLOPES // 2]  # large numbers cancel before they are multiplied
    number = np.ones(N_SLOPES)
    for (below_x, below_v), (above_x, above_v) in strips:
        off = slope[:, None] - middle
        highest = np.max(below_v - middle * below_x - off * below_x, axis=1)
        lowest = np.min(above_v - middle * above_x - off * above_x, axis=1)
        room = lowest - highest
        number *= np.maximum(room - min(least_gap, ROOM * float(room.max())), 0.0)
        number /= max(float(number.max()), 1e-300)
    if not number.any():
        return None
    mean = float(np.average(slope, weights=number))
    return mean, math.sqrt(float(np.average((slope - mean) ** 2, weights=number)))
