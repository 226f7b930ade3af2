"""Loose sides go to the machine that explains them best, or to none."""

from __future__ import annotations

from collections import Counter

import pytest

from wiretell.devices.attach import Activity, Attachment, attach
from wiretell.devices.attach_company import SECOND_HAND_BITS
from wiretell.devices.group import Group
from wiretell.signal import LabelRule, Link

RULES = {"stack": LabelRule("stack", 2.0, -10.0, "stack", 1)}


def run(
    *loose: Group, starts: list[float] | None = None, links: tuple[Link, ...] = ()
) -> tuple[list[Attachment], list[int]]:
    """Two machines: sides 0 to 9 at 0 to 90 s to peer a, 10 to 19 at 1000 to 1090 s to peer b."""
    one = Group(list(range(10)), labels={"stack": Counter(x=10)}, peers={"a"})
    two = Group(list(range(10, 20)), labels={"stack": Counter(y=10)}, peers={"b"})
    own = [10.0 * i for i in range(10)]
    own += [1000.0 + t for t in own]
    times = own + (starts or [500.0] * sum(len(group.sides) for group in loose))
    activity = Activity(times, ["port 443"] * len(times))
    found = attach([one, two], list(loose), links, activity, RULES)
    return found.attachments(), found.homeless


@pytest.mark.parametrize(("start", "group"), [(45.0, 0), (1045.0, 1)])
def test_activity_of_the_same_moments(start: float, group: int) -> None:
    (found,), homeless = run(Group([20]), starts=[start])
    assert (found.group, homeless) == (group, [])
    assert found.probability > 0.5
    assert any(x.reason == "active at the same moments" for x in found.arguments)


def test_what_nothing_tells_stays_without_a_machine() -> None:
    assert run(Group([20])) == ([], [])


def test_a_link_outweighs_activity() -> None:
    link = Link("resolution", 20, 15, 7.0, "asked, then called")
    (found,), _ = run(Group([20]), starts=[45.0], links=(link,))
    assert found.group == 1


def test_a_remote_address_of_its_own() -> None:
    (found,), _ = run(Group([20], peers={"b"}))
    assert found.group == 1
    assert any(x.reason == "no other machine here talks to b" for x in found.arguments)


def test_its_own_visit_is_no_argument() -> None:
    """A chain that was attached once does not own its remote address from then on."""
    found, _ = run(Group([20], peers={"c"}), starts=[45.0])
    assert all(x.signal != "peers" for x in found[0].arguments)


def test_chains_that_were_attached_say_little_for_one_another() -> None:
    """Nobody but loose chains talks to c and d: that the first went somewhere says little more."""
    found, _ = run(*(Group([20 + i], peers={"c", "d"}) for i in range(5)), starts=[45.0] * 5)
    assert [x.group for x in found] == [0] * 5
    bits = [argument.bits for x in found for argument in x.arguments if argument.signal == "peers"]
    assert bits == [SECOND_HAND_BITS] * 5


def test_handwriting_that_fits_none_is_homeless() -> None:
    other = Group([20], labels={"stack": Counter(z=4)})
    assert run(other, starts=[45.0]) == ([], [0])


def test_no_machines_no_home() -> None:
    found = attach([], [Group([0])], [], Activity([0.0], ["x"]), {})
    assert (found.attachments(), found.homeless, found.heard) == ([], [0], {})
