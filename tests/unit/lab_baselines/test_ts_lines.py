"""Clock lines on hand-made readings."""

from __future__ import annotations

import pytest
from baseline_lines import S, line

from lab.baselines.ts_lines import Reading, hosts_of, rate, ts_lines


def reading(flow_id: int, at_s: float, value: int, hz: float | None = 1000.0) -> Reading:
    return Reading(flow_id, at_s, value % 2**32, at_s, value % 2**32, hz)


def test_flows_on_one_line_are_one_host() -> None:
    machine, n = hosts_of([reading(i, 10.0 * i, 5_000 + 10_000 * i) for i in range(5)])
    assert (machine, n) == ({0: 0, 1: 0, 2: 0, 3: 0, 4: 0}, 1)


def test_two_lines_are_two_hosts() -> None:
    a = [reading(i, 10.0 * i, 5_000 + 10_000 * i) for i in range(0, 6, 2)]
    b = [reading(i, 10.0 * i, 900_000 + 10_000 * i) for i in range(1, 6, 2)]
    machine, n = hosts_of(sorted(a + b, key=lambda x: x.first_s))
    assert (machine, n) == ({0: 0, 2: 0, 4: 0, 1: 1, 3: 1, 5: 1}, 2)


def test_the_nearest_line_within_the_tolerance() -> None:
    known = [reading(0, 0.0, 0), reading(1, 0.0, 80)]
    assert hosts_of([*known, reading(2, 1.0, 1_060)])[0][2] == 1
    assert hosts_of([reading(0, 0.0, 0), reading(1, 1.0, 1_050)])[1] == 1
    assert hosts_of([reading(0, 0.0, 0), reading(1, 1.0, 1_060)])[1] == 2


def test_the_tolerance_grows_with_the_drift_since() -> None:
    late = 100_000 + 60
    assert hosts_of([reading(0, 0.0, 0), reading(1, 100.0, late)])[1] == 1


def test_clocks_wrap() -> None:
    machine, n = hosts_of([reading(0, 0.0, 2**32 - 500), reading(1, 1.0, 2**32 + 500)])
    assert (machine, n) == ({0: 0, 1: 0}, 1)


def test_rates_must_agree_where_both_are_known() -> None:
    assert hosts_of([reading(0, 0.0, 0), reading(1, 0.0, 0, 250.0)])[1] == 2
    assert hosts_of([reading(0, 0.0, 0, 250.0), reading(1, 8.0, 2_000, None)])[1] == 1


def sums(hz: float, n: int, span_s: float) -> tuple[int, float, float, float, float]:
    x = [span_s * i / (n - 1) for i in range(n)]
    v = [hz * t for t in x]
    return (
        n,
        sum(x),
        sum(v),
        sum(t * t for t in x),
        sum(a * b for a, b in zip(x, v, strict=True)),
    )


@pytest.mark.parametrize(
    ("hz", "found"), [(1001.0, 1000.0), (251.0, 250.0), (959.0, 959.0), (507.0, 512.0), (100, 100)]
)
def test_rates_near_a_legal_one_are_it(hz: float, found: float) -> None:
    assert rate(10.0, *sums(hz, 20, 10.0)) == pytest.approx(found)


def test_a_flow_too_short_tells_no_rate() -> None:
    assert rate(1.0, *sums(1000.0, 20, 1.0)) is None
    assert rate(10.0, *sums(1000.0, 4, 10.0)) is None
    assert rate(10.0, *sums(1.0, 20, 10.0)) is None
    assert rate(10.0, 20, 0.0, 0.0, 0.0, 0.0) is None


def test_flows_without_timestamps_are_not_assigned() -> None:
    stamped = {
        "orig_ts_n": 1,
        "orig_ts_first": 7,
        "orig_ts_last": 7,
        "orig_ts_first_ns": 5 * S,
        "orig_ts_last_ns": 5 * S,
    } | {f"orig_ts_{x}": 0.0 for x in ("sum_x", "sum_v", "sum_xx", "sum_xv")}
    found = ts_lines(line([stamped, {"orig_ts_n": 0}]))
    assert (found.count, found.machine) == (1, {0: 0})
    assert ts_lines(line([{"orig_ts_n": 0}])).count == 1
    assert ts_lines(line()).count == 0
