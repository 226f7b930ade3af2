"""Many pairs of clocks at once say what each pair says alone."""

from __future__ import annotations

import random

import numpy as np
import pytest

from wiretell.devices.attach_clocks import ClocksOfGroups, rates_of
from wiretell.devices.compare import lines_bits
from wiretell.devices.group import Group
from wiretell.devices.line_pairs import ClockColumns, pair_bits
from wiretell.signal import Clock

MODULUS = 2**32


def drawn(rng: random.Random, n_sides: int, side: int, scope: str) -> Clock:
    """A clock at a moment near or far, on a line near zero or anywhere."""
    hz = rng.choice([0.0, 100.0, 250.0, 1000.0])
    first_s = rng.choice([rng.uniform(0.0, 50.0), rng.uniform(0.0, 200_000.0)])
    value = rng.choice([int(hz * first_s) + rng.randrange(-5000, 5000), rng.randrange(MODULUS)])
    sides = tuple(range(side, side + n_sides))
    times = (first_s, first_s + rng.expovariate(0.01), value % MODULUS, 0)
    return Clock(sides, scope, hz, hz, 0.0, 10.0, 20, *times, rng.choice("pq"))


def group(*clocks: Clock) -> Group:
    sides = sorted({side for clock in clocks for side in clock.sides})
    lines = [clock for clock in clocks if clock.scope != "flow"]
    return Group(sides, lines=lines, singles=[c for c in clocks if c.scope == "flow"])


@pytest.mark.parametrize("seed", range(4))
def test_pairs_at_once_say_what_each_says(seed: int) -> None:
    rng = random.Random(seed)
    lines = [drawn(rng, rng.choice([1, 2, 30]), 10, "host") for _ in range(60)]
    flows = [drawn(rng, 1, rng.choice([10, 99]), "flow") for _ in range(60)]
    found = pair_bits(ClockColumns.of(lines), ClockColumns.of(flows))
    nobody = Group([0])  # of no clocked flows none can be a stray
    for line, flow, bits in zip(lines, flows, found.tolist(), strict=True):
        alone = lines_bits(nobody, nobody, [(line, flow)])
        assert [x.bits for x in alone] == ([] if np.isnan(bits) else [pytest.approx(bits)])
    assert len(set(np.rint(found[~np.isnan(found)]).tolist())) > 5


@pytest.mark.parametrize("seed", range(4))
def test_chains_are_weighed_as_each_pair_of_groups_is(seed: int) -> None:
    rng = random.Random(seed)
    groups = [
        group(*(drawn(rng, 3, 10 * g, rng.choice(["host", "destination"])) for _ in range(g)))
        for g in range(5)
    ]
    chains = [
        group(*(drawn(rng, 1, 100 + 5 * c + k, "flow") for k in range(c % 4))) for c in range(40)
    ]
    chains.append(group(drawn(rng, 2, 900, "destination")))
    work = ClocksOfGroups(groups)
    bits = work.bits(chains, rates_of(chains))
    for g in range(len(groups)):
        for c, chain in enumerate(chains):
            alone = sum(x.bits for x in work.arguments(g, chain))
            assert bits[g, c] == pytest.approx(alone, abs=1e-9)
    assert (bits < 0.0).any()
