"""How alike clocks are: crystals that run free, and clocks that NTP holds.

A free crystal keeps its rate, and rates of two crystals differ: the rate is an identity. A clock
that NTP holds runs at the rate of true time whatever its crystal does, so all held clocks look
alike and a held clock has no memory: equal rates then say nothing.
Sources: Jiao and Zheng (2011), 1825 skews mostly within +-100 ppm; Kohno, Broido, claffy (2005).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wiretell.stats.common_mode import common_mode

FREE = ((0.9, 30.0), (0.1, 100.0))
"""Spread of free crystals: shares and standard deviations (ppm); one in ten is far out."""
HELD_PPM = 0.5
"""Spread of rates of held clocks: +-1 ppm holds 19 of 20."""
HELD_SHARE = 0.5
"""Share of held clocks before any is seen."""
PRIOR_CLOCKS = 4.0
"""The share above counts as much as so many clocks seen."""
NEAR_PPM, FAR_BUNCH = 1.0, 6
SPOILT = 0.004
"""Share of rates that a step of the clock or of the route has spoilt: bounds what one rate says."""
TURNED = 0.05
"""Chance that a machine's clock is held at one time and free at another."""


@dataclass(frozen=True)
class Measured:
    """A rate off nominal with its standard error, both in ppm."""

    ppm: float
    error_ppm: float


@dataclass(frozen=True)
class Population:
    """Where held clocks bunch (ppm), the share of clocks that are held, and if the bunch shows."""

    centre_ppm: float = 0.0
    held_share: float = HELD_SHARE
    bunched: bool = False

    def held(self, of: Measured) -> float:
        """Probability that this clock is held."""
        held = self.held_share * self.density_held(of)
        free = (1.0 - self.held_share) * self.density_free(of)
        return held / (held + free)

    def density_held(self, of: Measured) -> float:
        """Density (1/ppm) of this rate among held clocks."""
        return normal(of.ppm - self.centre_ppm, math.hypot(HELD_PPM, of.error_ppm))

    def density_free(self, of: Measured) -> float:
        """Density (1/ppm) of this rate among free clocks."""
        off = of.ppm - self.centre_ppm
        return sum(share * normal(off, math.hypot(sd, of.error_ppm)) for share, sd in FREE)

    def density(self, of: Measured) -> float:
        """Density (1/ppm) of this rate among all clocks."""
        held = self.held_share * self.density_held(of)
        return held + (1.0 - self.held_share) * self.density_free(of)


def normal(difference: float, sd: float) -> float:
    """Density of a normal distribution; never quite zero, so that ratios stay finite."""
    z = difference / sd
    return max(math.exp(-0.5 * min(z * z, 1400.0)) / (sd * math.sqrt(2.0 * math.pi)), 1e-300)


def population(rates: Sequence[Measured]) -> Population:
    """The population that a capture shows.

    The centre is 0 unless many clocks bunch elsewhere (`stats.common_mode`): then the observer's
    own clock is off, and the bunch is true time. A bunch far from the observer may as well be one
    machine with several addresses: it must be FAR_BUNCH clocks and half of all, with no more than
    one clock at the observer's own rate.
    """
    known = [r for r in rates if math.isfinite(r.ppm) and r.error_ppm < 2.0 * HELD_PPM]
    ppm = np.array([r.ppm for r in known], dtype=np.float64)
    common = common_mode(ppm, np.array([r.error_ppm for r in known], dtype=np.float64))
    bunched = common.kind == "bunch"
    if bunched and abs(common.ppm) > NEAR_PPM:
        near = int((np.abs(ppm) <= NEAR_PPM).sum())
        n_bunch = int(common.members.sum())
        bunched = n_bunch >= max(FAR_BUNCH, len(ppm) / 2.0) and near <= 1
    found = Population(common.ppm if bunched else 0.0, HELD_SHARE, bunched)
    seen = sum(found.held(r) for r in known)
    share = (seen + PRIOR_CLOCKS * HELD_SHARE) / (len(known) + PRIOR_CLOCKS)
    return Population(found.centre_ppm, share, found.bunched)


def same_clock_bits(
    a: Measured, b: Measured, apart_ppm: float, of_a: Population, of_b: Population
) -> float:
    """Bits for one clock read twice against two clocks of the populations they were found in.

    `apart_ppm` is the standard deviation of what one free clock changes between the readings.
    Free clocks: the rate is drawn once. Held clocks: drawn anew, as they have no memory. One in
    1/SPOILT readings is of no clock at all.
    """
    shift = of_a.centre_ppm - of_b.centre_ppm if of_a.bunched and of_b.bunched else 0.0
    moved = Measured(b.ppm + shift, b.error_ppm)
    free = _both_free(a, moved, apart_ppm, of_a.centre_ppm)
    h = 0.5 * (of_a.held_share + of_b.held_share)
    held_a, held_b = of_a.density_held(a), of_b.density_held(b)
    free_a, free_b = of_a.density_free(a), of_b.density_free(b)
    mixed = 0.5 * (held_a * free_b + free_a * held_b)
    same = h * (1.0 - TURNED) * held_a * held_b
    same += (1.0 - h) * (1.0 - TURNED) * free + TURNED * mixed
    other = (h * held_a + (1.0 - h) * free_a) * (h * held_b + (1.0 - h) * free_b)
    return math.log2((1.0 - SPOILT) * same / other + SPOILT)


def _both_free(a: Measured, b: Measured, apart_ppm: float, centre_ppm: float) -> float:
    """Density of two readings of one free clock."""
    found = 0.0
    for share, spread_ppm in FREE:
        variance = spread_ppm**2 + a.error_ppm**2
        known = spread_ppm**2 / variance
        expected = centre_ppm + (a.ppm - centre_ppm) * known
        sd = math.sqrt(known * a.error_ppm**2 + b.error_ppm**2 + apart_ppm**2)
        first = normal(a.ppm - centre_ppm, math.sqrt(variance))
        found += share * first * normal(b.ppm - expected, sd)
    return found


def chance_as_alike(apart_ppm: float, a: Measured, b: Measured, of: Population) -> float:
    """Probability that a clock of its own, read as `b`, lies within `apart_ppm` of the reading `a`.

    If `a` is held there is no saying how alike another held clock is: the chance is 1. Else the
    other is a free clock too, and errors of its reading are in the spread, so the chance is
    uniform under the hypothesis of clocks of their own: a p-value.
    """
    offset, held = a.ppm - of.centre_ppm, of.held(a)
    free = 0.0
    for share, sd in FREE:
        wide = math.hypot(sd, b.error_ppm) * math.sqrt(2.0)
        above = math.erf((offset + apart_ppm) / wide)
        free += 0.5 * share * (above - math.erf((offset - apart_ppm) / wide))
    return min(max(held + (1.0 - held) * free, 1e-300), 1.0)
