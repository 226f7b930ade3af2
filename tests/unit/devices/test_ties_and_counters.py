"""Links between groups, and counters side by side in time."""

from __future__ import annotations

import pytest

from wiretell.devices.group import Group
from wiretell.devices.interleave import (
    JUMP_BITS,
    Interleaving,
    agreement,
    agreements,
    believable,
)
from wiretell.devices.ties import APART_CAP, TIED_CAP, Ties
from wiretell.signal import Counter, Link


def link(a: int, b: int, bits: float = 10.0, signal: str = "source_port") -> Link:
    return Link(signal, a, b, bits, f"{a} then {b}", counter="ports")


def groups(*sizes: int) -> list[Group]:
    found, first = [], 0
    for size in sizes:
        found.append(Group(list(range(first, first + size))))
        first += size
    return found


def test_a_link_says_no_more_than_its_bits() -> None:
    ties = Ties.between(groups(2, 2), [link(1, 2, 2.5)])
    argument = ties.argument(0, 1)
    assert argument is not None
    assert 0.0 < argument.bits <= 2.5
    assert argument.reason == "1 then 2"


def test_many_links_across_tie_few_among_many_do_not() -> None:
    turns = [Group(list(range(k, 100, 2))) for k in range(2)]
    inside = [link(i, i + 2) for i in range(98)]
    one = Ties.between(turns, [*inside, link(49, 50)]).argument(0, 1)
    many = Ties.between(groups(50, 50), [link(i, 50 + i) for i in range(50)]).argument(0, 1)
    assert one is not None
    assert APART_CAP <= one.bits < 0.0
    assert many is not None
    assert many.bits == TIED_CAP
    assert many.reason.endswith("(and 49 more)")


def test_links_that_may_be_accidents_tie_less() -> None:
    """Fifty weak links across say less than fifty sure ones, and less than they add up to."""
    weak, sure = (
        Ties.between(groups(50, 50), [link(i, 50 + i, bits) for i in range(50)]).argument(0, 1)
        for bits in (1.0, 10.0)
    )
    assert weak is not None
    assert sure is not None
    assert weak.bits < 1.0 < sure.bits


def test_links_missing_of_a_counter_that_not_every_flow_steps_say_nothing() -> None:
    turns = [Group(list(range(k, 100, 2))) for k in range(2)]
    found = [Link("ip_id", i, i + 2, 10.0, "towards one destination") for i in range(98)]
    across = Link("ip_id", 49, 50, 10.0, "towards one destination")
    argument = Ties.between(turns, [*found, across]).argument(0, 1)
    assert argument is not None
    assert argument.bits > 0.0


def test_a_counter_lost_sight_of_once_is_no_argument_against() -> None:
    """One group follows the other in time: there was one occasion to go on, and it did."""
    inside = [link(i, i + 1) for i in range(49)] + [link(i, i + 1) for i in range(50, 99)]
    argument = Ties.between(groups(50, 50), [*inside, link(49, 50, 5.0)]).argument(0, 1)
    assert argument is not None
    assert 0.0 < argument.bits <= 5.0


def test_merging_is_the_same_as_beginning_together() -> None:
    links = [link(0, 1), link(1, 2), link(2, 3, 4.0), link(0, 5), link(3, 4), link(4, 5)]
    parts = groups(2, 2, 2)
    ties = Ties.between(parts, links)
    ties.merge(0, 1)
    parts[0].absorb(parts[1])
    whole = Ties.between([parts[0], parts[2]], links)
    assert ties.argument(0, 2) == whole.argument(0, 1)
    assert ties.pairs() == {(0, 2)}


def test_links_of_sides_in_no_group_are_left() -> None:
    assert Ties.between(groups(1, 1), [link(0, 7), link(8, 9)]).pairs() == set()


def counter(signal: str = "ip_id", **values: tuple[float, int]) -> Counter:
    """A counter modulo 65536 with slack 10 and 2 a second; side `sN` met it once."""
    marks = {int(side[1:]): (mark, mark) for side, mark in values.items()}
    return Counter(signal, 65_536, 10, 2.0, marks)


@pytest.mark.parametrize(
    ("later", "within"),
    [((0.0, 110), True), ((0.0, 111), False), ((20.0, 150), True), ((20.0, 151), False)],
)
def test_what_a_counter_can_reach(later: tuple[float, int], within: bool) -> None:
    found = counter(s0=(0.0, 100), s1=later)
    assert believable(found, found.marks[0], found.marks[1])[0] is within


def test_a_counter_goes_on_over_its_end() -> None:
    found = counter(s0=(0.0, 65_530), s1=(0.0, 3))
    assert believable(found, found.marks[0], found.marks[1])[0]


