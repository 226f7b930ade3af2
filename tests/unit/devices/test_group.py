"""What is known of a group adds up when groups merge."""

from __future__ import annotations

from collections import Counter

import pytest
from measured_rate import measured

from wiretell.devices.group import groups_of
from wiretell.signal import Clock, Label


def clock(*sides: int, ppm: float = 0.0, error: float = 2.0) -> Clock:
    scope = "host" if len(sides) > 1 else "flow"
    edges = measured(1000.0 * (1.0 + ppm * 1e-6), error)
    return Clock(sides, scope, 1000.0, 1000.0, ppm, error, 50, 0.0, 1.0, 0, 1000, edges=edges)


def test_groups_know_their_own() -> None:
    labels = [Label(0, "ua", "x"), Label(1, "ua", "x"), Label(2, "ua", "y")]
    one, other = groups_of([[1, 0], [2]], labels, [clock(0, 1), clock(2)], ["a", "b", "b"])
    assert (one.sides, one.peers, one.labels) == ([0, 1], {"a", "b"}, {"ua": Counter(x=2)})
    assert (len(one.lines), len(one.singles), one.n_clocked) == (1, 0, 2)
    assert (len(other.lines), len(other.singles), other.n_clocked) == (0, 1, 1)


def test_absorbing_is_the_same_as_grouping_together() -> None:
    labels = [Label(side, "ua", "xy"[side % 2]) for side in range(4)]
    clocks = [clock(0, 2, ppm=5.0), clock(1, ppm=9.0, error=1.0), clock(3, ppm=1.0)]
    peers = ["a", "b", "c", "a"]
    one, other = groups_of([[0, 3], [1, 2]], labels, clocks, peers)
    one.absorb(other)
    (whole,) = groups_of([[0, 1, 2, 3]], labels, clocks, peers)
    assert (one.sides, one.labels, one.peers) == (whole.sides, whole.labels, whole.peers)
    assert one.skew() == pytest.approx(whole.skew())
    assert {c.sides for c in one.lines} == {c.sides for c in whole.lines}
    assert {c.sides for c in one.singles} == {c.sides for c in whole.singles}
    assert one.n_clocked == whole.n_clocked


def test_skews_are_weighed_by_their_errors() -> None:
    clocks = [clock(0, ppm=10.0, error=1.0), clock(1, ppm=40.0, error=10.0)]
    (group,) = groups_of([[0, 1]], [], clocks, ["", ""])
    skew = group.skew()
    assert skew is not None
    hz, ppm, error = skew
    assert hz == 1000.0
    assert 10.0 < ppm < 11.0
    assert 0.9 < error < 1.1


def test_a_clock_of_unknown_rate_is_no_skew() -> None:
    unknown = Clock((0,), "flow", 0.0, 0.0, 0.0, float("inf"), 2, 0.0, 1.0, 0, 1000)
    (group,) = groups_of([[0]], [], [unknown], [""])
    assert group.skew() is None


def test_a_line_that_a_group_shares_by_chance_is_not_its_clock() -> None:
    """One of 22 flows with offsets of their own is near a line of 15 flows of another machine."""
    alone = [clock(side) for side in range(20, 41)]
    line = clock(*range(14), 41)
    parts = [range(14), range(20, 42)]
    machine, other = groups_of(parts, [], [line, *alone], [""] * 42)
    assert machine.lines == [line]
    assert (other.lines, len(other.singles)) == ([], 21)


def test_a_small_piece_of_a_machine_keeps_its_clock() -> None:
    line = clock(*range(14), 41)
    _, piece = groups_of([range(14), [40, 41]], [], [line, clock(40)], [""] * 42)
    assert piece.lines == [line]
