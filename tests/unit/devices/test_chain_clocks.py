"""What clocks say against tying two chains."""

from __future__ import annotations

from dataclasses import replace

from wiretell.devices.chain_clocks import ChainClocks
from wiretell.signal import Clock


def clock(
    *sides: int,
    scope: str = "destination",
    ppm: float = 0.0,
    error: float = 1.0,
    peer: str = "a",
    at: tuple[float, float] = (0.0, 100.0),
) -> Clock:
    return Clock(sides, scope, 1000.0, 1000.0, ppm, error, 40, *at, 5, 100_005, peer)


def test_lines_of_other_rates_are_two_machines() -> None:
    clocks = ChainClocks([clock(0, 1, ppm=-30.0, peer="a"), clock(2, 3, ppm=80.0, peer="b")])
    assert clocks.apart(0, 2)
    assert not clocks.apart(0, 1)


def test_rates_that_may_be_one_forbid_nothing() -> None:
    near = ChainClocks([clock(0, ppm=1.0), clock(1, ppm=4.0, peer="b")])
    poor = ChainClocks([clock(0, ppm=-30.0), clock(1, ppm=80.0, error=50.0, peer="b")])
    assert not near.apart(0, 1)
    assert not poor.apart(0, 1)


def test_two_lines_to_one_destination_at_once_are_two_machines() -> None:
    both = [clock(0, 1), clock(2, 3)]
    later = [clock(0, 1), clock(2, 3, at=(200.0, 300.0))]
    elsewhere = [clock(0, 1), clock(2, 3, peer="b")]
    assert ChainClocks(both).apart(0, 2)
    assert not ChainClocks(later).apart(0, 2)
    assert not ChainClocks(elsewhere).apart(0, 2)


def test_one_machine_has_one_line_for_all() -> None:
    later = clock(2, 3, scope="host", at=(200.0, 300.0))
    assert ChainClocks([clock(0, 1, scope="host"), later]).apart(0, 2)


def test_lines_that_late_packets_may_part_forbid_nothing() -> None:
    host = clock(0, 1, scope="host")
    late, other = (replace(clock(2, 3, scope="host"), v_first=5 - ms) for ms in (1500, 60_000))
    assert not ChainClocks([host, late]).apart(0, 2)
    assert ChainClocks([host, other]).apart(0, 2)


def test_a_chain_answers_for_all_that_it_took_in() -> None:
    clocks = ChainClocks([clock(0, ppm=-30.0), clock(1, ppm=80.0, peer="b")])
    clocks.merge(5, 0)
    assert clocks.apart(5, 1)
    lines = ChainClocks([clock(0, error=99.0), clock(1, error=99.0)])
    lines.merge(7, 0)
    assert lines.apart(7, 1)


def alone(side: int, ticks: int, at: tuple[float, float], n: int = 9) -> Clock:
    return Clock((side,), "flow", 1000.0, 1000.0, 0.0, 99.0, n, *at, ticks, ticks + 1000, "c")


def test_a_flow_off_the_line_of_a_machine_is_of_another() -> None:
    line = clock(0, 1, scope="host", at=(0.0, 100.0))
    stray = alone(2, 5_000_000, (50.0, 51.0), n=12)
    clocks = ChainClocks([line, stray, alone(3, 48_005, (50.0, 51.0))])
    assert clocks.apart(0, 2)
    assert clocks.apart(2, 1)
    assert not clocks.apart(0, 3)  # 2 s late: it waited
    clocks.merge(3, 2)
    assert clocks.apart(0, 3)  # of two, the one with more readings speaks


def test_a_flow_beyond_the_line_may_follow_a_reboot() -> None:
    line = clock(0, 1, scope="host", at=(0.0, 100.0))
    assert not ChainClocks([line, alone(2, 5_000_000, (150.0, 151.0))]).apart(0, 2)
