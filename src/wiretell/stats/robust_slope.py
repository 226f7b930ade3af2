"""One slope for many groups of readings, each with an intercept of its own, by robust regression.

Stands beside the linear program (`joint_rate`): that one hangs on the few readings with the least
delay, this one on all of them. Where delays neither grow nor shrink with time both agree, so their
disagreement is a gate for quality (Jiao and Zheng, 2011). Iteratively reweighted least squares:
Huber's weights, then Tukey's bisquare (Huber and Ronchetti, "Robust Statistics", 2009), which
leaves readings out that waited long; errors by the sandwich formula, so they need no law of delays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wiretell.stats.line import FloatArray

IntArray = NDArray[np.int64]

HUBER, BISQUARE = 1.345, 4.685
"""Tuning constants: 95 % efficiency for normal noise."""
ROUNDS = (6, 8)
"""With Huber's weights, then with Tukey's."""
SD_OF_MAD = 1.4826
BLOCK = 8
"""Neighbouring readings (they are given in order of time) that may depend on one another."""
FEWEST = 12
"""Readings beyond one for each unit and slope; of fewer the error says too little."""


def robust_slopes(
    x: FloatArray, y: FloatArray, unit: IntArray, subject_of: IntArray
) -> tuple[FloatArray, FloatArray]:
    """(slope, standard error) of each subject, in the unit of y over that of x.

    `unit` is a number per reading, 0..; readings of a unit share an intercept and are in order of
    time. `subject_of` has
    the subject of each unit, 0..; units of a subject share its slope. NaN and infinity where a
    subject has too few readings or none apart in x.
    """
    n_subjects = int(subject_of.max()) + 1 if len(subject_of) else 0
    slope = np.full(n_subjects, np.nan)
    error = np.full(n_subjects, np.inf)
    if not len(x):
        return slope, error
    subject = subject_of[unit]
    weight = np.ones(len(x))
    found, dx, residual = _fit(x, y, unit, subject, weight, n_subjects)
    scale = _scales(residual, subject, n_subjects)
    for bisquare, rounds in enumerate(ROUNDS):
        for _ in range(rounds):
            z = np.abs(residual) / scale[subject]
            if bisquare:
                weight = np.maximum(1.0 - (z / BISQUARE) ** 2, 0.0) ** 2
            else:
                weight = np.minimum(1.0, HUBER / np.maximum(z, HUBER))
            found, dx, residual = _fit(x, y, unit, subject, weight, n_subjects)
            scale = _scales(residual, subject, n_subjects)
    z = residual / scale[subject]
    inside = np.maximum(1.0 - (z / BISQUARE) ** 2, 0.0)
    push = residual * inside**2
    stiffness = inside * (1.0 - 5.0 * (z / BISQUARE) ** 2)
    above = np.maximum(
        np.bincount(subject, (push * dx) ** 2, n_subjects),
        _in_blocks(push * dx, unit, subject_of, n_subjects),
    )
    below = np.bincount(subject, stiffness * dx**2, n_subjects)
    n = np.bincount(subject, minlength=n_subjects)
    n_units = np.bincount(subject_of, minlength=n_subjects)
    spare = n - n_units - 1
    known = (spare >= FEWEST) & (below > 0.0) & np.isfinite(found)
    slope[known] = found[known]
    few = n[known] / spare[known]
    error[known] = np.sqrt(above[known] * few) / below[known]
    return slope, error


def _in_blocks(
    pull: FloatArray, unit: IntArray, subject_of: IntArray, n_subjects: int
) -> FloatArray:
    """Sums of squares of the sums over blocks of neighbours: of readings that depend on those
    before, as where a clock is read near its ticks, this is more than the sum of squares."""
    order = np.argsort(unit, kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(unit, minlength=len(subject_of)))[:-1]])
    place = np.arange(len(unit)) - first[unit[order]]
    block = np.flatnonzero((place % BLOCK == 0) | (np.diff(unit[order], prepend=-1) != 0))
    sums = np.add.reduceat(pull[order], block)
    found = np.bincount(subject_of[unit[order][block]], sums**2, n_subjects)
    return np.asarray(found, dtype=np.float64)


def _fit(
    x: FloatArray,
    y: FloatArray,
    unit: IntArray,
    subject: IntArray,
    weight: FloatArray,
    n_subjects: int,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted least squares: slopes, x and residuals about the units' weighted means."""
    total = np.maximum(np.bincount(unit, weight), 1e-300)
    dx = x - (np.bincount(unit, weight * x) / total)[unit]
    dy = y - (np.bincount(unit, weight * y) / total)[unit]
    spread = np.bincount(subject, weight * dx**2, n_subjects)
    shared = np.bincount(subject, weight * dx * dy, n_subjects)
    slope = np.divide(shared, spread, out=np.zeros(n_subjects), where=spread > 0.0)
    return slope, dx, dy - slope[subject] * dx


def _scales(residual: FloatArray, subject: IntArray, n_subjects: int) -> FloatArray:
    """Standard deviation of each subject's residuals, by the median of their sizes."""
    size = np.abs(residual)
    order = np.lexsort((size, subject))
    n = np.bincount(subject, minlength=n_subjects)
    first = np.concatenate([[0], np.cumsum(n)[:-1]])
    middle = np.minimum(first + n // 2, len(size) - 1)
    scale = SD_OF_MAD * size[order][middle]
    mean = np.bincount(subject, size, n_subjects) / np.maximum(n, 1)
    # More than half of the readings on the line exactly: the mean stands in.
    return np.maximum(np.where(scale > 0.0, scale, mean), 1e-12)
