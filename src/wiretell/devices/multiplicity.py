"""How many alike machines one group may stand for, where nothing could tell them apart.

Machines of one make and version behind a NAT that hides ports and clocks write exactly alike: they
end up in one group, and no argument is left to part them. Three things still speak of their number:
the connections of which a machine keeps one at a time, how busy the group is beside machines that
*are* told apart on this address, and how often a look comes more than once here. They make a
distribution for each group; the head count adds them up.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.exclusive import most_at_once
from wiretell.signal import Hold

FloatArray = NDArray[np.float64]

MOST = 24
"""More alike machines than this in one group are not reckoned with."""
EXTRA_SHAPE, EXTRA_RATE = 0.6, 2.0
"""Gamma prior of the further machines per look (mean 0.3): households mostly own one of a kind."""
SPREAD, SPREAD_WEIGHT = 1.0, 4.0
"""Prior of the standard deviation of log(connections per machine), and its weight in machines."""
HELD_SHARE = 0.6
"""A group of which counters or a clock tie this share of the connections is one machine."""
KEEPS_PRIOR = 0.5
SURPLUS_BITS = -5.0
"""For each connection kept at once beyond one a machine."""
FREE_PPM, TRUE_PPM = 30.0, 1.0
"""Spread of free-running crystals (Jiao and Zheng 2011), and of clocks that NTP disciplines."""
STANDS_OUT = 3.0


@dataclass(frozen=True)
class Body:
    """One group as far as its multiplicity goes.

    `look` is what its kernel writes; `n_connections` counts TCP connections it opened; `held` is
    the share of these that counters or a clock tie together; `at_once` the most push connections
    it keeps at one moment, `holds` these connections. `skews` are the measured (ppm, standard
    error) of its clocks, of one rate.
    """

    look: str
    n_connections: int
    held: float
    at_once: int
    skews: tuple[tuple[float, float], ...] = ()
    holds: tuple[Hold, ...] = ()

    @property
    def one(self) -> bool:
        """Seen to be a single machine."""
        return self.held >= HELD_SHARE


def extras(bodies: Sequence[Body]) -> dict[str, FloatArray]:
    """Look -> probabilities of 0, 1, ... machines beyond the groups that were found of it.

    Groups of one look that nothing holds together are judged as one crowd: what parted them says
    that there are so many machines at least, not which connection is whose.
    """
    looks = Counter(body.look for body in bodies)
    volumes = np.log([body.n_connections for body in bodies if body.one and body.n_connections])
    keeps = _keeps(bodies)
    crowds: dict[str, list[Body]] = defaultdict(list)
    for body in bodies:
        if not body.one:
            crowds[body.look].append(body)
    found: dict[str, FloatArray] = {}
    for look, crowd in crowds.items():
        others = [n for other, n in looks.items() if other != look]
        # Those of the look that are seen to be single are as many again.
        known = looks[look] - len(crowd)
        shape = EXTRA_SHAPE + sum(n - 1 for n in others)
        bits = _extra(shape, EXTRA_RATE + len(others))[known:]
        bits = bits[:MOST] + _busy(sum(b.n_connections for b in crowd), volumes)
        holds = [hold for body in crowd for hold in body.holds]
        at_once = max(most_at_once(holds), *(body.at_once for body in crowd))
        bits = (bits + _at_once(at_once, keeps))[len(crowd) - 1 :]
        share = np.array([max(body.n_connections, 1) for body in crowd], dtype=np.float64)
        hides = float(np.average([_unseen(body.skews) for body in crowd], weights=share))
        bits = bits + np.arange(len(bits)) * math.log2(max(hides, 1e-9))
        weight = np.exp2(bits - bits.max())
        found[look] = weight / weight.sum()
    return found


def multiplicities(bodies: Sequence[Body]) -> list[FloatArray]:
    """For each group the probabilities of 1, 2, ... machines: its share of its look's extras."""
    beyond = extras(bodies)
    busy: Counter[str] = Counter()
    for body in bodies:
        if not body.one:
            busy[body.look] += max(body.n_connections, 1)
    found: list[FloatArray] = []
    for body in bodies:
        if body.one:
            found.append(np.ones(1))
            continue
        share = max(body.n_connections, 1) / busy[body.look]
        found.append(_thinned(beyond[body.look], share))
    return found