def test_the_other_counter_confirms_or_crosses_a_link() -> None:
    same = counter(s0=(0.0, 100), s1=(1.0, 105))
    elsewhere = counter(s0=(0.0, 100), s1=(1.0, 40_000))
    assert agreement(link(0, 1), [same]) == 4.0
    assert agreement(link(0, 1), [elsewhere]) < -7.9
    assert agreement(link(0, 2), [elsewhere]) == 0.0
    assert agreement(link(0, 1, signal="ip_id"), [elsewhere]) == 0.0


def test_links_are_asked_of_all_counters_at_once() -> None:
    near = counter("ip_id", s0=(0.0, 100), s1=(1.0, 105), s3=(9.0, 65_000))
    far = counter("other", s0=(0.0, 100), s2=(1.5, 40_000), s3=(9.0, 7))
    several = [
        link(b, a, signal=name) for a in range(5) for b in range(a) for name in ("x", "ip_id")
    ]
    found = agreements(several, [near, far]).tolist()
    assert found == pytest.approx([agreement(x, [near, far]) for x in several])
    assert min(found) < 0.0 < max(found)
    assert agreements([], [near]).tolist() == agreements([], []).tolist() == []


def test_counters_side_by_side_are_two_machines() -> None:
    two = {f"s{i}": (float(i), 100 + i + 30_000 * (i % 2)) for i in range(12)}
    one = {f"s{i}": (float(i), 100 + i) for i in range(12)}
    parts = [list(range(0, 12, 2)), list(range(1, 12, 2))]
    argument = Interleaving(parts, [counter(**two)]).argument(0, 1)
    assert argument is not None
    assert argument.bits < -25.0
    assert Interleaving(parts, [counter(**one)]).argument(0, 1) is None


def test_one_after_the_other_may_be_one_that_rebooted() -> None:
    marks = {f"s{i}": (float(i), 100 + i + 30_000 * (i >= 6)) for i in range(12)}
    parts = [list(range(6)), list(range(6, 12))]
    argument = Interleaving(parts, [counter(**marks)]).argument(0, 1)
    assert argument is not None
    assert JUMP_BITS <= argument.bits < 0.0
    assert argument.reason == "its counter would jump"
    onward = {f"s{i}": (float(i), 100 + i) for i in range(12)}
    assert Interleaving(parts, [counter(**onward)]).argument(0, 1) is None


def test_what_different_counters_say_adds_up() -> None:
    two = {f"s{i}": (float(i), 100 + i + 30_000 * (i >= 6)) for i in range(12)}
    parts = [list(range(6)), list(range(6, 12))]
    both = [counter("ip_id", **two), counter("source_port", **two)]
    one, together = (Interleaving(parts, of).argument(0, 1) for of in (both[:1], both))
    assert one is not None
    assert together is not None
    assert together.bits == pytest.approx(2.0 * one.bits)


def test_marks_of_merged_groups_are_one_row() -> None:
    marks = {f"s{i}": (float(i), 100 + i + 20_000 * (i % 3)) for i in range(18)}
    parts = [list(range(k, 18, 3)) for k in range(3)]
    merged = Interleaving(parts, [counter(**marks)])
    merged.merge(0, 2)
    whole = sorted(parts[0] + parts[2])
    fresh = Interleaving([whole, parts[1]], [counter(**marks)])
    assert merged.argument(0, 1) == fresh.argument(0, 1)


def test_flows_that_strayed_into_a_large_group_say_nothing_of_its_counter() -> None:
    """One counter to and fro between two groups, the larger with flows of another counter."""
    marks = {f"s{i}": (float(i), 100 + i) for i in range(120)}
    parts = [list(range(100)), list(range(100, 120))]
    assert Interleaving(parts, [counter(**marks)]).argument(0, 1) is None
    strays = {f"s{120 + k}": (105.0 + 3.0 * k, 40_000 + k) for k in range(3)}
    few = [[*parts[0], *range(120, 123)], parts[1]]
    assert Interleaving(few, [counter(**marks, **strays)]).argument(0, 1) is None
    many = {f"s{120 + k}": (105.0 + 0.7 * k, 40_000 + k) for k in range(20)}
    apart = [[*parts[0], *range(120, 140)], parts[1]]
    argument = Interleaving(apart, [counter(**marks, **many)]).argument(0, 1)
    assert argument is not None
    assert argument.bits < -20.0


def test_marks_of_a_small_group_are_all_its_own() -> None:
    marks = {f"s{i}": (float(i), 100 + i + 20_000 * (i % 5 == 4)) for i in range(15)}
    parts = [[i for i in range(15) if i % 5 != 4], [4, 9, 14]]
    argument = Interleaving(parts, [counter(**marks)]).argument(0, 1)
    assert argument is not None
    assert argument.bits < -10.0
