"""Log-likelihood ratios in bits (base 2)."""

from __future__ import annotations

import math


def normal_bits(difference: float, sd: float, population_sd: float) -> float:
    """Bits for "same value" against "two draws of a population".

    `difference` is between two measurements, `sd` the standard error of that difference,
    `population_sd` the spread of one value among machines. Under "same" the difference is
    N(0, sd^2), under "other" N(0, sd^2 + 2 population_sd^2).
    """
    wide = math.hypot(sd, math.sqrt(2.0) * population_sd)
    z_same, z_other = difference / sd, difference / wide
    return (math.log(wide / sd) - 0.5 * (z_same * z_same - z_other * z_other)) / math.log(2.0)


def probability(bits: float) -> float:
    """Posterior probability of odds `2**bits` (numerically safe)."""
    if bits >= 0.0:
        return 1.0 / (1.0 + math.exp2(-min(bits, 1000.0)))
    odds = math.exp2(max(bits, -1000.0))
    return odds / (1.0 + odds)


def capped(bits: float, low: float, high: float) -> float:
    """`bits` kept within [low, high]: one signal must not outvote all others."""
    return min(max(bits, low), high)
