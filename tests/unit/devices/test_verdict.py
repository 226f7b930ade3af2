"""A word for how sure a count is: no surer than the count."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sides_builder import CLIENT, Wire, ticking

from wiretell.devices.engine import Judged, judge_address
from wiretell.devices.verdict import Verdict, verdict_of
from wiretell.model.tables import OBSERVATIONS
from wiretell.signals import ALL


@pytest.fixture(scope="module")
def two() -> Judged:
    """Two machines with clocks of their own, by turns."""
    wire = Wire()
    for i in range(30):
        clock = ticking(250.0, 5e8 + 4e8 * (i % 2), 40.0 - 80.0 * (i % 2))
        times = [0.0, 10.0, 20.0, 30.0]
        wire.call(i * 20.0, f"198.51.100.{i % 5}", port=40_000 + 7 * i, clock=clock, times=times)
    return judge_address(CLIENT, wire.flows(), OBSERVATIONS.empty(), ALL)


def told(judged: Judged, distribution: dict[int, float]) -> Verdict:
    judgement = judged.judgement
    count = replace(judgement.count, distribution=distribution)
    return verdict_of(judged.sides.height, replace(judgement, count=count), 2, judged.role)


def test_two_that_all_contradicts_are_separated(two: Judged) -> None:
    assert len(two.judgement.groups) == 2
    assert told(two, two.judgement.count.distribution).word == "separated"


def test_a_count_that_is_not_sure_is_not_called_separated(two: Judged) -> None:
    verdict = told(two, {2: 0.62, 3: 0.38})
    assert verdict.word == "partly separable"
    assert verdict.reason == "it is 2 machines with 62%: one of them may be two, or two one"
