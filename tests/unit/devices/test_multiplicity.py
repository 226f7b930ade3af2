"""How many alike machines nothing told apart."""

from __future__ import annotations

import numpy as np
import pytest

from wiretell.devices.exclusive import holds_bits, most_at_once
from wiretell.devices.group import Group
from wiretell.devices.multiplicity import Body, beyond, multiplicities
from wiretell.signal import Hold

SECONDS = 600.0
SINGLES = [Body(look, 60, 1.0, 1) for look in ("win", "mac", "linux")]
"""Three machines of three makes, each held together by a counter, each with its push connection."""


def hold(first_s: float, last_s: float, kind: str = "push", side: int = 0) -> Hold:
    return Hold(side, kind, first_s, last_s)


def parted(bodies: list[Body]) -> list[np.ndarray]:
    return list(multiplicities(bodies, beyond(bodies, SECONDS)))


def expected(bodies: list[Body]) -> float:
    total = beyond(bodies, SECONDS).total
    return float(total @ np.arange(len(total)))


def test_machines_that_are_held_together_hide_nobody() -> None:
    assert expected(SINGLES) == 0.0
    assert [list(p) for p in parted(SINGLES)] == [[1.0]] * 3


def test_probabilities_are_probabilities() -> None:
    bodies = [*SINGLES, Body("phone", 90, 0.1, 2), Body("phone", 30, 0.2, 0)]
    found = beyond(bodies, SECONDS)
    assert found.total.sum() == pytest.approx(1.0)
    assert all(p.sum() == pytest.approx(1.0) for p in found.of_look.values())
    assert [p.sum() for p in parted(bodies)] == pytest.approx([1.0] * 5)
    assert expected(bodies) == pytest.approx(
        sum(float(p @ np.arange(len(p))) for p in parted(bodies))
    )


def test_one_machine_alone_is_most_probably_one() -> None:
    for n_connections in (5, 60, 2000):
        (alone,) = parted([Body("phone", n_connections, 0.0, 1)])
        assert int(np.argmax(alone)) == 0
        assert alone[0] < 0.95  # but alike machines would look the same


def test_push_connections_kept_at_once_count() -> None:
    few, many = (expected([*SINGLES, Body("phone", 180, 0.0, n)]) for n in (1, 3))
    assert many > few + 1.0
    assert many == pytest.approx(2.0, abs=0.8)


def test_holds_of_groups_of_one_look_are_counted_together() -> None:
    apart = [
        Body("phone", 60, 0.0, 1, (), (hold(0.0, 500.0),)),
        Body("phone", 60, 0.0, 1, (), (hold(0.0, 500.0),)),
    ]
    in_turns = [apart[0], Body("phone", 60, 0.0, 1, (), (hold(505.0, 600.0),))]
    assert expected([*SINGLES, *in_turns]) < expected([*SINGLES, *apart]) + 1e-9


def test_a_group_as_busy_as_three_is_probably_several() -> None:
    usual, busy = (expected([*SINGLES, Body("phone", n, 0.0, 1)]) for n in (60, 400))
    assert busy > usual


def test_looks_that_come_in_many_promise_more_of_the_others() -> None:
    office = [Body("win", 60, 1.0, 0) for _ in range(6)]
    home = [Body(f"make {i}", 60, 1.0, 0) for i in range(6)]
    loose = Body("phone", 60, 0.0, 0)
    assert expected([*office, loose]) > 2.0 * expected([*home, loose])


def test_one_precise_rate_off_true_is_one_crystal() -> None:
    free = tuple((45.0 + 0.3 * (-1) ** i, 0.5) for i in range(8))
    true = tuple((0.3 * (-1) ** i, 0.5) for i in range(8))
    one, unknown = (expected([Body("phone", 60, 0.0, 0, skews)]) for skews in (free, true))
    assert one < 0.3 * unknown


def test_one_rate_beyond_all_crystals_is_one_clock() -> None:
    free, absurd = (tuple((ppm, 0.5) for _ in range(8)) for ppm in (45.0, 40_000.0))
    one, other = (expected([Body("phone", 60, 0.0, 0, skews)]) for skews in (free, absurd))
    assert one == pytest.approx(other)


def test_rates_that_scatter_too_much_prove_no_single_crystal() -> None:
    two = tuple((45.0 * (-1) ** i, 0.5) for i in range(8))
    assert expected([Body("phone", 60, 0.0, 0, two)]) == pytest.approx(
        expected([Body("phone", 60, 0.0, 0)])
    )


def test_most_at_once() -> None:
    assert most_at_once([]) == 0
    assert most_at_once([hold(0.0, 100.0), hold(50.0, 150.0)]) == 2
    assert most_at_once([hold(0.0, 100.0), hold(95.0, 200.0)]) == 1  # one replaced the other
    assert most_at_once([hold(0.0, 100.0, "a"), hold(0.0, 100.0, "b")]) == 1


def test_two_groups_that_each_keep_one_at_the_same_time() -> None:
    a, b = Group([0], holds=[hold(0.0, 100.0)]), Group([1], holds=[hold(20.0, 120.0, side=1)])
    (argument,) = holds_bits(a, b)
    assert argument.bits < 0.0
    assert argument.reason == "both keep a connection to push, 80 s at the same time"
    assert holds_bits(a, Group([1], holds=[hold(200.0, 300.0)])) == []
    assert holds_bits(a, Group([1], holds=[hold(20.0, 120.0, "other")])) == []


def test_a_busy_line_is_not_a_crowd() -> None:
    """Every look is three times as busy as is usual: that is the pace here, not three of each."""
    looks = [Body(look, 180, 0.1, 0) for look in ("win", "mac", "phone", "linux")]
    usual = [Body(look, 60, 0.1, 0) for look in ("win", "mac", "phone", "linux")]
    odd = [*usual[:3], Body("linux", 180, 0.1, 0)]
    assert expected(looks) - expected(usual) < 1.0
    linux = [float(beyond(b, SECONDS).of_look["linux"][0]) for b in (looks, odd)]
    assert linux[0] > linux[1]  # one look busier than the others may well be several machines


def test_a_further_machine_hides_only_in_what_nothing_ties() -> None:
    loose, half, most = (expected([*SINGLES, Body("phone", 60, h, 0)]) for h in (0.0, 0.5, 0.7))
    assert loose > half > most > 0.002
    assert expected([*SINGLES, Body("phone", 60, 0.95, 0)]) == 0.0


def test_a_group_with_a_main_machine_is_not_counted_with_the_others_of_its_look() -> None:
    """Each of two hides its own: what one is taken for says little of the other."""
    tied = Body("phone", 60, 0.7, 0)
    one, two = expected([*SINGLES, tied]), expected([*SINGLES, tied, tied])
    assert 1.5 * one < two < 6.0 * one
    first, second = parted([*SINGLES, tied, tied])[3:]
    assert list(first) == list(second)
    assert first.sum() == pytest.approx(1.0)


def test_very_many_groups_with_main_machines_are_counted_in_moments() -> None:
    bodies = [Body(f"make {i % 40}", 30 + i % 50, 0.6 + 0.0002 * (i % 1400), 0) for i in range(400)]
    total = beyond(bodies, SECONDS).total
    assert total.sum() == pytest.approx(1.0)
    assert float(total @ np.arange(len(total))) > 1.0
