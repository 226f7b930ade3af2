"""Profiles compared: machines found again, aliases, siblings, link-back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from match_profiles import NS, clock, line, profile, profile_set

from wiretell.findings.match.across import NOTHING, OTHER, SAME, match
from wiretell.findings.match.aliases import (
    OTHER_OFFSETS,
    SAME_OFFSET,
    UNKNOWN_OFFSETS,
    aliases,
)
from wiretell.findings.match.arguments import HANDWRITING, LINE, WANDER, arguments, world
from wiretell.findings.match.link_back import link_back
from wiretell.findings.match.siblings import siblings
from wiretell.model.profiles import DESTINATION, FLOW, HOST, Opening, Profile, RatePoint
from wiretell.stats.drift import DriftModel

DAY_S = 86_400.0
SKEWS = (80.0, -35.0, 25.0, -60.0, 45.0)


def _day(day: int, error_ppm: float = 0.2) -> tuple[Profile, ...]:
    """Five machines, at other addresses each day."""
    return tuple(
        profile(f"10.{day}.0.{(i * 3 + day) % 5}", clock(s, error_ppm), first_s=day * DAY_S)
        for i, s in enumerate(SKEWS)
    )


def _bits(a: Profile, b: Profile, topic: str, **given: bool) -> float:
    of = world([a], [b], DriftModel(), **given)
    return sum(x.bits for x in arguments(a, b, of) if x.topic == topic)


def test_free_clocks_are_found_again_on_other_addresses() -> None:
    found = match(profile_set(*_day(0)), profile_set(*_day(1)))
    assert [m.decision for m in found.matches] == [SAME] * 5
    for i, m in enumerate(found.matches):
        assert m.b is not None
        assert m.b.clock is not None
        assert m.b.clock.ppm == SKEWS[i]
        assert sum(x.bits for x in m.arguments) == pytest.approx(m.bits)
    assert found.n_shuffled == 20
    assert found.n_false == 0
    assert found.false_match_rate == pytest.approx(1 / 21)


def test_a_rate_that_nobody_has_is_told() -> None:
    others = profile_set(*_day(1)[1:])
    found = match(profile_set(*_day(0)), others).matches[0]
    assert found.decision == OTHER
    assert "+80.00" in found.reason


def test_held_clocks_are_no_information() -> None:
    held = [profile(f"10.0.0.{i}", clock(0.05 * i, 0.2)) for i in range(6)]
    again = [replace(p, address=f"10.1.0.{i}", device=f"10.1.0.{i}#1") for i, p in enumerate(held)]
    found = match(profile_set(*held), profile_set(*again))
    assert {m.decision for m in found.matches} == {NOTHING}


def test_nothing_to_compare_is_no_failure() -> None:
    found = match(profile_set(*_day(0)), profile_set())
    assert {m.decision for m in found.matches} == {OTHER}
    assert found.false_match_rate is None
    assert match(profile_set(), profile_set(*_day(0))).matches == ()


def test_profiles_of_other_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="different keys"):
        match(profile_set(*_day(0)), replace(profile_set(*_day(1)), key_id="other"))


def test_a_host_line_that_goes_on_is_the_same_boot() -> None:
    a = profile("10.0.0.1", clock(5.0, 0.1, line(1e8)), regime="per host")
    after = 1e8 + 1000.0 * (1.0 + 5e-6) * DAY_S
    going = clock(5.0, 0.1, line(after, 300.0 + DAY_S))
    b = profile("10.9.0.1", going, first_s=DAY_S, regime="per host")
    assert _bits(a, b, LINE) > 10.0
    other = clock(5.0, 0.1, line(after + 7e7, 300.0 + DAY_S))
    assert _bits(a, replace(b, clock=other), LINE) < 0.0


def test_a_line_to_one_destination_tells_of_boot_and_inner_address() -> None:
    a = profile("10.0.0.1", clock(5.0, 0.1, line(1e8, scope=DESTINATION, peer="s")))
    going = line(1e8 + 1000.0 * (1.0 + 5e-6) * 3600.0, 3900.0, DESTINATION, "s")
    b = profile("10.9.0.1", clock(5.0, 0.1, going), first_s=3600.0)
    assert _bits(a, b, LINE) > 10.0
    elsewhere = clock(5.0, 0.1, replace(going, peer="t", tsval=going.tsval + 1e7))
    assert _bits(a, replace(b, clock=elsewhere), LINE) == 0.0


def _drawn(regime: str, n: int, error_ppm: float = 0.8) -> Profile:
    """A machine of a rare rate that shows `n` lines of offsets drawn so."""
    scope = {"per host": HOST, "per destination": DESTINATION, "per connection": FLOW}[regime]
    lines = [line(1e8 * (i + 1), scope=scope, peer=f"{regime}{i}") for i in range(n)]
    said = {"stack": {"64:mss": 9}}
    return profile("10.0.0.1", clock(-60.0, error_ppm, *lines), labels=said, regime=regime)


def _offset_bits(a: Profile, b: Profile) -> list[float]:
    found = arguments(a, b, world([a], [b], DriftModel()))
    return [x.bits for x in found if x.kind == "tcp_timestamp_offset"]


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (("per destination", 3), ("per connection", 30)),
        (("per host", 1), ("per connection", 30)),
        (("per host", 1), ("per destination", 3)),
    ],
)
def test_offsets_drawn_otherwise_are_another_kernels(
    mine: tuple[str, int], theirs: tuple[str, int]
) -> None:
    a, b = _drawn(*mine), _drawn(*theirs)
    assert _offset_bits(a, b) == [pytest.approx(-7.0)]
    assert _offset_bits(b, a) == [pytest.approx(-7.0)]
    again = replace(a, address="10.9.0.1")
    assert match(profile_set(a), profile_set(again)).matches[0].decision == SAME
    assert match(profile_set(a), profile_set(b)).matches[0].decision != SAME
    later = replace(b, first_ns=b.first_ns + 30 * 86_400 * NS, last_ns=b.last_ns + 30 * 86_400 * NS)
    assert _offset_bits(a, later) == [pytest.approx(-3.5)]


@pytest.mark.parametrize(
    "unsure",
    [
        _drawn("per connection", 2),
        _drawn("per destination", 1),
        replace(_drawn("per connection", 30), clock_regime="unknown"),
        replace(_drawn("per connection", 30), clock_regime="per host or per destination"),
    ],
)
def test_offsets_that_are_not_surely_known_weigh_nothing(unsure: Profile) -> None:
    for sure in (_drawn("per host", 1), _drawn("per destination", 3)):
        assert _offset_bits(sure, unsure) == []
    alike = replace(unsure, clock_regime="per connection")
    assert _offset_bits(alike, alike) == []


def test_rates_that_move_together_are_one_crystal() -> None:
    def curve(moves: tuple[float, ...]) -> tuple[RatePoint, ...]:
        return tuple(RatePoint(i * 600 * NS, 10.0 + x, 0.05) for i, x in enumerate(moves))

    up = (0.0, 0.5, 1.0, 0.4, -0.6)
    a = profile("10.0.0.1", clock(10.0, 0.1, curve=curve(up)))
    b = profile("2001:db8::1", clock(10.0, 0.1, curve=curve(up)))
    assert _bits(a, b, WANDER, same_capture=True) > 3.0
    down = clock(10.0, 0.1, curve=curve(tuple(-x for x in up)))
    assert _bits(a, replace(b, clock=down), WANDER, same_capture=True) < -3.0


def test_common_handwriting_says_less_than_rare() -> None:
    crowd = [profile(f"10.0.1.{i}", labels={"ja4": {"common": 9}}) for i in range(20)]
    a, b = crowd[0], crowd[1]
    rare = [replace(p, labels={"ja4": {"rare": 9}}) for p in (a, b)]
    common = world(crowd, crowd, DriftModel())
    told = sum(x.bits for x in arguments(a, b, common) if x.topic == HANDWRITING)
    seldom = world([*crowd[2:], *rare], [*crowd[2:], *rare], DriftModel())
    rarely = sum(x.bits for x in arguments(*rare, seldom) if x.topic == HANDWRITING)
    assert told < 0.5
    assert rarely > 3.0


def test_addresses_of_one_kernel_and_machines_of_one_crystal_are_told_apart() -> None:
    def at(i: int, ppm: float, tsval: float) -> Profile:
        return profile(f"10.0.0.{i}", clock(ppm, 0.05, line(tsval)), regime="per host")

    one = [at(i, 45.0 + 0.01 * i, 5e8 + 3.0 * i) for i in range(4)]
    crystal = [at(i + 10, -60.0 + 0.01 * i, 1e8 * (i + 7)) for i in range(4)]
    found = aliases(profile_set(*one, *crystal, at(20, 12.0, 1e9)))
    assert {g.offsets: len(g.members) for g in found.groups} == {SAME_OFFSET: 4, OTHER_OFFSETS: 4}
    assert all(g.p_chance <= 0.01 for g in found.groups)
    assert [p.address for p in found.alone] == ["10.0.0.20"]


def test_offsets_per_connection_leave_the_kernel_open() -> None:
    one = [
        profile(f"10.0.0.{i}", clock(45.0 + 0.01 * i, 0.05, line(9.0, scope=FLOW)))
        for i in range(4)
    ]
    (group,) = aliases(profile_set(*one)).groups
    assert group.offsets == UNKNOWN_OFFSETS


def test_held_clocks_are_no_aliases_and_four_machines_four() -> None:
    held = [profile(f"10.0.0.{i}", clock(0.02 * i, 0.1)) for i in range(30)]
    assert aliases(profile_set(*held)).groups == ()
    four = [profile(f"10.0.1.{i}", clock(s, 0.1)) for i, s in enumerate(SKEWS[:4])]
    found = aliases(profile_set(*four))
    assert found.groups == ()
    assert found.nearest[0].rate.p_fit < 1e-6


def test_siblings_by_rate_and_by_use_at_one_moment() -> None:
    four = [profile(f"192.0.2.{i}", clock(s, 0.1)) for i, s in enumerate(SKEWS)]
    six = [profile(f"2001:db8::{i}", clock(s, 0.1)) for i, s in enumerate(SKEWS)]
    found = siblings(profile_set(*four, *six)).matches
    pairs = [(m.a.address, m.b.address) for m in found if m.decision == SAME and m.b is not None]
    assert pairs == [(f"2001:db8::{i}", f"192.0.2.{i}") for i in range(5)]

    def opens(shift_s: float, every_s: float, names: str) -> tuple[Opening, ...]:
        return tuple(
            Opening(round((shift_s + every_s * i) * NS), 50_000 + i, name)
            for i, name in enumerate(names)
        )

    phone = profile("192.0.2.50", opened=opens(0.0, 20.0, "abcdefgh"))
    other = profile("192.0.2.51", opened=opens(7.0, 23.0, "hgfedcba"))
    both = profile("2001:db8::50", opened=opens(0.25, 20.0, "abcdefgh"))
    (m,) = siblings(profile_set(phone, other, both)).matches
    assert m.decision == SAME
    assert m.b is not None
    assert m.b.address == "192.0.2.50"
    assert "8 times" in m.arguments[0].reason


@pytest.mark.parametrize("moved_s", [0.0, 5_000_000.0])
def test_hosts_of_a_moved_trace_are_linked_by_their_lines(moved_s: float) -> None:
    """Held clocks with an offset per connection: only the lines themselves tell."""
    reference, trace = [], []
    for i in range(6):
        began = 3e8 * (i + 1)
        own = clock(0.0, 0.2, line(began, 300.0, FLOW), line(began + 1e7, 400.0, FLOW))
        reference.append(profile(f"10.0.0.{i}", own))
        ran = 1000.0 * 1800.0
        again = clock(
            0.0,
            0.2,
            line(began + ran, 2100.0 + moved_s, FLOW),
            line(began + 1e7 + ran, 2200.0 + moved_s, FLOW),
        )
        trace.append(profile(f"172.16.0.{5 - i}", again, first_s=1800.0 + moved_s))
    found = link_back(profile_set(*reference), profile_set(*trace))
    turn = 2.0**32 / 1000.0
    assert found.shift.seconds is not None
    off = (found.shift.seconds - moved_s + turn / 2.0) % turn - turn / 2.0
    assert abs(off) < 0.5
    assert [m.decision for m in found.matching.matches] == [SAME] * 6
    assert all(
        m.b is not None and m.a.address[-1] == str(5 - int(m.b.address[-1]))
        for m in found.matching.matches
    )


def test_hosts_of_another_day_are_not_linked() -> None:
    a = [
        profile(f"10.0.0.{i}", clock(s, 0.1, line(1e8 * (i + 1), scope=FLOW)))
        for i, s in enumerate(SKEWS)
    ]
    b = [
        profile(f"10.0.1.{i}", clock(s + 7.0, 0.1, line(7.3e8 * (i + 1), scope=FLOW)))
        for i, s in enumerate(SKEWS)
    ]
    found = link_back(profile_set(*a), profile_set(*b))
    assert found.shift.seconds is None
    assert {m.decision for m in found.matching.matches} == {OTHER}
