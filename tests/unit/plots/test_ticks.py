from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretell.plots.ticks import grouped, number_ticks, time_ticks

S = 1_000_000_000
NOON = 1_790_000_000 * S // (86_400 * S) * 86_400 * S + 12 * 3600 * S


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 65535, ["0", "20 000", "40 000", "60 000"]),
        (-0.25, 0.25, ["-0.2", "-0.1", "0.0", "0.1", "0.2"]),
        (1e-4, 5e-4, ["0.0001", "0.0002", "0.0003", "0.0004", "0.0005"]),
    ],
)
def test_numbers_are_round(low: float, high: float, labels: list[str]) -> None:
    assert [tick.label for tick in number_ticks(low, high, 6)] == labels


@pytest.mark.parametrize(
    ("span", "labels"),
    [
        (4 * 3600 * S, ["12:00", "13:00", "14:00", "15:00", "16:00"]),
        (10 * S, ["12:00:00", "12:00:02", "12:00:04", "12:00:06", "12:00:08", "12:00:10"]),
        (
            S // 250,
            ["12:00:00.000", "12:00:00.001", "12:00:00.002", "12:00:00.003", "12:00:00.004"],
        ),
        (2_000, ["12:00:00.0000000", "12:00:00.0000005", "12:00:00.0000010"]),
    ],
)
def test_times_are_round(span: int, labels: list[str]) -> None:
    assert [tick.label for tick in time_ticks(NOON, NOON + span, 6)][: len(labels)] == labels


@given(st.floats(-1e15, 1e15), st.floats(1e-9, 1e15), st.integers(1, 20))
def test_ticks_lie_on_the_axis_and_are_few(low: float, span: float, most: int) -> None:
    ticks = number_ticks(low, low + span, most)
    assert len(ticks) <= most + 2
    assert all(low - span / 100 <= tick.place <= low + span * 1.01 for tick in ticks)


@given(st.integers(-(2**62), 2**62), st.integers(1, 2**61), st.integers(1, 20))
def test_times_lie_on_the_axis_and_are_few(low: int, span: int, most: int) -> None:
    ticks = time_ticks(low, low + span, most)
    assert len(ticks) <= 4 * most + 1
    assert all(low <= tick.place <= low + span for tick in ticks)


def test_zero_has_no_sign() -> None:
    assert grouped(-0.0, 1) == "0.0"
    assert grouped(-1234.5, 1) == "-1 234.5"
