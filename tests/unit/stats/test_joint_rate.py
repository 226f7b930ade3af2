"""One rate for many flows: the minimum is exact, it adds up, and its error is honest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measured_rate import measured
from scipy.optimize import linprog

from wiretell.stats import joint_rate
from wiretell.stats.joint_rate import Edges, combine, edges_of
from wiretell.stats.line import Cloud, bound_from_above, upper_hull

Rng = np.random.Generator
Delays = Callable[[Rng, int], np.ndarray]
SKEW = -35e-6

LAWS: dict[str, Delays] = {
    "exponential 1 ms": lambda r, n: r.exponential(0.001, n),
    "exponential 10 ms": lambda r, n: r.exponential(0.010, n),
    "exponential 50 ms": lambda r, n: r.exponential(0.050, n),
    "two hops": lambda r, n: r.gamma(2.0, 0.005, n),
    "four hops": lambda r, n: r.gamma(4.0, 0.005, n),
    "uniform": lambda r, n: r.uniform(0.0, 0.020, n),
    "half normal": lambda r, n: np.abs(r.normal(0.0, 0.010, n)),
    "lognormal": lambda r, n: r.lognormal(np.log(0.005), 1.0, n),
    "heavy tail": lambda r, n: 0.005 * r.pareto(1.5, n),
    "mostly none": lambda r, n: np.where(
        r.random(n) < 0.8, r.exponential(0.0005, n), r.exponential(0.1, n)
    ),
}


def cloud(x: np.ndarray, v: np.ndarray) -> Cloud:
    hull = upper_hull(x, v)
    return Cloud(len(x), float(x.sum()), float(v.sum()), *hull, float((x * x).sum()), len(x))


def late_clock(rng: Rng, delays: Delays, hz: float, n: int, span_s: float) -> Cloud:
    """`n` readings of a clock, in order of arrival."""
    sent = np.sort(rng.uniform(0.0, span_s, n))
    seen = sent + 0.02 + delays(rng, n)
    order = np.argsort(seen, kind="stable")
    x, v = seen[order], np.floor(hz * (1.0 + SKEW) * sent + rng.random())[order]
    return cloud(x - x[0], v - v[0])


def edges(clouds: list[Cloud]) -> Edges:
    return combine([e for e in map(edges_of, clouds) if e is not None])


FLOWS = st.lists(
    st.lists(
        st.tuples(st.integers(0, 100_000), st.integers(-100_000, 100_000)),
        min_size=2,
        max_size=12,
        unique_by=lambda p: p[0],
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=200)
@given(FLOWS)
def test_joint_fit_equals_a_general_solver(flows: list[list[tuple[int, int]]]) -> None:
    """SciPy's HiGHS on all readings of all flows finds the same least sum of distances."""
    points = [np.array(sorted(flow), dtype=float).T / 1000.0 for flow in flows]
    slope = edges([cloud(x, v) for x, v in points]).rate.hz
    ours = sum(float(np.sum(np.max(v - slope * x) + slope * x - v)) for x, v in points)
    n = sum(len(x) for x, _ in points)
    rows = np.zeros((n, 1 + len(points)))
    rows[:, 0] = np.concatenate([x for x, _ in points])
    rows[np.arange(n), np.repeat(np.arange(1, 1 + len(points)), [len(x) for x, _ in points])] = 1.0
    v = np.concatenate([v for _, v in points])
    found = linprog(
        rows.sum(axis=0),
        A_ub=-rows,
        b_ub=-v,
        bounds=[(None, None)] * rows.shape[1],
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    assert found.status == 0
    theirs = float(found.fun - v.sum())
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-9 * max(1.0, float(np.abs(v).sum())))


def test_of_one_flow_it_is_the_edge_over_the_mean() -> None:
    one = late_clock(np.random.default_rng(5), LAWS["exponential 10 ms"], 1000.0, 300, 60.0)
    own = bound_from_above(one)
    assert own is not None
    assert edges([one]).rate.hz == pytest.approx(own.slope, rel=1e-12)


