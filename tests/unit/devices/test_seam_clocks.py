"""Clock lines that go on in another window."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from wiretell.devices import seam_clocks
from wiretell.devices.group import Group
from wiretell.devices.seam_clocks import continued
from wiretell.devices.windows import View, Window
from wiretell.signal import Clock

HZ = 1000.0
WINDOW = 100


def clock(side: int, first_s: float, value: int, scope: str = "host", n_sides: int = 2) -> Clock:
    sides = tuple(range(side, side + n_sides))
    last = int(value + 50 * HZ)
    return Clock(sides, scope, HZ, HZ, 0.0, 1.0, 20, first_s, first_s + 50, value, last, "peer")


def view(number: int, *clocks: Clock) -> View:
    """A window of 100 sides; each clock is that of a group of its own."""
    begin = number * WINDOW
    core = np.full(WINDOW, -1)
    groups = []
    for g, own in enumerate(clocks):
        core[np.array(own.sides) - begin] = g
        kind = "singles" if own.scope == "flow" else "lines"
        groups.append(Group([*own.sides], **{kind: [own]}))  # type: ignore[arg-type]
    window = Window(begin, begin + WINDOW, begin, begin + WINDOW)
    told = SimpleNamespace(window=window, groups=groups, core=core, facts=dict(enumerate(groups)))
    return cast(View, told)


def pairs(*views: View) -> list[tuple[int, int, int, int]]:
    return [(x.window, x.group, y.window, y.group) for x, y in continued(views)]


def test_a_line_goes_on_in_the_next_window_that_has_it() -> None:
    one, other = 7_000_000, 3_000_000_000
    views = (
        view(0, clock(0, 10.0, one), clock(10, 20.0, other)),
        view(1, clock(100, 1020.0, other + 1_000_000)),
        view(2, clock(200, 2010.0, one + 2_000_200), clock(210, 2020.0, other + 2_000_000)),
    )
    assert sorted(pairs(*views)) == [(0, 0, 2, 0), (0, 1, 1, 0), (1, 0, 2, 1)]


def test_lines_that_are_seconds_apart_are_two() -> None:
    assert pairs(view(0, clock(0, 10.0, 0)), view(1, clock(100, 1010.0, 1_003_000))) == []


def test_a_line_goes_on_over_the_end_of_the_numbers() -> None:
    before = 2**32 - 500_000
    views = view(0, clock(0, 10.0, before)), view(1, clock(100, 1010.0, 500_000))
    assert pairs(*views) == [(0, 0, 1, 0)]


def test_of_two_single_flows_nothing_is_said() -> None:
    single = clock(0, 10.0, 0, "flow", 1)
    later = clock(100, 1010.0, 1_000_000, "flow", 1)
    assert pairs(view(0, single), view(1, later)) == []
    line = clock(100, 1010.0, 1_000_000, "destination")
    assert pairs(view(0, single), view(1, line)) == [(0, 0, 1, 0)]


def test_of_a_crowd_of_clocks_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    views = view(0, clock(0, 10.0, 0)), view(1, clock(100, 1010.0, 1_000_000))
    monkeypatch.setattr(seam_clocks, "MOST_TOGETHER", 1)
    assert pairs(*views) == []
