"""Do several clocks tick at one rate, and is that more than chance?

The likelihood ratio of one common slope against slopes of their own, with chi-square for "one
rate fits" and, for "clocks of their own that happen to agree", a p-value that is corrected for
every way in which k of n clocks could have been picked: E[number of k-subsets within a range w]
<= n C(n-1, k-1) q^(k-1), q being the chance of one clock within w of another (Bonferroni). Several
groups are corrected by Holm (1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import chdtrc

from wiretell.stats.clock_population import FREE, Measured, Population, chance_as_alike

LEAST_ERROR_PPM = 0.05
"""Two clocks are never measured better apart: a route that drifts looks like a rate."""
ONE_RATE_P = 0.01
"""Clocks whose common rate fits worse than this are not of one rate."""


@dataclass(frozen=True)
class CommonRate:
    """Clocks taken for one: the rate and its error, how well it fits, and how likely by chance.

    `p_fit` is small where the clocks contradict one rate; `p_chance` (corrected for the choice of
    these among all) where clocks of their own would hardly agree so well; `bits` is the
    likelihood ratio of one free clock against free clocks of their own, 0 where NTP holds them.
    """

    ppm: float
    error_ppm: float
    range_ppm: float
    p_fit: float
    p_chance: float
    bits: float


def one_rate(rates: Sequence[Measured]) -> tuple[float, float, float]:
    """(common rate, its error, p-value of the fit) of these clocks."""
    ppm = np.array([r.ppm for r in rates])
    weight = np.array([1.0 / (r.error_ppm**2 + LEAST_ERROR_PPM**2) for r in rates])
    mean = float(np.average(ppm, weights=weight))
    chi2 = float((weight * (ppm - mean) ** 2).sum())
    p_fit = float(chdtrc(len(ppm) - 1, chi2)) if len(ppm) > 1 else 1.0
    return mean, float(weight.sum()) ** -0.5, p_fit


def groups_of_one_rate(rates: Sequence[Measured]) -> list[list[int]]:
    """Clocks put into groups that one rate fits: nearest first, numbers in order of rate.

    Agglomerative: the two neighbours (in order of rate) whose union fits best are merged until no
    union fits with a p-value of ONE_RATE_P.
    """
    order = sorted(range(len(rates)), key=lambda i: (rates[i].ppm, i))
    groups = [[i] for i in order]
    fits = [_fit(rates, a, b) for a, b in pairwise(groups)]
    while fits:
        best = max(range(len(fits)), key=fits.__getitem__)
        if fits[best] < ONE_RATE_P:
            break
        groups[best] += groups.pop(best + 1)
        del fits[best]
        for at in (best - 1, best):
            if 0 <= at < len(fits):
                fits[at] = _fit(rates, groups[at], groups[at + 1])
    return groups


def _fit(rates: Sequence[Measured], a: Sequence[int], b: Sequence[int]) -> float:
    return one_rate([rates[i] for i in (*a, *b)])[2]


def judged(rates: Sequence[Measured], n_all: int, of: Population) -> CommonRate:
    """What speaks for these clocks being one, picked out of `n_all` clocks of a population."""
    ppm, error_ppm, p_fit = one_rate(rates)
    values = [r.ppm for r in rates]
    width, k = max(values) - min(values), len(rates)
    middle = Measured(ppm, error_ppm)
    others = sorted(rates, key=lambda r: r.error_ppm)[1:]
    log_p = math.log(n_all) + _log_choose(n_all - 1, k - 1)
    log_p += sum(math.log(chance_as_alike(width, middle, r, of)) for r in others)
    bits = 0.0 if of.held(middle) > 0.5 else _bits(rates, of)
    return CommonRate(ppm, error_ppm, width, p_fit, math.exp(min(log_p, 0.0)), bits)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _bits(rates: Sequence[Measured], of: Population) -> float:
    """log2 likelihood ratio: one free clock against free clocks of their own."""
    variances = [r.error_ppm**2 + LEAST_ERROR_PPM**2 for r in rates]
    ways = []
    for share, spread_ppm in FREE:
        # N(r_i; theta, e_i^2) for all i and N(theta; centre, spread^2), integrated over theta.
        precision = sum(1.0 / v for v in variances) + spread_ppm**-2
        weighted = sum((r.ppm - of.centre_ppm) / v for r, v in zip(rates, variances, strict=True))
        squares = sum(
            (r.ppm - of.centre_ppm) ** 2 / v for r, v in zip(rates, variances, strict=True)
        )
        log_density = -0.5 * sum(math.log(2.0 * math.pi * v) for v in variances)
        log_density -= math.log(spread_ppm) + 0.5 * math.log(precision)
        log_density -= 0.5 * (squares - weighted**2 / precision)
        ways.append(math.log(share) + log_density)
    top = max(ways)
    one = top + math.log(sum(math.exp(way - top) for way in ways))
    apart = sum(math.log(of.density_free(r)) for r in rates)
    return (one - apart) / math.log(2.0)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number by Holm's step-down method, in the order given."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected = [1.0] * len(p_values)
    least = 0.0
    for rank, at in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[at]))
        corrected[at] = least
    return corrected