def test_it_does_not_matter_how_parts_are_put_together() -> None:
    rng = np.random.default_rng(6)
    clouds = [late_clock(rng, LAWS["exponential 10 ms"], 1000.0, 40, 30.0) for _ in range(9)]
    at_once = edges(clouds).rate
    by_parts = combine([edges(clouds[:4]), edges(clouds[4:])]).rate
    assert by_parts.hz == at_once.hz
    assert by_parts.error == pytest.approx(at_once.error, rel=1e-9)


def test_thinned_edges_say_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    clouds = [late_clock(rng, LAWS["exponential 10 ms"], 1000.0, 60, 60.0) for _ in range(300)]
    whole = edges(clouds)
    monkeypatch.setattr(joint_rate, "MOST_EDGES", 1000)
    thin = edges(clouds)
    assert len(thin.slope) <= 250
    assert len(whole.slope) > 1000
    assert abs(thin.rate.hz / whole.rate.hz - 1.0) < 0.2 * whole.rate.error
    assert thin.rate.error == pytest.approx(whole.rate.error, rel=0.1)


def test_a_hundred_short_flows_tell_the_rate_as_one_long_one() -> None:
    """Science: 100 flows of 60 s at 1000 Hz with 10 ms jitter give 0.8 ppm or better."""
    rng = np.random.default_rng(8)
    misses = []
    for _ in range(40):
        clouds = [late_clock(rng, LAWS["exponential 10 ms"], 1000.0, 600, 60.0) for _ in range(100)]
        misses.append(edges(clouds).rate.skew_ppm(1000.0)[0] - SKEW * 1e6)
    assert np.std(misses) <= 0.8
    assert abs(np.mean(misses)) < 0.4


def test_error_is_honest_over_laws_durations_rates_and_numbers_of_flows() -> None:
    """(estimate - truth) / error has standard deviation 1, in every cut of what is simulated."""
    rng = np.random.default_rng(9)
    by: dict[tuple[str, object], list[float]] = {}
    for n_flows in (1, 2, 4, 8, 20, 60):
        for n, span_s in ((20, 30.0), (30, 120.0), (100, 60.0), (400, 600.0)):
            if n_flows * n > 4000:
                continue
            for hz in (1000.0, 250.0):
                for law, delays in LAWS.items():
                    for _ in range(max(6, 40 // n_flows)):
                        several = [late_clock(rng, delays, hz, n, span_s) for _ in range(n_flows)]
                        rate = edges(several).rate
                        z = (rate.hz / (hz * (1.0 + SKEW)) - 1.0) / rate.error
                        for cut in (("flows", n_flows), ("span", span_s), ("hz", hz), ("", "")):
                            by.setdefault(cut, []).append(z)
                        if n_flows >= 4:
                            by.setdefault(("law", law), []).append(z)
    spread = {cut: float(np.sqrt(np.mean(np.square(z)))) for cut, z in by.items()}
    said = ", ".join(f"{cut} {value}: {s:.2f}" for (cut, value), s in spread.items())
    assert 0.9 < spread["", ""] < 1.1, said
    assert all(0.8 < s < 1.3 for s in spread.values()), said
    beyond = np.mean([abs(z) > 4.0 for z in by["", ""]])
    assert beyond < 0.01


def test_readings_that_tell_nothing() -> None:
    assert edges_of(cloud(np.array([1.0]), np.array([5.0]))) is None
    falling = edges_of(cloud(np.array([0.0, 1.0, 2.0]), np.array([0.0, -5.0, -9.0])))
    assert falling is not None
    assert falling.rate.error == float("inf")
    with pytest.raises(ValueError, match="no edges"):
        combine([])


def test_the_tests_own_made_up_fits_say_what_they_should() -> None:
    one = measured(250.0, 3.0)
    assert one.rate.hz == pytest.approx(250.0, abs=1e-9)
    assert one.rate.error == pytest.approx(3e-6, rel=0.1)
    other = measured(250.0 * (1.0 + 30e-6), 30.0)
    both = combine([one, other]).rate
    assert both.skew_ppm(250.0)[0] == pytest.approx(0.3, abs=0.2)
