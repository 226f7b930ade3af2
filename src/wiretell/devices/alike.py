"""What is told of alike machines: how many a group may stand for, and why.

`devices.multiplicity` reckons the probabilities; here they become a number, an interval and
reasons in words, from what the groups show (`multiplicity.Body`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wiretell.stats.counting import interval, mode

if TYPE_CHECKING:  # SciPy comes with it, and exporters that say only a number need none
    from wiretell.devices.multiplicity import Body

FloatArray = NDArray[np.float64]

BUSY = 1.5
"""From this many times the usual connections a group is called busy."""
MAX_NAMED = 4
"""Groups named one by one in the reasons of an address."""


@dataclass(frozen=True)
class Crowd:
    """How many machines one group most probably is, its 90 % interval, and why."""

    likely: int
    low: int
    high: int
    reasons: tuple[str, ...] = ()

    @property
    def several(self) -> bool:
        """More than one machine is possible."""
        return self.high > 1

    @property
    def words(self) -> str:
        """`about 3 alike, 2-5`, `perhaps 2 alike`, `one`."""
        if not self.several:
            return "one"
        if self.likely > 1:
            return f"about {self.likely} alike, {self.low}-{self.high}"
        return f"perhaps {'up to ' if self.high > 2 else ''}{self.high} alike"


def crowds_of(distributions: Sequence[FloatArray], bodies: Sequence[Body]) -> list[Crowd]:
    """A crowd per group; `distributions` have the probabilities of 1, 2, ... machines."""
    usual = _usual(bodies)
    loose = Counter(body.look for body in bodies if not body.one)
    found: list[Crowd] = []
    for probabilities, body in zip(distributions, bodies, strict=True):
        counts = {n: float(p) for n, p in enumerate(probabilities, start=1)}
        likely = mode(counts)
        low, high = interval(counts)
        low, high = min(low, likely), max(high, likely)
        reasons = _reasons(body, usual, loose[body.look] - 1) if high > 1 else ()
        found.append(Crowd(likely, low, high, reasons))
    return found


def _usual(bodies: Sequence[Body]) -> float:
    """Connections of the machines known to be one (geometric mean); 0 where fewer than two are."""
    known = [math.log(body.n_connections) for body in bodies if body.one and body.n_connections]
    return math.exp(sum(known) / len(known)) if len(known) > 1 else 0.0


def _reasons(body: Body, usual: float, n_mates: int) -> tuple[str, ...]:
    """`n_mates` other groups of the same look are not held together either."""
    reasons: list[str] = []
    if body.at_once > 1:
        reasons.append(f"keeps {body.at_once} push connections at once, and a machine keeps one")
    if usual and body.n_connections > BUSY * usual:
        reasons.append(f"as busy as {body.n_connections / usual:.1f} of the others")
    reasons.append(
        f"counters and clocks tie only {body.held:.0%} of its connections:"
        " alike machines would look the same"
    )
    if n_mates > 0:
        others = "another" if n_mates == 1 else f"{n_mates} others"
        reasons.append(f"counted together with {others} of the same stack")
    return tuple(reasons)


def address_words(crowds: Mapping[int, Crowd], n_told: int, likely: int) -> str:
    """How many machines are likely beside the `n_told` told apart; empty where none are possible.

    `crowds` is number of the device -> crowd, `likely` the most probable number of all.
    """
    several = {number: crowd for number, crowd in crowds.items() if crowd.several}
    if not several:
        return ""
    order = sorted(several, key=lambda number: (-several[number].likely, number))
    named = [f"#{number} {several[number].words}" for number in order[:MAX_NAMED]]
    if len(order) > MAX_NAMED:
        named.append(f"{len(order) - MAX_NAMED} others")
    more = likely - n_told
    head = f"{more} more {'is' if more == 1 else 'are'} likely" if more > 0 else "more are possible"
    return f"{head} among alike machines: {'; '.join(named)}"
