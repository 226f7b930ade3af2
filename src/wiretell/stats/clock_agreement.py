"""Two measured clock rates: do they speak for one clock? Over arrays.

Rates of free crystals differ, so equal ones are an identity; rates of clocks that NTP holds are
all alike, so equal ones near true time say little (`stats.clock_population` has the figures).
Of one clock both rates are readings of one draw of the population, of two of two draws.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from wiretell.stats.clock_population import FREE, HELD_PPM, HELD_SHARE

FloatArray = NDArray[np.float64]

POPULATION = (
    (HELD_SHARE, HELD_PPM),
    *(((1.0 - HELD_SHARE) * share, ppm) for share, ppm in FREE),
)
"""Shares and spreads (standard deviation, ppm) of kinds of clocks."""
_LEAST = 1e-300


def free_bits(
    ppm: FloatArray, error: FloatArray, other_ppm: FloatArray, other_error: FloatArray
) -> FloatArray:
    """Bits for one clock if all ran free: rates off nominal, standard errors in ppm; broadcasts.

    Only the difference counts, so of several readings of one clock no two agree better because
    noise took both the same way.
    """
    narrow = np.square(error) + np.square(other_error)
    wide = narrow + 2.0 * FREE[0][1] ** 2
    apart = np.square(np.subtract(ppm, other_ppm))
    ratio = np.log2(wide / narrow) - (apart / narrow - apart / wide) / math.log(2.0)
    bits: FloatArray = 0.5 * ratio
    return bits


def agreement_bits(
    ppm: FloatArray, error: FloatArray, other_ppm: FloatArray, other_error: FloatArray
) -> FloatArray:
    """`free_bits`, but agreement says no more than it does where many clocks are held.

    With x, y the readings and e, f their errors, a kind of spread s gives for one clock the normal
    density of (x, y) with variances s^2 + e^2, s^2 + f^2 and covariance s^2.
    """
    x, y = np.asarray(ppm, dtype=np.float64), np.asarray(other_ppm, dtype=np.float64)
    e2, f2 = np.square(error), np.square(other_error)
    same = one = other = np.zeros(np.broadcast_shapes(x.shape, y.shape))
    for share, spread in POPULATION:
        s2 = spread**2
        a, b = s2 + e2, s2 + f2
        determinant = s2 * (e2 + f2) + e2 * f2
        far = (b * x**2 - 2.0 * s2 * x * y + a * y**2) / determinant
        same = same + share * np.exp(-0.5 * far) / np.sqrt(determinant)
        one = one + share * np.exp(-0.5 * x**2 / a) / np.sqrt(a)
        other = other + share * np.exp(-0.5 * y**2 / b) / np.sqrt(b)
    mixed = np.log2(np.maximum(same, _LEAST)) - np.log2(np.maximum(one * other, _LEAST))
    free = free_bits(ppm, error, other_ppm, other_error)
    bits: FloatArray = np.where(free > 0.0, np.minimum(free, np.maximum(mixed, 0.0)), free)
    return bits
