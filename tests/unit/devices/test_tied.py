"""Sets that counters and clocks tie: pair by pair or as a graph, the same sets and numbers."""

from __future__ import annotations

import random

import pytest

from wiretell.devices import bodies
from wiretell.signal import Link
from wiretell.stats import components


@pytest.mark.parametrize("seed", range(20))
def test_few_links_are_tied_as_many_are(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    n = rng.randint(1, 60)
    ends = [(rng.randrange(n), rng.randrange(n)) for _ in range(rng.randint(1, 40))]
    links = [Link("ip_id", a, b, 1.0, "") for a, b in ends]
    few = bodies.tied(links, n)
    monkeypatch.setattr(components, "FEW_EDGES", -1)
    many = bodies.tied(links, n)
    assert few.tolist() == many.tolist()


def test_other_signals_tie_nothing() -> None:
    assert bodies.tied([Link("resolution", 0, 1, 7.0, "")], 2).tolist() == [0, 1]
