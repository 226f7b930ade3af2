"""What is said of a machine's clock where only its rate, not its skew, shows."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from wiretell.devices.describe import _clock
from wiretell.devices.group import Group


@dataclass
class _Measured(Group):
    """A group whose flows show this (nominal Hz, ppm, error in ppm)."""

    measured: tuple[float, float, float] | None = None

    def skew(self) -> tuple[float, float, float] | None:
        return self.measured


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        (None, None),
        ((1000.0, 50.0, 2.0), (1000.05, 50.0, 2.0)),
        # A clock of 2 Hz in flows of seconds: the rate is plain, the skew is not.
        ((2.0, 1194.0, 3000.0), (2.0, None, None)),
        # Nobody's nominal rate: 2 % off, known to 0.3 %.
        ((250.0, 20_000.0, 3000.0), None),
        # Known to 5 %: a clock of 95 Hz could be one of 100.
        ((100.0, 0.0, 50_000.0), None),
    ],
)
def test_a_skew_is_shown_only_where_it_is_known(
    measured: tuple[float, float, float] | None,
    said: tuple[float, float | None, float | None] | None,
) -> None:
    found = _clock(_Measured([0], measured=measured))
    assert found == (pytest.approx(said) if said and said[1] else said)
