"""Edges of a joint fit that comes out as wanted."""

from __future__ import annotations

import numpy as np

from wiretell.stats.joint_rate import Edges

N_FLOWS = 2001


def measured(hz: float, error_ppm: float) -> Edges:
    """The edges of many flows whose joint fit says `hz` with this standard error.

    Of two such sets put together the surer one weighs more, by the inverse of the variance.
    """
    n, span_s = 1000, 1e3 / error_ppm
    step = np.sqrt(12.0 / N_FLOWS)
    z = (np.arange(N_FLOWS) - N_FLOWS // 2) * step
    slope = hz * (1.0 - z * error_ppm * 1e-6)
    weight = np.full(N_FLOWS, n * span_s)
    above = slope > hz
    sum_x = float(weight.sum()) / 2.0
    touching = float((weight[above] * (slope[above] - hz)).sum())
    variance = (n * span_s) ** 2 / 12.0
    return Edges(
        slope=slope,
        weight=weight,
        n=n * N_FLOWS,
        sum_x=sum_x,
        sum_v=touching + hz * sum_x,
        variance=variance * N_FLOWS,
        variance_squared=variance**2 * N_FLOWS,
        span_squared=span_s**2 * N_FLOWS,
        n_span_squared=n * span_s**2 * N_FLOWS,
    )
