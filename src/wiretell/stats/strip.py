"""Slopes that two-sided bounds allow for certain.

A clock that was asked shows T at some moment between the request and the answer. It rises and
shows whole ticks, so at the request it read less than T + 1 and at the answer T or more: a line
that keeps to all of these bounds is possible, any other is not, whatever the delays were. (The
one-sided bound is that of Moon, Skelly and Towsley, INFOCOM 1999.)
"""

from __future__ import annotations

import math

import numpy as np

from wiretell.stats.line import FloatArray


def certain_slopes(
    from_below: tuple[FloatArray, FloatArray], from_above: tuple[FloatArray, FloatArray]
) -> tuple[float, float]:
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
