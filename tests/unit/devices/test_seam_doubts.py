"""How sure a place at a seam is, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from bench.flow_tables import make
from wiretell.devices.engine import Result, Seen, find_devices
from wiretell.devices.explain_windows import explain_windows
from wiretell.devices.seam_doubts import Doubt, doubts_of, sure_of, words_of
from wiretell.devices.seam_match import Match
from wiretell.devices.seams import join
from wiretell.devices.windows import Cut
from wiretell.signals import ALL

NOTHING = np.zeros(0, dtype=np.int64)


def test_flows_beyond_a_doubtful_seam_are_less_sure_than_those_of_the_longer_stretch() -> None:
    # Pieces 0, 1, 2 in a row; the first seam is doubtful.
    seams = [[Match(0, 1, 30.0, 0.6)], [Match(1, 2, 60.0, 1.0)]]
    found = sure_of(seams, [(NOTHING, NOTHING)] * 2, np.array([50, 40, 40]))
    assert found[1] == found[2] > 0.9
    assert found[0] == pytest.approx(0.6 * found[1])


def test_a_piece_whose_flows_another_window_gives_to_others_is_less_sure() -> None:
    seams = [[Match(0, 2, 60.0, 1.0), Match(1, 3, 60.0, 1.0)]]
    one = np.repeat([0, 0, 1], [20, 20, 20])
    other = np.repeat([2, 3, 3], [20, 20, 20])
    found = sure_of(seams, [(one, other)], np.array([40, 20, 20, 40]))
    assert found[0] < 0.65 < found[1]
    assert found[3] < 0.65 < found[2]


def test_an_exchange_and_a_window_without_a_busy_machine_are_doubts() -> None:
    seams = [
        [Match(0, 2, 30.0, 0.7, 1, 0.25), Match(1, 3, 30.0, 0.7, 0, 0.25)],
        [Match(3, 4, 60.0, 1.0)],
        [Match(4, 5, 9.0, 0.8)],
        [],
    ]
    machine = np.array([0, 1, 0, 1, 1, 1, 0])
    pieces = [{0: 30, 1: 30}, {0: 30, 1: 30}, {1: 30}, {1: 5}, {0: 30}]
    found = doubts_of(seams, machine, pieces)
    assert found[:2] == [Doubt(0, 1, 0, 0.25), Doubt(1, 0, 0, 0.25)]
    assert (found[2].machine, found[2].other, found[2].window) == (1, -1, 2)
    assert found[3:] == [Doubt(0, -1, 2, 1.0, silent=True), Doubt(0, -1, 3, 1.0, silent=True)]
    words = words_of([d for d in found if d.machine == 0], {0: "a#1", 1: "a#2"})
    assert words == [
        "may have changed places with a#2 after window 1 of time: 25% at most",
        "silent, or taken for another machine, in 2 windows (first: 3) of time",
    ]


def test_a_doubtful_seam_takes_the_certainty_from_the_verdict() -> None:
    made = make(2400, 3, seed=5)
    seen: list[Seen] = []

    def keep(judge: object, work: Iterable[object]) -> Iterator[Result]:
        for each in work:
            result = judge(each)  # type: ignore[operator]
            seen.extend([result] if isinstance(result, Seen) else [])
            yield result

    cut = Cut(most=2000, window=900, shared=150)
    found = find_devices(made.flows, made.observations, ALL, spread=keep, cut=cut)
    (row,) = found.addresses.filter(found.addresses["n_flows"] == 2400).to_dicts()
    assert row["verdict"] == "separated"
    assert row["n_devices"] == 3
    views = [each.view for each in seen]
    joined = join(views, [])
    address = seen[0].address
    sure = replace(joined, doubts=[])
    doubtful = replace(joined, doubts=[Doubt(0, 1, 0, 0.3)])
    one, other = (explain_windows(address, "client", views, x) for x in (sure, doubtful))
    assert one.address["verdict"] == "separated"
    assert other.address["verdict"] == "partly separable"
    assert "the place of 1 of them" in other.address["reasons"][0]
    assert any("changed places" in str(told["reasons"]) for told in other.devices)
    assert not any("changed places" in str(told["reasons"]) for told in one.devices)
