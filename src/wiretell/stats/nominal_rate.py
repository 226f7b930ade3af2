"""Which rate was a clock built to tick at? Measured rates, with errors, against the usual ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wiretell.stats.line import FloatArray

NOMINAL_HZ = (1000.0, 100.0, 250.0, 200.0, 10.0, 2.0, 50.0, 128.0, 300.0, 500.0, 512.0, 1024.0)
"""Rates tried where no flow is long enough to measure one, commonest first."""
FAST_HZ = 1_000_000.0
"""`tcp_usec_ts` of Linux 6.7; only taken where measured: its circle is short (71 minutes)."""
RATE_KNOWN = 1e-3
"""Relative error below which a flow's own rate is used."""
LEAST_ALONE = 1e-3
"""A late first packet bends a flow by more than its error tells: no flow alone shows 998 Hz."""
RATE_MISS = 4.0
"""Errors that a usual rate may lie away from a fit."""
DRIFT_NOMINAL = 3e-4
"""Relative uncertainty of a nominal rate: skews beyond 300 ppm are measured or missed."""
NEAR_NOMINAL = 4e-4
MOST_RATES = 32
"""Rates are measured on one address, at most; those that fewest flows show are left out."""
_USUAL = (*NOMINAL_HZ, FAST_HZ)


def candidate_rates(rate: FloatArray, error: FloatArray) -> list[tuple[float, float]]:
    """Flows' rates and relative errors -> candidate rates with their relative uncertainty.

    Measured rates are grouped where their errors allow; a group that its error cannot tell from
    a nominal rate takes the nominal one.
    """
    sure = np.flatnonzero(error <= RATE_KNOWN)
    if not len(sure):
        return []
    sure = sure[np.lexsort((error[sure], rate[sure]))]
    rate, error = rate[sure], error[sure]
    apart = rate[1:] / rate[:-1] - 1.0 > 3.0 * (error[1:] + error[:-1]) + 5e-4
    groups = np.split(np.arange(len(rate)), np.flatnonzero(apart) + 1)
    if len(groups) > MOST_RATES:
        groups = sorted(groups, key=lambda g: (-len(g), int(g[0])))[:MOST_RATES]
        groups.sort(key=lambda g: int(g[0]))
    rates: list[tuple[float, float]] = []
    for group in groups:
        weight = error[group] ** -2.0
        total = weight.sum()
        mean = float((rate[group] * weight).sum() / total)
        mean_error = float(total**-0.5)
        nominal = nominal_rate(mean)
        if abs(mean / nominal - 1.0) < 3.0 * mean_error + 5e-5:
            mean = nominal
        rates.append((mean, max(3.0 * mean_error, DRIFT_NOMINAL)))
    return rates


def nominal_rate(hz: float) -> float:
    """Nearest nominal rate if within 400 ppm, else the rate rounded to 1 Hz (if 20 Hz or more)."""
    nearest = min(_USUAL, key=lambda usual: abs(hz / usual - 1.0))
    if abs(hz / nearest - 1.0) <= NEAR_NOMINAL:
        return nearest
    return float(round(hz)) if hz >= 20.0 else hz


def nominal_rates(hz: FloatArray) -> FloatArray:
    """`nominal_rate` of each."""
    usual = np.array(_USUAL)
    nearest = usual[np.abs(hz[:, None] / usual - 1.0).argmin(axis=1)]
    other = np.where(hz >= 20.0, np.round(hz), hz)
    return np.where(np.abs(hz / nearest - 1.0) <= NEAR_NOMINAL, nearest, other)


def likely_rates(hz: FloatArray, error: FloatArray, known: Sequence[float]) -> FloatArray:
    """Nominal rate that each fit, with its relative error, is likely of; 0 if there is none.

    `known` are rates measured on other flows: of several that fit, such a one is likelier, then
    the commoner, unless the fit lies nearer to another.
    """
    nominal = nominal_rates(hz)
    believed = np.maximum(error, LEAST_ALONE)
    ranked = list(dict.fromkeys([*known, *NOMINAL_HZ]))
    best = np.where(error < RATE_KNOWN, nominal, 0.0)
    least = np.full(len(hz), RATE_MISS**2)
    for rank, rate in enumerate(ranked):
        miss = (hz / rate - 1.0) / believed
        cost = miss**2 + (0.0 if rate in known else 1.0) + 0.2 * rank
        better = (np.abs(miss) <= RATE_MISS) & (cost < least)
        best[better], least[better] = rate, cost[better]
    near = (error < RATE_KNOWN) & (np.abs(hz / nominal - 1.0) <= NEAR_NOMINAL)
    near &= np.isin(nominal, [*known, *NOMINAL_HZ, FAST_HZ])
    best[near] = nominal[near]
    return best
