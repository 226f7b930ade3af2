"""How far a counter goes between two meetings: a heavy-tailed law whose scale grows with time.

One machine steps its counter for what is seen and for what goes elsewhere. What is hidden comes
in bursts, so a Poisson law would call long steps impossible; the law here is a Lomax (Pareto II)
law made discrete: P(step > k) = (1 + k / m) ** -TAIL with m = near + rate * dt.
Source of the shape: port steps of Windows, Apple and Linux clients and identification steps are
heavy-tailed on every public trace measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

TAIL = 1.5
"""Exponent of the survival function: the mean exists, the variance does not. `log2` is written
for this one."""
NEARS = (0.15, 0.3, 0.6, 1.2, 2.5, 5.0, 10.0, 20.0, 40.0)
RATES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
MOST_FITTED = 4_000
"""Steps looked at by the fit: more say no more about two numbers."""


@dataclass(frozen=True)
class StepModel:
    """Steps of one counter: `near` without any time between, `per_second` more with it."""

    near: float
    per_second: float

    def log2(self, step: IntArray, dt_s: FloatArray) -> FloatArray:
        """log2 P(step | seconds between); `step` counts from 1."""
        return _log2(self.near + self.per_second * np.maximum(dt_s, 0.0), step)


def _log2(scale: FloatArray, step: IntArray) -> FloatArray:
    """log2 P(step) of the law whose scale is this."""
    # (m / x)**1.5 - (m / (x + 1))**1.5 with x = m + step - 1. Roots are sooner had than
    # logarithms; the difference 1 - (1 - u)**1.5 is written without one, as u may be tiny.
    x = scale + (step - 1.0)
    below = scale / x
    u = 1.0 / (x + 1.0)
    w = u / (1.0 + np.sqrt(1.0 - u))
    result: FloatArray = np.log2(below * np.sqrt(below) * (u + w - u * w))
    return result


def fitted(step: IntArray, dt_s: FloatArray, weight: FloatArray, prior: StepModel) -> StepModel:
    """The model that explains these steps best, of a grid; `prior` counts like two steps of it.

    `weight` in [0, 1] is how sure each step is one machine's.
    """
    if len(step) > MOST_FITTED:
        every = -(-len(step) // MOST_FITTED)
        step, dt_s, weight = step[::every], dt_s[::every], weight[::every]
    if weight.sum() < 3.0:
        return prior
    near, rate = np.array(NEARS), np.array(RATES)
    away_near = np.abs(np.log(near / prior.near))
    away_rate = np.abs(np.log((rate + 1e-3) / (prior.per_second + 1e-3)))
    grown = rate[:, None] * np.maximum(dt_s, 0.0)
    # A row for each `near`: all at once would be megabytes, one by one is a hundred small calls.
    says = np.stack([_log2(each + grown, step) @ weight for each in NEARS])
    best = int(np.argmax(says - away_near[:, None] - away_rate))
    return StepModel(NEARS[best // len(RATES)], RATES[best % len(RATES)])
