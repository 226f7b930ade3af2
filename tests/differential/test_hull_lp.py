"""The clock's hull is the whole answer of the linear program of Kohno, Broido and claffy (2005).

Minimise the mean of `a*x + b - v` under `a*x + b >= v`. The hull edge over the mean of x, and
the sums, give the exact minimum; SciPy's HiGHS on all the points must find the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from raw_ip import RAW, tcp_frame
from scipy.optimize import linprog
from tracked_flows import push, track

START_NS = 1_700_000_000_000_000_000


def hull_value(
    hull_x: Sequence[float], hull_v: Sequence[float], n: int, sum_x: float, sum_v: float
) -> float:
    """Mean distance of the points below the hull edge that spans the mean of x."""
    return float(np.interp(sum_x / n, hull_x, hull_v)) - sum_v / n


def lp_value(x: np.ndarray, v: np.ndarray) -> float:
    """The same by a general solver."""
    solution = linprog(
        [x.mean(), 1.0],
        A_ub=np.column_stack([-x, -np.ones_like(x)]),
        b_ub=-v,
        bounds=[(None, None), (None, None)],
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    assert solution.status == 0
    return float(solution.fun - v.mean())


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("hz", [10, 250, 1000])
def test_equals_the_solver_on_random_clocks(seed: int, hz: int) -> None:
    rng = np.random.default_rng(seed)
    sent_s = np.sort(rng.uniform(0, 120, 400))
    sent_s[0] = 0.0
    arrival_ns = np.maximum.accumulate(
        ((sent_s + rng.exponential(0.01, sent_s.size)) * 1e9).astype(np.int64)
    )
    ticks = np.floor(sent_s * hz * (1 + 4e-5)).astype(np.int64) + 4_294_960_000  # it wraps
    told = ticks % 2**32 != 0  # a TSval of 0 tells nothing
    arrival_ns, ticks = arrival_ns[told], ticks[told]
    frames = [
        (START_NS + int(time_ns), RAW, tcp_frame(tsval=int(tsval) % 2**32, seq=number))
        for number, (time_ns, tsval) in enumerate(zip(arrival_ns, ticks, strict=True))
    ]
    flows, _, _ = push(frames, max_hull=1000)
    row = flows.row(0, named=True)
    x = (arrival_ns - arrival_ns[0]) * 1e-9
    v = (ticks - ticks[0]).astype(float)
    ours = hull_value(
        row["orig_ts_hull_x"], row["orig_ts_hull_v"], row["orig_ts_n"],
        row["orig_ts_sum_x"], row["orig_ts_sum_v"],
    )  # fmt: skip
    assert row["orig_ts_n"] == len(frames)
    assert ours == pytest.approx(lp_value(x, v), rel=1e-9, abs=1e-9 * hz)


def test_equals_the_solver_on_real_flows(captures: Path) -> None:
    flows, samples = track([captures / "lab/vm6short.pcap"], samples_per_side=100_000)
    n_compared = 0
    for row in flows.filter(flows["orig_ts_n"] >= 30).iter_rows(named=True):
        points = samples.filter(
            (samples["flow_id"] == row["flow_id"]) & (samples["side"] == 0) & (samples["tsval"] > 0)
        )
        assert points.height == row["orig_ts_n"]
        x = (points["time_ns"].to_numpy() - row["orig_ts_first_ns"]) * 1e-9
        steps = np.diff(points["tsval"].to_numpy().astype(np.int64))
        v = np.concatenate([[0], np.cumsum((steps + 2**31) % 2**32 - 2**31)]).astype(float)
        ours = hull_value(
            row["orig_ts_hull_x"], row["orig_ts_hull_v"], row["orig_ts_n"],
            row["orig_ts_sum_x"], row["orig_ts_sum_v"],
        )  # fmt: skip
        assert ours == pytest.approx(lp_value(x, v), rel=1e-9, abs=1e-6)
        n_compared += 1
    assert n_compared >= 5
