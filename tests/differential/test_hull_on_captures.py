"""The tracker's hull of real flows gives what SciPy's HiGHS finds on all their readings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.optimize import linprog

import wiretell
from wiretell.pipeline import measure
from wiretell.stats.line import Cloud, bound_from_above

CAPTURES = ("nat/phones_a.pcap", "lab/mixed8.pcap", "multi-clock/nDPI__reddit.pcap")
N_FLOWS, N_READINGS = 12, 20


def readings(path: Path) -> pl.DataFrame:
    """Segments with a TSval, by the ends of their flow side."""
    kept = ("time_ns", "src", "sport", "dst", "dport", "tsval")
    packets = pl.concat(
        [batch.filter(pl.col("tsval") > 0).select(kept) for batch in wiretell.read(path)]
    )
    return packets.with_row_index("place")


@pytest.mark.parametrize("name", CAPTURES)
def test_the_program_is_solved_exactly(captures: Path, name: str) -> None:
    path = captures / name
    if not path.exists():
        pytest.skip(f"{name} is not among the shared captures")
    packets = readings(path)
    flows = measure(path).flows
    # Ends that were used once only, so that their packets are those of one flow.
    flows = flows.filter(pl.len().over("orig_h", "orig_p", "resp_h", "resp_p") == 1)
    n_tried = 0
    for row in flows.sort("orig_ts_n", descending=True).iter_rows(named=True):
        ends = (row["orig_h"], row["orig_p"], row["resp_h"], row["resp_p"])
        own = packets.filter(
            (pl.col("src") == ends[0])
            & (pl.col("sport") == ends[1])
            & (pl.col("dst") == ends[2])
            & (pl.col("dport") == ends[3])
        )
        if row["orig_ts_n"] < N_READINGS or row["orig_ts_back"] or row["orig_ts_hull_dropped"]:
            continue
        if own.height != row["orig_ts_n"]:  # a segment came after the flow's end
            continue
        x = np.maximum.accumulate((own["time_ns"] - own["time_ns"][0]).to_numpy()) / 1e9
        v = own["tsval"].cast(pl.Int64).to_numpy()
        v = ((v - v[0] + 2**31) % 2**32 - 2**31).astype(np.float64)
        line = bound_from_above(
            Cloud(
                row["orig_ts_n"],
                row["orig_ts_sum_x"],
                row["orig_ts_sum_v"],
                np.array(row["orig_ts_hull_x"]),
                np.array(row["orig_ts_hull_v"]),
            )
        )
        if line is None:
            continue
        solved = linprog(
            [x.mean(), 1.0],
            A_ub=np.column_stack([-x, -np.ones_like(x)]),
            b_ub=-v,
            bounds=[(None, None), (None, None)],
            method="highs",
            options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
        )
        assert solved.status == 0
        theirs = float(solved.fun - v.mean())
        assert line.gap == pytest.approx(theirs, rel=1e-9, abs=1e-9 * max(1.0, float(v.max())))
        n_tried += 1
        if n_tried == N_FLOWS:
            break
    assert n_tried >= 3, f"{n_tried} flows fit for this in {name}"
