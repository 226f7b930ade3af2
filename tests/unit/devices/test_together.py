"""How far flows of devices keep together, and what a report says of pairs of flows."""

from __future__ import annotations

import polars as pl
import pytest

from wiretell.devices.multiplicity import Beyond, Body, beyond, informed
from wiretell.devices.pairs import Side, pair_probabilities
from wiretell.devices.together import chances, company, fit, lone_chance
from wiretell.model.tables import DEVICES, EVIDENCE, MEMBERS

SECONDS = 600.0
HOME = "192.0.2.1"
COUNTS = {3: 1.0}
"""Of an address of several groups: these keep together as far as each of them does."""
SINGLES = [Body(look, 60, 1.0, 0) for look in ("win", "mac", "linux")]


def known(*probabilities: float) -> Beyond:
    """So many phones beyond the groups of that look."""
    return Beyond({"phone": pl.Series(probabilities).to_numpy()}, {}, pl.Series([1.0]).to_numpy())


def test_a_group_that_is_held_together_keeps_together() -> None:
    found = company(SINGLES, beyond(SINGLES, SECONDS), COUNTS)
    assert found.within == (1.0, 1.0, 1.0)
    assert found.across == (0.0, 0.0, 0.0)


def test_two_flows_of_two_machines_of_random_shares_are_one_machines_in_two_of_three() -> None:
    bodies = [SINGLES[0], Body("phone", 60, 0.0, 0)]
    assert chances(bodies, known(0.0, 1.0)) == pytest.approx([1.0, 2.0 / 3.0])
    assert chances(bodies, known(1.0)) == [1.0, 1.0]


def test_more_alike_machines_keep_less_together() -> None:
    bodies = [SINGLES[0], Body("phone", 60, 0.0, 0)]
    few, many = (company(bodies, known(*p), COUNTS).within[1] for p in ((1.0,), (0.0, 0.0, 1.0)))
    assert 0.0 < many < few < 1.0


def test_flows_stray_only_among_devices_of_one_look_that_may_be_several() -> None:
    phones = [Body("phone", 60, 0.0, 0), Body("phone", 60, 0.1, 0)]
    found = company([*SINGLES, *phones], known(0.5, 0.5), COUNTS)
    assert found.across[:3] == (0.0, 0.0, 0.0)
    assert 0.0 < found.across[3] < found.within[3]
    assert company([*SINGLES, phones[0]], known(0.5, 0.5), COUNTS).across == (0.0,) * 4


def test_a_lone_group_keeps_together_as_far_as_the_count_says_one() -> None:
    assert lone_chance({1: 1.0}) == 1.0
    assert lone_chance({1: 0.7, 2: 0.3}) == pytest.approx(0.9)
    phones = [Body("phone", 60, 0.0, 0)]
    counts = ({1: 1.0}, {1: 0.7, 2: 0.3}, {2: 0.5, 3: 0.5})
    sure, unsure, several = (company(phones, known(1.0), n).within[0] for n in counts)
    assert (sure, unsure) == pytest.approx((1.0, 0.9))
    assert several == pytest.approx(0.5 * 2.0 / 3.0 + 0.5 * 0.5)


def test_two_flows_of_a_group_that_is_tied_in_part_may_be_of_two_machines() -> None:
    """Its chain has seven in ten of its connections; another's may be among the rest."""
    bodies = [*SINGLES, Body("phone", 60, 0.7, 0)]
    found = company(bodies, beyond(bodies, SECONDS), COUNTS)
    assert found.within[:3] == (1.0, 1.0, 1.0)
    assert 0.8 < found.within[3] < 1.0
    assert found.across[3] == 0.0


def test_where_counters_tie_most_fewer_machines_hide() -> None:
    """The loose phones are the same: how the others keep together differs."""
    loose = Body("phone", 60, 0.0, 0)
    tied = [*SINGLES, loose]
    untied = [*(Body(f"make {i}", 60, 0.0, 0) for i in range(3)), loose]
    assert informed(tied) == pytest.approx(0.75)
    assert informed(untied) == 0.0
    hidden = [float(beyond(b, SECONDS).of_look["phone"][0]) for b in (tied, untied)]
    assert hidden[0] > hidden[1] + 0.05


def test_the_fit_holds_probabilities() -> None:
    assert 0.0 < fit().across < 1.0
    assert 0.5 < fit().tied < 1.0
    assert fit().chance > 0.0, "the chance speaks for itself"


def member(flow_id: int, device: str | None, confidence: float, chain: int) -> dict[str, object]:
    return {
        "flow_id": flow_id,
        "side": 0,
        "address": HOME,
        "device": device,
        "confidence": confidence,
        "chain": chain,
    }


def device(name: str, within: float, look: int, across: float) -> dict[str, object]:
    return {
        "device": name,
        "address": HOME,
        "pair_confidence": within,
        "look": look,
        "stray_confidence": across,
    }


def asked(*pairs: tuple[int, int]) -> list[float]:
    """Flows 1-3 are of #1 (1, 2 in one chain, 3 attached), 4 and 5 of #2, 6 of #3, 7 nobody's."""
    members = MEMBERS.frame(
        [
            member(1, "#1", 0.8, 1),
            member(2, "#1", 0.8, 1),
            member(3, "#1", 0.4, 3),
            member(4, "#2", 0.9, 4),
            member(5, "#2", 0.9, 5),
            member(6, "#3", 1.0, 6),
            member(7, None, 0.0, 7),
        ]
    )
    devices = DEVICES.frame(
        [device("#1", 0.7, 0, 0.2), device("#2", 0.6, 0, 0.2), device("#3", 1.0, 1, 0.0)]
    )
    evidence = EVIDENCE.frame(
        [
            {"address": HOME, "signal": "x", "a": "#2", "b": "#3", "bits": 3.0, "reason": ""},
            {"address": HOME, "signal": "y", "a": "#2", "b": "#3", "bits": -3.0, "reason": ""},
            {"address": HOME, "signal": "y", "a": "flow:4", "b": "#3", "bits": 30.0, "reason": ""},
        ]
    )
    sides: list[tuple[Side, Side]] = [((a, 0), (b, 0)) for a, b in pairs]
    return pair_probabilities(members, devices, evidence, HOME, sides)


def test_pairs_of_a_report() -> None:
    tied, within, astray, alike, near, far, nobody = asked(
        (1, 2), (4, 5), (1, 3), (1, 4), (4, 6), (1, 6), (1, 7)
    )
    assert tied == fit().tied
    assert within == pytest.approx(0.6)
    assert astray == pytest.approx(0.7 * 0.5)
    assert alike == pytest.approx(0.2)
    assert near == pytest.approx(0.5 * 0.9)
    assert far == 0.0
    assert nobody == 0.0


def test_a_flow_that_may_not_be_its_devices_own_may_be_any_others() -> None:
    """Flow 3 is of #1 with a half: with the other half it is of #2 or of #3."""
    (theirs,) = asked((3, 6))
    assert theirs == pytest.approx(0.25)


def test_pairs_are_the_same_either_way_round() -> None:
    there = [(1, 2), (1, 3), (1, 4), (4, 6), (2, 7)]
    assert asked(*there) == asked(*((b, a) for a, b in there))
