"""What speaks for and against two groups of flows being one machine."""

from __future__ import annotations

from collections import Counter

import pytest
from measured_rate import measured

from wiretell.devices.compare import (
    CLOCK_CONFLICT_BITS,
    ONE_MACHINE_BITS,
    OTHER_RATE_BITS,
    SURE_CONFLICT_BITS,
    Argument,
    clock_bits,
    compare,
    discounted,
    labels_bits,
    skew_bits,
)
from wiretell.devices.group import Group, groups_of
from wiretell.signal import Clock, LabelRule
from wiretell.stats.counter_lines import MODULUS

RULES = {
    rule.kind: rule
    for rule in (
        LabelRule("stack", 2.0, -10.0, "option order", 3),
        LabelRule("system", 1.0, -5.0, "system", 3),
        LabelRule("cookie", 14.0, 0.0, "cookie"),
    )
}


def line(
    sides: range,
    *,
    at: tuple[float, float] = (0.0, 300.0),
    start: float = 5e8,
    hz: float = 1000.0,
    skew_ppm: float = 0.0,
    error_ppm: float = 1.0,
    scope: str = "host",
    peer: str = "",
) -> Clock:
    """A clock that shows `start` at 0 s, read between the two times `at`."""
    v_first, v_last = (int(start + hz * t) % MODULUS for t in at)
    return Clock(
        tuple(sides), scope, hz * (1 + skew_ppm * 1e-6), hz, skew_ppm, error_ppm, 50,
        *at, v_first, v_last, peer, measured(hz * (1 + skew_ppm * 1e-6), error_ppm),
    )  # fmt: skip


def pair(a: Clock, b: Clock) -> tuple[Group, Group]:
    """One group per clock."""
    sides = [*a.sides, *b.sides]
    peers = [""] * (max(sides) + 1)
    one, other = groups_of([a.sides, b.sides], [], [a, b], peers)
    return one, other


def bits(arguments: list[Argument]) -> float:
    return sum(x.bits for x in arguments)


def labelled(kind: str, **texts: int) -> Group:
    return Group([0], labels={kind: Counter(texts)})


# handwriting


def test_equal_labels_speak_for_and_different_ones_against_one_machine() -> None:
    (same,) = labels_bits(labelled("stack", a=9), labelled("stack", a=4), RULES)
    assert (same.bits, same.reason) == (2.0, "same option order: a")
    (other,) = labels_bits(labelled("stack", a=9), labelled("stack", b=4), RULES)
    assert -10.0 < other.bits < -8.0
    assert other.reason == "option order differs: a / b"


def test_one_label_is_a_poor_witness() -> None:
    once = bits(labels_bits(labelled("stack", a=9), labelled("stack", b=1), RULES))
    often = bits(labels_bits(labelled("stack", a=9), labelled("stack", b=9), RULES))
    assert -10.0 < often < once < 0.0


def test_a_shared_label_among_many_says_less_but_never_against() -> None:
    full = bits(labels_bits(labelled("cookie", a=1), labelled("cookie", a=1), RULES))
    rare = bits(labels_bits(labelled("cookie", a=1, b=9), labelled("cookie", a=1, c=9), RULES))
    assert full > rare > 0.0
    assert labels_bits(labelled("cookie", a=1), labelled("cookie", b=1), RULES) == []


def test_kinds_that_only_one_group_shows_say_nothing() -> None:
    assert labels_bits(labelled("stack", a=1), labelled("system", a=1), RULES) == []


def test_correlated_arguments_are_discounted() -> None:
    arguments = [Argument("x", b, "") for b in (4.0, -6.0, 2.0, -1.0, 1.0)]
    assert discounted(arguments) == (4.0 + 1.0 + 0.25) - (6.0 + 0.5)
    assert discounted([]) == 0.0


# skews


def test_skews_that_agree_or_differ() -> None:
    mine = line(range(5), skew_ppm=30.0, scope="destination", peer="a")
    near = line(range(5, 9), skew_ppm=31.0, start=9e8, scope="destination", peer="b")
    far = line(range(5, 9), skew_ppm=-30.0, start=9e8, scope="destination", peer="b")
    (agree,) = skew_bits(*pair(mine, near))
    assert 2.0 < agree.bits <= 6.0
    assert "agree" in agree.reason
    (differ,) = skew_bits(*pair(mine, far))
    assert differ.bits == -10.0  # four flows would have to be measured wrong
    assert "differ" in differ.reason


def test_skews_known_poorly_say_little() -> None:
    mine = line(range(5), skew_ppm=30.0, error_ppm=60.0)
    (other,) = (line(range(5, 9), skew_ppm=-30.0, error_ppm=60.0),)
    assert skew_bits(*pair(mine, other)) == []
    mine, other = (
        line(range(5), skew_ppm=8.0, error_ppm=15.0),
        line(range(5, 9), error_ppm=15.0),
    )
    assert abs(bits(skew_bits(*pair(mine, other)))) < 2.0


def test_rates_differ() -> None:
    (argument,) = skew_bits(*pair(line(range(5)), line(range(5, 9), hz=250.0)))
    assert argument.bits == OTHER_RATE_BITS
    assert argument.reason == "clock rates differ: 1000 / 250 Hz"
    # 959 and 1000 Hz may be one clock that loses ticks when idle
    assert skew_bits(*pair(line(range(5)), line(range(5, 9), hz=959.0))) == []


