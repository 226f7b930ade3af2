"""What the skews of many clocks have in common: the error of the clock they are measured with.

Only differences are measured. Clocks that NTP pulls to true time all show the observer's own
error with its sign turned round, so they bunch; where none do, the median of many free clocks is
the least that can be said (Kohno et al. 2005 leave it in; it cancels between machines).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, chdtrc

from wiretell.stats.line import FloatArray

REACH_PPM = 0.4
"""Disciplined clocks keep within this of one another, errors aside."""
POPULATION_PPM = 100.0
"""Free crystals spread over about so much: -50 to +50 ppm."""
BY_CHANCE = 0.01
"""A bunch this unlikely among free clocks is one."""
REFERENCE_PPM = 5.0
"""References known no better are not asked."""
FEWEST_BUNCH, FEWEST_MEDIAN = 3, 8
MEDIAN_PPM = 3.0
"""A median known no better would blur more than it takes out."""
NEAR_PPM = 1.0
"""The observer's own rate: it may well be held itself."""
FAR_MEDIAN_PPM = 10.0
"""A median so far from the observer must be of clocks that differ."""
SERVER_VOTES, FAR_VOTES, FEWEST_SERVERS = 2, 6, 2
"""What a server counts, what a bunch far from the observer needs, what bears the observer out."""
MEDIAN_SE = 1.2533
"""Standard error of a median over that of a mean, for a normal law."""


@dataclass(frozen=True)
class CommonMode:
    """`kind` is reference, bunch, median, doubtful or empty (nothing to say).

    `members` are those of the bunch, or the references. Doubtful is a bunch that is true time or
    one machine with several addresses (`weighed`): nothing is to be taken out.
    """

    kind: str
    ppm: float
    error_ppm: float
    members: NDArray[np.bool_]


def common_mode(
    skew_ppm: FloatArray, error_ppm: FloatArray, is_reference: NDArray[np.bool_] | None = None
) -> CommonMode:
    """The common mode of one skew per machine, with standard errors.

    References are clocks that serve the time (NTP): where two or more agree, they are it.
    """
    n = len(skew_ppm)
    none = np.zeros(n, dtype=bool)
    if is_reference is not None:
        told = is_reference & (error_ppm <= REFERENCE_PPM)
        if told.sum() >= 2:
            weight = np.hypot(error_ppm[told], REACH_PPM / 2.0) ** -2.0
            mean = float(np.average(skew_ppm[told], weights=weight))
            squares = float((weight * (skew_ppm[told] - mean) ** 2).sum())
            if chdtrc(int(told.sum()) - 1, squares) > BY_CHANCE:
                return CommonMode("reference", mean, float(weight.sum() ** -0.5), told)
    sharp = np.isfinite(error_ppm) & (error_ppm <= 1.0)
    best = none
    for i in np.flatnonzero(sharp):
        reach = REACH_PPM + 2.0 * np.hypot(error_ppm, error_ppm[i])
        near = sharp & (np.abs(skew_ppm - skew_ppm[i]) <= reach)
        if near.sum() > best.sum():
            best = near
    k, n_sharp = int(best.sum()), int(sharp.sum())
    if k >= FEWEST_BUNCH:
        reach = REACH_PPM + 2.0 * float(np.median(error_ppm[best]))
        others = float(bdtrc(k - 2, n_sharp - 1, min(1.0, 2.0 * reach / POPULATION_PPM)))
        if n_sharp * others < BY_CHANCE:
            weight = np.hypot(error_ppm[best], REACH_PPM / 2.0) ** -2.0
            mean = float(np.average(skew_ppm[best], weights=weight))
            return CommonMode("bunch", mean, float(weight.sum() ** -0.5), best)
    known = np.isfinite(error_ppm) & (error_ppm <= 10.0)
    if known.sum() >= FEWEST_MEDIAN:
        values = skew_ppm[known]
        middle = float(np.median(values))
        spread = 1.4826 * float(np.median(np.abs(values - middle)))
        error = MEDIAN_SE * spread / len(values) ** 0.5
        if error <= MEDIAN_PPM:
            return CommonMode("median", middle, error, none)
    return CommonMode("", 0.0, float("inf"), none)


def weighed(
    common: CommonMode,
    skew_ppm: FloatArray,
    error_ppm: FloatArray,
    answers: NDArray[np.bool_],
) -> CommonMode:
    """The common mode, less what may be one machine with several addresses.

    Clocks of one rate are told apart by nothing, so a bunch away from the observer's own rate may
    be one free crystal. It is true time where it has FAR_VOTES (a server, one that `answers`,
    counts SERVER_VOTES), half of all votes, and no more than one clock is at the observer's rate.
    Where FEWEST_SERVERS are at that rate and none in the bunch, the observer is right and there is
    nothing to take out. Else it is doubtful.
    """
    if common.kind == "median" and abs(common.ppm) > FAR_MEDIAN_PPM:
        known = np.isfinite(error_ppm) & (error_ppm <= 10.0)
        alike = known & (np.abs(skew_ppm - common.ppm) <= REACH_PPM + 2.0 * error_ppm)
        if 2 * alike.sum() >= known.sum():
            return CommonMode("doubtful", common.ppm, common.error_ppm, alike)
    if common.kind != "bunch" or abs(common.ppm) <= NEAR_PPM + 2.0 * common.error_ppm:
        return common
    sharp = np.isfinite(error_ppm) & (error_ppm <= 1.0)
    votes = np.where(answers, SERVER_VOTES, 1)
    near = sharp & ~common.members & (np.abs(skew_ppm) <= NEAR_PPM)
    own = int(votes[common.members].sum())
    if own >= max(FAR_VOTES, votes[sharp].sum() / 2.0) and near.sum() <= 1:
        return common
    if (near & answers).sum() >= FEWEST_SERVERS and not (common.members & answers).any():
        return CommonMode("", 0.0, float("inf"), np.zeros(len(skew_ppm), dtype=bool))
    return CommonMode("doubtful", common.ppm, common.error_ppm, common.members)
