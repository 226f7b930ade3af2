"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretell.exporters import quantity

S = 1_000_000_000


@pytest.mark.parametrize(
    ("n_bytes", "shown"),
    [
        (None, "0 B"),
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (99_400, "99.4 kB"),
        (99_600, "100 kB"),
        (999_600, "1.0 MB"),
        (12_345_678, "12.3 MB"),
        (10**15, "1000 TB"),
    ],
)
def test_size(n_bytes: int | None, shown: str) -> None:
    assert quantity.size(n_bytes) == shown


@pytest.mark.parametrize(
    ("probability", "shown"),
    [(None, ""), (math.nan, ""), (0.0, "0 %"), (0.5, "50 %"), (0.9999, ">99 %"), (1.0, ">99 %")],
)
def test_percent(probability: float | None, shown: str) -> None:
    assert quantity.percent(probability) == shown


def test_count() -> None:
    assert quantity.count(1, "address", "addresses") == "1 address"
    assert quantity.count(9_999, "flow") == "9999 flows"
    assert quantity.count(1_234_567, "flow") == "1 234 567 flows"


def test_span() -> None:
    assert quantity.span(0, 90 * S) == "1970-01-01 00:00:00 to 00:01:30 UTC"
    assert quantity.span(0, 86_400 * S) == "1970-01-01 00:00:00 to 1970-01-02 00:00:00 UTC"


def test_clock() -> None:
    device = {"clock_hz": 994.23, "skew_ppm": -12.34, "skew_error_ppm": 0.5, "clock_regime": None}
    assert quantity.rate(device) == "994.2 Hz"
    assert quantity.skew(device) == "-12.3 ±0.5 ppm"
    assert quantity.skew({**device, "skew_error_ppm": math.inf}) == "-12.3 ppm"
    assert quantity.rate({**device, "clock_hz": math.nan}) == ""


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_time_is_shown(time_ns: int) -> None:
    assert quantity.date(time_ns)
    assert quantity.clock_time(time_ns)


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ((1, 1, 1), ""),
        ((None, None, None), ""),
        ((1, 1, 2), "perhaps 2 alike"),
        ((1, 1, 4), "perhaps up to 4 alike"),
        ((3, 2, 5), "about 3 alike, 2-5"),
    ],
)
def test_alike(counts: tuple[int | None, ...], shown: str) -> None:
    keys = ("n_machines", "n_machines_low", "n_machines_high")
    assert quantity.alike(dict(zip(keys, counts, strict=True))) == shown