def _thinned(total: FloatArray, share: float) -> FloatArray:
    """Distribution of a number of which each is kept with probability `share`."""
    n = len(total)
    kept = np.zeros(n)
    for all_of, p in enumerate(total):
        for some in range(all_of + 1):
            chance = math.comb(all_of, some) * share**some * (1.0 - share) ** (all_of - some)
            kept[some] += p * chance
    return kept


def _extra(shape: float, rate: float) -> FloatArray:
    """log2 of the negative binomial of the further machines 0, 1, ...: a Poisson of a Gamma."""
    bits = np.array(
        [
            math.lgamma(shape + n)
            - math.lgamma(shape)
            - math.lgamma(n + 1)
            + shape * math.log(rate / (rate + 1.0))
            - n * math.log(rate + 1.0)
            for n in range(3 * MOST)
        ]
    )
    result: FloatArray = bits / math.log(2.0)
    return result


def _busy(n_connections: int, volumes: FloatArray) -> FloatArray:
    """log2 density of the group's connections, if 1, 2, ... machines like the known ones did it.

    A sum of log-normal volumes is taken as log-normal of that mean and variance (Fenton 1960).
    """
    if len(volumes) < 2 or not n_connections:
        return np.zeros(MOST)
    n = len(volumes)
    squares = float(np.sum((volumes - volumes.mean()) ** 2))
    variance = (SPREAD_WEIGHT * SPREAD**2 + squares) / (SPREAD_WEIGHT + n - 1)
    machines = np.arange(1, MOST + 1)
    together = np.log1p((math.exp(variance) - 1.0) / machines)
    mean = volumes.mean() + np.log(machines) + 0.5 * (variance - together)
    wide = together + variance / n
    nats = -0.5 * ((math.log(n_connections) - mean) ** 2 / wide + np.log(wide))
    result: FloatArray = nats / math.log(2.0)
    return result


def _keeps(bodies: Sequence[Body]) -> float:
    """Share of machines that keep a push connection, as far as those known to be one tell."""
    if not any(body.at_once for body in bodies):
        return 0.0
    known = [body for body in bodies if body.one]
    return (sum(body.at_once > 0 for body in known) + 2.0 * KEEPS_PRIOR) / (len(known) + 2.0)


def _at_once(at_once: int, keeps: float) -> FloatArray:
    """log2 probability that 1, 2, ... machines keep so many connections at once."""
    if keeps == 0.0:
        return np.zeros(MOST)
    bits = np.empty(MOST)
    for m in range(1, MOST + 1):
        n = min(at_once, m)
        chance = math.comb(m, n) * keeps**n * (1.0 - keeps) ** (m - n)
        bits[m - 1] = math.log2(chance) + SURPLUS_BITS * (at_once - n)
    return bits


def _unseen(skews: Sequence[tuple[float, float]]) -> float:
    """Chance that a further machine shows no other clock rate than these measurements.

    Disciplined clocks all run true, and say nothing. Free ones spread by `FREE_PPM`; two whose
    rates lie closer than the measurements resolve would look like one. What is resolved: a
    difference d between two halves adds d^2/4 * (sum of weights) to the scatter's chi square,
    which has to stand out of its own spread, sqrt(2 n).
    """
    if not skews:
        return 1.0
    ppm, error = np.array(skews).T
    weight = 1.0 / error**2
    mean = float(np.average(ppm, weights=weight))
    scatter = float(np.sum(weight * (ppm - mean) ** 2))
    noise = math.sqrt(2.0 * len(ppm))
    if scatter > len(ppm) + STANDS_OUT * noise:
        return 1.0
    resolved = math.sqrt(4.0 * STANDS_OUT * noise / float(weight.sum()))
    unseen = math.erf(resolved / (2.0 * FREE_PPM))
    free = math.exp(-0.5 * (mean / FREE_PPM) ** 2) / FREE_PPM
    true = math.exp(-0.5 * (mean / TRUE_PPM) ** 2) / TRUE_PPM
    share = free / (free + true)
    return share * unseen + 1.0 - share
