"""What an offset is common to, from which sides share lines."""

from __future__ import annotations

from dataclasses import dataclass

from wiretell.stats.offset_regime import offset_regimes


@dataclass(frozen=True)
class Line:
    sides: tuple[int, ...]
    scope: str
    peer: str = ""
    nominal_hz: float = 1000.0


def flows(first: int, *peers: str) -> list[Line]:
    return [Line((first + i,), "flow", peer) for i, peer in enumerate(peers)]


def test_a_line_over_destinations_is_the_hosts() -> None:
    assert offset_regimes([Line((0, 1), "host")], {}) == {0: "per host", 1: "per host"}


def test_one_destination_alone_leaves_two_regimes() -> None:
    lines = [Line((0, 1, 2), "destination", "a")]
    assert set(offset_regimes(lines, {}).values()) == {"per host or per destination"}


def test_a_second_destination_decides() -> None:
    second = Line((3, 4), "destination", "b"), *flows(3, "b")
    for other in second:
        found = offset_regimes([Line((0, 1, 2), "destination", "a"), other], {})
        assert {found[side] for side in range(3)} == {"per destination"}


def test_stacks_of_100_hz_draw_no_offset_for_a_destination() -> None:
    found = offset_regimes([Line((0, 1), "destination", "a", 100.0)], {})
    assert set(found.values()) == {"per host"}


def test_two_alone_to_one_destination_are_random_where_that_is_the_rule() -> None:
    alone = flows(0, "a", "a", "b")
    found = offset_regimes(alone, {})
    assert found == {0: "per connection", 1: "per connection", 2: "unknown"}
    lines = [Line(tuple(range(10, 30)), "destination", "c")]
    assert offset_regimes([*alone, *lines], {})[0] == "unknown"


def test_each_kind_of_syn_is_judged_alone() -> None:
    """Machines with an offset per destination that went there once, beside one with random ones."""
    lines = flows(0, "a", "a", "a", "a")
    kinds = {0: "new", 1: "new", 2: "old", 3: "older"}
    assert offset_regimes(lines, kinds) == {
        0: "per connection",
        1: "per connection",
        2: "unknown",
        3: "unknown",
    }
