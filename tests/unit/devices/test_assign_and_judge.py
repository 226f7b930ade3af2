"""Chains, partition and judgement of made-up evidence."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from wiretell.devices.assign import Evidence, chains, partition
from wiretell.devices.judge import judge, judge_server
from wiretell.signal import Clock, Label, LabelRule, Link

RULES = {
    rule.kind: rule
    for rule in (
        LabelRule("stack", 2.0, -10.0, "stack", 3),
        LabelRule("user_agent", 6.0, -2.0, "User-Agent", 6),
    )
}


def evidence(n: int, **more: Any) -> Evidence:
    """Of `n` sides that begin a second apart, each to a peer of its own."""
    plain: dict[str, Any] = {
        "peers": [f"198.51.100.{i}" for i in range(n)],
        "services": ["port 443"] * n,
        "starts": [float(i) for i in range(n)],
        "links": (),
        "labels": (),
        "clocks": (),
        "counters": (),
        "rules": RULES,
    }
    return Evidence(n_sides=n, **(plain | more))


def links(sides: Sequence[int], bits: float = 12.0) -> list[Link]:
    """A chain of links through `sides`."""
    pairs = itertools.pairwise(sides)
    return [Link("source_port", a, b, bits, f"{a} then {b}") for a, b in pairs]


def labels(kind: str, text: str, sides: Iterable[int]) -> list[Label]:
    return [Label(side, kind, text) for side in sides]


def clock(sides: Sequence[int], start: float, scope: str = "host", ppm: float = 0.0) -> Clock:
    first, last = float(min(sides)), float(max(sides))
    v_first, v_last = (int(start + 1000.0 * t) for t in (first, last))
    return Clock(tuple(sides), scope, 1000.0, 1000.0, ppm, 1.0, 40, first, last, v_first, v_last)


def parts(found: Sequence[Sequence[int]]) -> list[list[int]]:
    return sorted(sorted(part) for part in found)


def n_machines(given: Evidence) -> int:
    return len(judge(given, frozenset(range(given.n_sides))).groups)


# chains


def test_strong_links_tie_weak_ones_do_not() -> None:
    given = evidence(6, links=[*links([0, 2, 4]), *links([1, 3], bits=8.0)])
    assert parts(chains(given)) == [[0, 2, 4], [1], [3], [5]]


def test_a_chain_never_holds_two_stacks_or_two_lines() -> None:
    told = labels("stack", "a", [0, 1]) + labels("stack", "b", [2, 3])
    given = evidence(4, links=links([0, 1, 2, 3]), labels=told)
    assert parts(chains(given)) == [[0, 1], [2, 3]]
    clocks = [clock([0, 1], 5e8), clock([2, 3], 9e8)]
    given = evidence(4, links=links([0, 1, 2, 3]), clocks=clocks)
    assert parts(chains(given)) == [[0, 1], [2, 3]]


def test_a_contradiction_holds_also_through_what_was_tied_before() -> None:
    """1 is of stack a by its chain alone; it must not be tied to a side of stack b."""
    told = labels("stack", "a", [0]) + labels("stack", "b", [2])
    given = evidence(3, links=[*links([0, 1], 14.0), *links([1, 2], 13.0)], labels=told)
    assert parts(chains(given)) == [[0, 1], [2]]


def test_another_user_agent_is_no_contradiction() -> None:
    told = labels("user_agent", "a", [0]) + labels("user_agent", "b", [1])
    assert parts(chains(evidence(2, links=links([0, 1]), labels=told))) == [[0, 1]]


# partition


def test_a_partition_keeps_its_parts_whole_and_loses_none() -> None:
    told = labels("stack", "a", range(5)) + labels("stack", "b", range(5, 10))
    found = partition(evidence(10, labels=told), [[i, i + 1] for i in range(0, 10, 2)])
    assert sorted(side for group in found.groups for side in group.sides) == list(range(10))
    assert all(len(group.sides) % 2 == 0 for group in found.groups)
    assert len(found.weakest) == len(found.groups)
    assert all(bits <= 0.0 for bits, _ in found.between.values())


def test_pairs_kept_apart_are_numbered_as_the_groups() -> None:
    told = [
        *labels("stack", "a", range(4)),
        *labels("stack", "b", range(4, 8)),
        *labels("stack", "c", range(8, 12)),
    ]
    found = partition(evidence(12, labels=told), [[i] for i in range(12)])
    assert [group.sides for group in found.groups] == [[*range(4)], [*range(4, 8)], [*range(8, 12)]]
    assert found.between.keys() == {(0, 1), (0, 2), (1, 2)}
    assert all("stack differs" in x.reason for _, xs in found.between.values() for x in xs)


# judge


def test_nothing_known_is_one_machine() -> None:
    for n in (1, 2, 3, 50):
        assert n_machines(evidence(n)) == 1


def test_random_offsets_are_one_machine() -> None:
    clocks = [clock([i], 1e7 * (i * i % 97), "flow", ppm=12.0) for i in range(60)]
    told = labels("stack", "a", range(60))
    judgement = judge(evidence(60, clocks=clocks, labels=told), frozenset(range(60)))
    assert len(judgement.groups) == 1
    assert set(judgement.home) == set(range(60))


def test_two_lines_are_two_machines() -> None:
    clocks = [clock(range(0, 40, 2), 5e8), clock(range(1, 40, 2), 9e8)]
    links_of = [*links(range(0, 40, 2), 24.0), *links(range(1, 40, 2), 24.0)]
    judgement = judge(evidence(40, clocks=clocks, links=links_of), frozenset(range(40)))
    assert parts([group.sides for group in judgement.groups]) == [
        [*range(0, 40, 2)],
        [*range(1, 40, 2)],
    ]
    assert judgement.count.distribution[2] > 0.99


def test_programs_of_one_machine_do_not_part_it() -> None:
    told = labels("stack", "a", range(30))
    told += labels("user_agent", "x", range(0, 30, 2)) + labels("user_agent", "y", range(1, 30, 2))
    assert n_machines(evidence(30, labels=told, links=links(range(30)))) == 1


def test_two_stacks_are_two_machines() -> None:
    told = labels("stack", "a", range(0, 30, 2)) + labels("stack", "b", range(1, 30, 2))
    assert n_machines(evidence(30, labels=told)) == 2


def test_look_ups_found_no_machine_but_go_to_the_one_that_follows() -> None:
    """UDP of no identity is attached; where two machines explain it alike it stays without."""
    told = labels("stack", "a", range(10)) + labels("stack", "b", range(10, 20))
    resolution = [Link("resolution", 20, 3, 7.0, "asked, then called")]
    given = evidence(
        22,
        labels=told,
        links=resolution,
        starts=[*([float(i) for i in range(10)] * 2), 3.0, 1000.0],
        services=[*["port 443"] * 20, "port 53", "port 53"],
    )
    judgement = judge(given, frozenset(range(20)))
    assert len(judgement.groups) == 2
    assert judgement.home[20][0] == judgement.home[3][0]
    assert judgement.home[20][1] > 0.9
    assert 21 not in judgement.home


def test_every_side_is_judged_at_most_once() -> None:
    told = labels("stack", "a", range(0, 30, 3)) + labels("stack", "b", range(1, 30, 3))
    judgement = judge(evidence(30, labels=told), frozenset(range(0, 30, 2)))
    owned = [side for group in judgement.groups for side in group.sides]
    attached = [side for sides, _ in judgement.attachments for side in sides]
    assert len(owned + attached) == len(set(owned + attached))
    assert set(judgement.home) == set(owned + attached)
    assert all(0.0 <= p <= 1.0 for _, p in judgement.home.values())
    assert abs(sum(judgement.count.distribution.values()) - 1.0) < 1e-9


def test_a_server_is_one_until_several_clocks_answer() -> None:
    told = labels("stack", "a", range(10)) + labels("stack", "b", range(10, 20))
    assert len(judge_server(evidence(20, labels=told)).groups) == 1
    clocks = [clock(range(10), 5e8), clock(range(10, 20), 9e8)]
    ties = [*links(range(10), 24.0), *links(range(10, 20), 24.0)]
    assert len(judge_server(evidence(20, clocks=clocks, links=ties)).groups) == 2


def test_the_judgement_does_not_hang_on_the_order_of_the_evidence() -> None:
    told = labels("stack", "a", range(0, 40, 2)) + labels("stack", "b", range(1, 40, 2))
    ties = [*links(range(0, 40, 2)), *links(range(1, 40, 2))]
    one = judge(evidence(40, labels=told, links=ties), frozenset(range(40)))
    other = judge(evidence(40, labels=told[::-1], links=ties[::-1]), frozenset(range(40)))
    assert one.home == other.home
    assert one.count.distribution == other.count.distribution
