"""Points to draw: chosen, thinned, and kept from absurd dates."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
from fixtures.report import ALONE, NAT, make_report
from hypothesis import given
from hypothesis import strategies as st

from wiretell.plots import data
from wiretell.plots.data import address_points, robust_range, said_by_flow_side
from wiretell.plots.palette import COLORS, MARKERS, look


def test_points_of_an_address() -> None:
    report = make_report()
    points = address_points(report, said_by_flow_side(report), NAT)
    assert points.ip_ids.n_all == 360
    assert points.tsvals.n_all == 288  # one machine of five has no timestamps
    assert points.syn_ports.points["value"].min() == 40_000
    assert points.syn_ports.points["peer"].unique().to_list() == ["192.0.2.10 port 443"]
    assert points.ip_ids.points["device"].null_count() == 6
    pings_left_out = address_points(report, said_by_flow_side(report), ALONE).syn_ports
    assert pings_left_out.n_all == 3


def test_thinning_keeps_every_machine() -> None:
    report = make_report()
    many = pl.concat([report.samples] * 40)
    lonely = report.samples.filter(pl.col("flow_id") == 59)
    samples = pl.concat([many.filter(pl.col("flow_id") != 59), lonely])
    series = address_points(replace(report, samples=samples), said_by_flow_side(report), NAT).ip_ids
    assert series.n_all == 354 * 40 + 6
    assert series.points.height <= data.MAX_POINTS + 6
    assert series.points["device"].n_unique() == 6


def test_an_absurd_date_does_not_stretch_the_axis() -> None:
    minute = [1_000_000.0 + 100 * i for i in range(600)]
    start, end, outside = robust_range(pl.Series([*minute, 4e12, -4e12])) or (0, 0, 0)
    assert 900_000 < start < 1_000_100
    assert 1_059_000 < end < 1_160_000
    assert outside == 2


def test_a_long_quiet_capture_is_shown_whole() -> None:
    start, end, outside = robust_range(pl.Series([0.0, 1e6, 2e6, 3e6])) or (1, 0, 0)
    assert start <= 0
    assert end >= 3e6
    assert outside == 0
    assert robust_range(pl.Series([], dtype=pl.Float64)) is None


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=50))
def test_any_times_give_a_range(times_ns: list[int]) -> None:
    times_ms = pl.Series(times_ns, dtype=pl.Int64) / data.NS_PER_MS
    start, end, outside = robust_range(times_ms) or (0.0, 0.0, 0)
    assert start < end
    assert 0 <= outside < len(times_ns)


def test_looks_differ_as_long_as_they_can() -> None:
    n_looks = len(COLORS) * len(MARKERS)
    assert len({look(index) for index in range(n_looks)}) == n_looks
    assert look(n_looks) == look(0)
