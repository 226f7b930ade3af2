"""How sure a count is, in a word: single, separated, not separable, farm, too little ..."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wiretell.devices.judge import ENOUGH_SIDES, Judgement
from wiretell.devices.sides import SERVER

SEPARATED, PARTLY = "separated", "partly separable"
SEPARATE_BITS = -7.0
"""Pairs of devices below this are certainly two."""
SURELY_ONE = 1.03
"""Expected number of machines of a group up to which it is taken for one."""
SURE_COUNT = 0.9
"""A count that is less probable than this is not called separated."""
INFORMED_SHARE = 0.5
"""Share of flows on counters or clocks that go on, from which one machine is seen to be one."""


@dataclass(frozen=True)
class Verdict:
    """The word, why, and the probability of each count."""

    word: str
    reason: str
    distribution: Mapping[int, float]


def verdict_of(n_sides: int, judgement: Judgement, n_devices: int, role: str) -> Verdict:
    """The verdict on one address of so many sides."""
    counts = judgement.count.distribution
    if n_sides < ENOUGH_SIDES:
        flows = "flow" if n_sides == 1 else "flows"
        return Verdict("too little", f"only {n_sides} {flows}", counts)
    if n_devices == 1:
        share = int(np.bincount(judgement.tied).max()) / n_sides
        if share >= INFORMED_SHARE:
            reason = f"{share:.0%} of the flows continue one another's counters or clock"
            return Verdict("single", reason, counts)
        reason = f"only {share:.0%} of the flows carry a counter or clock that goes on"
        reason += ": alike machines would look the same"
        return Verdict("not separable", reason, counts)
    if role == SERVER:
        return Verdict("farm", "several clocks answer here: a load-balanced farm", counts)
    alike = [float(crowd @ np.arange(1, len(crowd) + 1)) for crowd in judgement.count.crowds]
    if max(alike) > SURELY_ONE:
        reason = f"{n_devices} are told apart; alike machines among them cannot be"
        return Verdict(PARTLY, reason, counts)
    near = max((bits for bits, _ in judgement.partition.between.values()), default=-100.0)
    if near > SEPARATE_BITS:
        reason = f"two of them may be one machine: {near:+.1f} bits"
        return Verdict(PARTLY, reason, counts)
    sure = counts.get(n_devices, 0.0)
    if sure < SURE_COUNT:
        reason = f"it is {n_devices} machines with {sure:.0%}: one of them may be two, or two one"
        return Verdict(PARTLY, reason, counts)
    reason = f"every pair of machines is contradicted by {-near:.0f} bits or more"
    return Verdict(SEPARATED, reason, counts)