# lines


def test_two_lines_at_once_are_two_machines() -> None:
    (argument,) = clock_bits(*pair(line(range(30)), line(range(30, 60), start=9e8)))
    assert argument.bits == CLOCK_CONFLICT_BITS - 29.0  # thirty flows on each
    assert argument.reason == "clock lines 400000.0 s apart: one machine shows one"


def test_the_more_flows_two_lines_have_the_surer_they_are_two() -> None:
    few, some, many = (
        bits(clock_bits(*pair(line(range(n)), line(range(n, 2 * n), start=9e8))))
        for n in (12, 30, 200)
    )
    assert CLOCK_CONFLICT_BITS >= few > some > many == SURE_CONFLICT_BITS


def test_lines_of_several_flows_that_are_near_say_nothing() -> None:
    """A path that holds packets back shows such, and so do machines that were started together."""
    for apart_s in (0.6, 4.9):
        late = line(range(12, 24), start=5e8 - 1000.0 * apart_s)
        assert clock_bits(*pair(line(range(12)), late)) == []
    assert bits(clock_bits(*pair(line(range(12)), line(range(12, 24), start=5e8 - 5100.0)))) < -25.0


def test_one_flow_on_a_line_by_chance_parts_nothing() -> None:
    """Two pieces of a machine that draws its offsets; a flow of one is near another's line."""
    singles = [line(range(i, i + 1), start=1e8 * i, scope="flow") for i in range(40)]
    peers = [""] * 60
    near = line(range(40, 41), start=7e8)
    one, other = groups_of([range(25), range(25, 41)], [], [*singles, near], peers)
    for argument in (*clock_bits(one, other), *clock_bits(other, one)):
        assert argument.bits > -5.0


def test_lines_towards_different_destinations_are_no_conflict() -> None:
    mine = line(range(5), scope="destination", peer="a")
    theirs = line(range(5, 9), start=9e8, scope="destination", peer="b")
    assert clock_bits(*pair(mine, theirs)) == []
    same = line(range(5, 9), start=9e8, scope="destination", peer="a")
    assert bits(clock_bits(*pair(mine, same))) < -8.0


def test_offsets_of_single_flows_are_no_conflict_among_themselves() -> None:
    mine, theirs = (
        line(range(i, i + 1), start=start, scope="flow") for i, start in ((0, 5e8), (1, 9e8))
    )
    assert clock_bits(*pair(mine, theirs)) == []


def test_a_clock_that_starts_anew_after_the_gap_is_a_reboot() -> None:
    before = line(range(20), at=(0.0, 280.0))
    reborn = line(range(20, 40), at=(320.0, 600.0), start=-300_000.0)
    (argument,) = clock_bits(*pair(before, reborn))
    assert "reboot" in argument.reason
    assert argument.bits > -5.0
    # Up for longer than the gap: it was another machine, or the same one at the same time
    other = line(range(20, 40), at=(320.0, 600.0), start=-300_000.0 + 1e8)
    assert bits(clock_bits(*pair(before, other))) < -12.0


def test_a_clock_that_stood_still_is_a_suspension() -> None:
    before = line(range(20), at=(0.0, 200.0))
    after = line(range(20, 40), at=(330.0, 600.0), start=5e8 - 120_000.0)
    (argument,) = clock_bits(*pair(before, after))
    assert "suspended" in argument.reason
    assert argument.bits > -5.0
    # It cannot have stood still for longer than it was out of sight
    other = line(range(20, 40), at=(330.0, 600.0), start=5e8 - 200_000.0)
    assert bits(clock_bits(*pair(before, other))) < -12.0


def test_the_order_of_the_groups_does_not_matter() -> None:
    cases = [
        (line(range(20), at=(0.0, 280.0)), line(range(20, 40), at=(320.0, 600.0), start=-3e5)),
        (line(range(20), at=(0.0, 200.0)), line(range(20, 30), at=(330.0, 600.0), start=4e8)),
        (line(range(20)), line(range(20, 21), start=9e8, scope="flow")),
        (line(range(20), skew_ppm=9.0), line(range(20, 40), start=9e8, hz=250.0)),
    ]
    for mine, theirs in cases:
        a, b = pair(mine, theirs)
        assert compare(a, b, {})[0] == pytest.approx(compare(b, a, {})[0])


def test_strays_among_many_are_forgiven() -> None:
    """One flow of a hundred off the line may be in the wrong group; all of a group's may not."""
    many = line(range(100))
    stray = line(range(100, 101), start=9e8, scope="flow")
    peers = [""] * 200
    lone = groups_of([range(100), range(100, 101)], [], [many, stray], peers)
    assert bits(clock_bits(*lone)) < -5.0
    rest = line(range(101, 150))
    mixed = groups_of([range(100), range(100, 150)], [], [many, stray, rest], peers)
    assert -5.0 < bits(clock_bits(*mixed)) < 0.0


def test_a_packet_kept_back_for_seconds_is_a_mild_doubt() -> None:
    late = line(range(50, 51), at=(100.0, 101.0), start=5e8 - 4000.0, scope="flow")
    (argument,) = clock_bits(*pair(line(range(50)), late))
    assert "delayed" in argument.reason
    assert argument.bits > -4.0


def test_nothing_known_leaves_the_prior() -> None:
    assert compare(Group([0]), Group([1]), {}) == (ONE_MACHINE_BITS, [])
