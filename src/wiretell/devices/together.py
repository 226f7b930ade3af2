"""Two flows: with what probability are they one machine's? Said of devices, so that it is true.

A chain of counters, clocks or names ties flows to one machine. What holds other flows of a device
together is that nothing tells them apart: where it may be several alike machines, two of its flows
are of one of them with a chance that falls with the number, and a machine's flows stray to other
devices of its look. That chance is reckoned for machines that are busy by chance (shares of the
flows uniform over all divisions: 2/(m+1) for m machines) and then made true by a logistic map
(Platt 1999), because looks mix with others too: more so where counters and clocks tell little.
A lone group mixes with none: what the count says of it is taken as it is.
The weights are in `together.toml`, fitted by `python -m bench.accuracy.calibrate`.
"""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.multiplicity import Beyond, Body, informed

FloatArray = NDArray[np.float64]

ONE = np.ones(1)
"""Certainly no further machine."""

WORTH_CLIPPED = (0.01, 0.99)
"""Chances are kept within these before their logarithm is taken."""


@dataclass(frozen=True)
class Fit:
    """Weights of the logistic map: of 1, of the chance's log odds, of `held`, of `informed`.

    `tied` is the probability for two flows of one chain, `across` times the chance that of two
    flows of devices of one look.
    """

    bias: float
    chance: float
    held: float
    informed: float
    across: float
    tied: float


@dataclass(frozen=True)
class Company:
    """Of each group: two of its flows are one machine's, one of its and one of its look's are.

    `within` supposes that the group was merged rightly, but for a lone one.
    """

    within: tuple[float, ...]
    across: tuple[float, ...]


@cache
def fit() -> Fit:
    """The fitted weights."""
    text = files("wiretell.devices").joinpath("together.toml").read_text("utf-8")
    return Fit(**{name: float(value) for name, value in tomllib.loads(text).items()})


def chances(bodies: Sequence[Body], more: Beyond) -> list[float]:
    """For each group the chance that two flows of its look, or of it if tied, are one machine's."""
    n_groups = Counter(body.look for body in bodies if not body.one)
    of_look = {
        look: float(p @ (2.0 / (np.arange(len(p)) + n_groups[look] + 1.0)))
        for look, p in more.of_look.items()
    }
    return [
        _chance(more.of_body.get(g, ONE)) if body.one else of_look[body.look]
        for g, body in enumerate(bodies)
    ]


def _chance(further: FloatArray) -> float:
    """Two flows of a machine and 0, 1, ... further ones are of the same."""
    return float(further @ (2.0 / (np.arange(len(further)) + 2.0)))


def lone_chance(counts: Mapping[int, float]) -> float:
    """The chance that two flows of an address of a lone group are one machine's, by its count."""
    return math.fsum(2.0 * p / (n + 1.0) for n, p in counts.items())


def features(bodies: Sequence[Body], more: Beyond) -> list[tuple[float, float, float, float]]:
    """For each group what the logistic map weighs, in the order of `Fit`."""
    known = informed(bodies)
    low, high = WORTH_CLIPPED
    found: list[tuple[float, float, float, float]] = []
    for body, chance in zip(bodies, chances(bodies, more), strict=True):
        kept = min(max(chance, low), high)
        found.append((1.0, math.log(kept / (1.0 - kept)), body.held, known))
    return found


def company(bodies: Sequence[Body], more: Beyond, counts: Mapping[int, float]) -> Company:
    """How far the flows of the groups keep together; `counts`: the address's count."""
    if len(bodies) == 1:
        return Company((lone_chance(counts),), (0.0,))
    of = fit()
    weights = (of.bias, of.chance, of.held, of.informed)
    n_groups = Counter(body.look for body in bodies if not body.one)
    within: list[float] = []
    across: list[float] = []
    told = zip(bodies, chances(bodies, more), features(bodies, more), strict=True)
    for body, chance, weighed in told:
        if body.one:
            within.append(chance)
            across.append(0.0)
            continue
        nats = sum(w * x for w, x in zip(weights, weighed, strict=True))
        within.append(1.0 / (1.0 + math.exp(-nats)))
        across.append(of.across * chance if n_groups[body.look] > 1 else 0.0)
    return Company(tuple(within), tuple(across))
