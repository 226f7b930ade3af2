"""Drift: lines found again, laid on their machine's slope, and never an exception."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretell.plots.drift import LEAST_LINE_S, drift
from wiretell.plots.slopes import drift_range, spread

START_NS = 1_790_000_000_000_000_000
SAMPLES = {
    "device": pl.String,
    "flow_id": pl.UInt64,
    "side": pl.UInt8,
    "time_ns": pl.Int64,
    "tsval": pl.UInt32,
}


def clock(
    flow: int, begins_s: float, length_s: float, ppm: float, offset: int, hz: float = 1000.0
) -> pl.DataFrame:
    """A flow of machine A, one sample a second."""
    seconds = np.arange(begins_s, begins_s + length_s + 0.5)
    ticks = np.floor(seconds * hz * (1 + ppm * 1e-6)).astype(np.int64) + offset
    return pl.DataFrame(
        {
            "device": ["A"] * len(seconds),
            "flow_id": [flow] * len(seconds),
            "side": [0] * len(seconds),
            "time_ns": START_NS + np.round(seconds * 1e9).astype(np.int64),
            "tsval": ticks % 2**32,
        },
        schema=SAMPLES,
    )


def devices(ppm: float | None, hz: float = 1000.0) -> pl.DataFrame:
    rate = None if ppm is None else hz * (1 + ppm * 1e-6)
    return pl.DataFrame(
        {"device": ["A"], "clock_hz": [rate], "skew_ppm": [ppm]},
        schema={"device": pl.String, "clock_hz": pl.Float64, "skew_ppm": pl.Float64},
    )


def slope_ppm(points: pl.DataFrame) -> float:
    seconds = (points["time_ns"] - START_NS).to_numpy() / 1e9
    return float(1e3 * np.polyfit(seconds, points["drift_ms"].to_numpy(), 1)[0])


@pytest.mark.parametrize("ppm", [80.0, -80.0, 0.0])
@pytest.mark.parametrize("hz", [1000.0, 100.0])
def test_lines_of_one_machine_are_laid_on_its_slope(ppm: float, hz: float) -> None:
    # Offsets of their own; the second wraps within the flow, the third goes on in another flow.
    flows = [
        clock(1, 0, 300, ppm, 4_000, hz),
        clock(2, 100, 400, ppm, 2**32 - int(300 * hz), hz),
        clock(3, 50, 4, ppm, 2_000_000_000, hz),
        clock(4, 600, 4, ppm, 2_000_000_000, hz),
    ]
    points, (slope,) = drift(pl.concat(flows), devices(ppm, hz))
    assert points.height == sum(flow.height for flow in flows)
    assert slope_ppm(points) == pytest.approx(ppm, abs=2.0 * 1000 / hz)
    since_s = (points["time_ns"] - START_NS).to_numpy() / 1e9
    assert np.abs(points["drift_ms"].to_numpy() - 1e-3 * ppm * since_s).max() < 1.5 * 1000 / hz
    assert slope.start_drift_ms == 0.0
    assert slope.end_ms - slope.start_ms == pytest.approx(604_000)
    assert slope.end_drift_ms == pytest.approx(1e-3 * ppm * 604)


def test_another_clock_leaves_the_slope() -> None:
    own, stray = clock(1, 0, 300, 80.0, 4_000), clock(2, 0, 300, -80.0, 3_000_000)
    points, _ = drift(pl.concat([own, stray]), devices(80.0))
    assert slope_ppm(points.filter(flow_id=1)) == pytest.approx(80.0, abs=2.0)
    assert slope_ppm(points.filter(flow_id=2)) == pytest.approx(-80.0, abs=2.0)


def test_short_lines_and_unknown_rates_are_left_out() -> None:
    short = clock(1, 0, LEAST_LINE_S - 2, 80.0, 4_000)
    points, slopes = drift(short, devices(80.0))
    assert points.is_empty()
    assert slopes == ()
    assert drift(clock(1, 0, 300, 80.0, 4_000), devices(None))[1] == ()
    assert drift(clock(1, 0, 300, 0.0, 0), devices(50_000.0))[1] == ()
    nobody = clock(1, 0, 300, 0.0, 0).with_columns(device=pl.lit(None, pl.String))
    assert drift(nobody, devices(0.0))[0].is_empty()
    assert {"drift_ms", "flow_id", "time_ns"} <= set(points.columns)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**32 - 1)),
        max_size=40,
    ),
    st.floats(-1e4, 1e4),
    st.sampled_from([1e-3, 1.0, 999.5, 1e6]),
)
def test_any_samples_give_finite_drift(
    rows: list[tuple[int, int, int]], ppm: float, hz: float
) -> None:
    samples = pl.DataFrame(
        [("A", flow, 0, time_ns, tsval) for flow, time_ns, tsval in rows],
        schema=SAMPLES,
        orient="row",
    )
    points, slopes = drift(samples, devices(ppm, hz))
    assert points["drift_ms"].is_finite().all()
    assert len(slopes) == (not points.is_empty())


def test_a_late_packet_does_not_flatten_the_slopes() -> None:
    points, slopes = drift(clock(1, 0, 300, 80.0, 4_000), devices(80.0))
    late = pl.concat([points["drift_ms"], pl.Series([-1500.0])])
    low, high = drift_range(late, slopes)
    assert -5.0 < low < 0.0
    assert 24.0 < high < 30.0


@given(st.lists(st.floats(-100, 100), max_size=10), st.floats(1, 50))
def test_labels_keep_apart_and_in_order(places: list[float], half: float) -> None:
    places = [min(max(place, -half), half) for place in sorted(places)]
    moved = spread(places, -half, half)
    assert len(moved) == len(places)
    steps = np.diff(moved)
    assert (steps > 0.07 * 2 * half).all()
    assert all(-half < place < half for place in moved)


def test_labels_with_room_stay_where_they_are() -> None:
    assert spread([-50.0, 0.0, 50.0], -100.0, 100.0) == [-50.0, 0.0, 50.0]
