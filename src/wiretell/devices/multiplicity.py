"""How many alike machines one group may stand for, where nothing could tell them apart.

Machines of one make behind a NAT that hides ports and clocks write exactly alike: they end up in
one group, and no argument is left to part them. Three things still speak of their number: the
connections of which a machine keeps one at a time, how busy the groups of a look are, and how
often looks come more than once on this address. The last is one unknown number for all looks (an
office owns many of each, a household one), and so is how busy a machine is here: the looks of an
address are judged together. The machines of a look beyond the first are negative binomial, with a
mean that is integrated out, and so is the pace.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from wiretell.devices.exclusive import most_at_once
from wiretell.signal import Hold

FloatArray = NDArray[np.float64]

MOST = 24
"""More alike machines than this of one look are not reckoned with."""
MEANS = np.geomspace(0.03, 12.0, 24)
SHAPE = 1.0
"""Looks differ in how many there are: a geometric number, wider than a Poisson one."""
MEANS_SHAPE, MEANS_RATE = 0.5, 1.5
"""Means of the further machines per look that are weighed, and their Gamma prior (mean 0.33)."""
USUAL_PER_S, USUAL_SPREAD = 0.1, 1.1
"""Connections a second of a machine in use, and the standard deviation of its logarithm over
addresses: this pace is the address's own."""
PACES = np.linspace(-2.5, 2.5, 15)
"""Paces that are weighed, in standard deviations of what is known of it."""
SPREAD, SPREAD_WEIGHT = 1.1, 4.0
"""Prior standard deviation of log(connections per machine), and its weight in machines."""
BUSY_BITS = 6.0
"""Most that volume says of one look."""
HELD_SHARE = 0.6
"""A group of which counters or a clock tie this share of the connections has a main machine."""
WHOLLY_HELD = 0.9
"""... and this share: no other machine is in it."""
MOST_BESIDE = 4
"""More further machines than this are not reckoned with in a group that has a main machine."""
LEAST = 1e-9
KEEPS_PRIOR = 0.5
SURPLUS_BITS = -3.5
"""For each connection kept at once beyond one a machine."""
FREE_PPM, TRUE_PPM = 30.0, 1.0
"""Spread of free-running crystals (Jiao and Zheng 2011), and of clocks that NTP disciplines."""
STANDS_OUT = 3.0
SHOWS = 0.3
"""A further machine shows by counters and clocks as the others do, times this: the rest may keep
to looks of theirs. Of 0 to 0.6 the one that puts the truth in the middle of the count's
distribution on 47 development draws of T3 (mean probability integral transform 0.50)."""
SHARED, STRAYING, MOST_STRAYING = 0.45, 0.06, 0.5


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


@dataclass(frozen=True)
class Beyond:
    """Machines beyond the groups found: probabilities of 0, 1, ... for each look and in all.

    `of_body` are those of each group that is tied but not wholly, by its number.
    """

    of_look: Mapping[str, FloatArray]
    of_body: Mapping[int, FloatArray]
    total: FloatArray


def beyond(bodies: Sequence[Body], seconds: float) -> Beyond:
    """How many more machines there are than groups, on an address heard for `seconds`.

    Groups of one look that nothing holds together are judged as one crowd: what parted them says
    that there are so many machines at least, not which connection is whose. A further machine in a
    group hides only in what nothing ties there, so it is the less probable the more is tied; but a
    group of which most is tied may be two machines too, its chain the larger one's.
    """
    crowds: dict[str, list[Body]] = defaultdict(list)
    known: Counter[str] = Counter()
    for body in bodies:
        if body.one:
            known[body.look] += 1
        else:
            crowds[body.look].append(body)
    hidden = 1.0 - SHOWS * informed(bodies)
    n_groups = Counter(body.look for body in bodies)
    volumes = np.log([body.n_connections for body in bodies if body.one and body.n_connections])
    pace = _pace(volumes, seconds)
    keeps = _keeps(bodies)
    means = (MEANS_SHAPE - 1.0) * np.log(MEANS) - MEANS_RATE * MEANS + np.log(MEANS)
    for look, n in known.items():
        if look not in crowds:
            means = means + _further(np.array([n - 1]))[:, 0]
    weights = means - 0.5 * PACES[:, None] ** 2
    posterior: dict[str, FloatArray] = {}
    for look, crowd in sorted(crowds.items()):
        machines = np.arange(len(crowd), MOST + len(crowd))
        bits = pace.bits(sum(b.n_connections for b in crowd), machines)[:, None, :]
        holds = [hold for body in crowd for hold in body.holds]
        at_once = max(most_at_once(holds), *(body.at_once for body in crowd), 0)
        bits = bits + _at_once(at_once, machines, keeps)
        share = [max(body.n_connections, 1) for body in crowd]
        hides = float(np.average([_unseen(body.skews) for body in crowd], weights=share))
        loose = 1.0 - float(np.average([body.held for body in crowd], weights=share))
        bits = bits + np.arange(len(machines)) * math.log2(max(hides * loose, LEAST) * hidden)
        nats = bits * math.log(2.0) + _further(machines + known[look] - 1)
        weights, posterior[look] = _weighed(weights, nats)
    within: dict[int, FloatArray] = {}
    machines = np.arange(1, MOST_BESIDE + 2)
    for g, body in enumerate(bodies):
        if not body.one or body.held >= WHOLLY_HELD:
            continue
        bits = pace.bits(body.n_connections, machines)[:, None, :]
        bits = bits + _at_once(body.at_once, machines, keeps)
        hides = max(_unseen(body.skews) * (1.0 - body.held), LEAST) * hidden
        nats = (bits + np.arange(len(machines)) * math.log2(hides)) * math.log(2.0)
        nats = nats + _further(machines + n_groups[body.look] - 2)
        # What it is without a further machine has been weighed.
        weights, within[g] = _weighed(weights, nats - nats[..., :1])
    weight = np.exp(weights - weights.max()).ravel()
    weight /= weight.sum()
    total = np.zeros(MOST * max(len(posterior), 1) + 1)
    for row, w in enumerate(weight):
        whole = np.ones(1)
        for table in posterior.values():
            whole = np.convolve(whole, table[row])
        total[: len(whole)] += w * whole
    of_body = {g: weight @ table for g, table in within.items()}
    for table in of_body.values():
        total = np.convolve(total, table)
    return Beyond({look: weight @ table for look, table in posterior.items()}, of_body, total)


def _weighed(weights: FloatArray, nats: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Log weights of paces and means with what these say as well (shape (paces, means, numbers)),
    and for each pace and mean the probabilities of the numbers."""
    most = nats.max(axis=-1, keepdims=True)
    mass = np.exp(nats - most)
    whole = mass.sum(axis=-1, keepdims=True)
    told: FloatArray = weights + (most + np.log(whole))[..., 0]
    return told, (mass / whole).reshape(-1, nats.shape[-1])


def informed(bodies: Sequence[Body]) -> float:
    """Share of the connections of an address that counters and clocks tie to others of theirs."""
    whole = sum(body.n_connections for body in bodies)
    return sum(body.n_connections * body.held for body in bodies) / whole if whole else 0.0


def multiplicities(bodies: Sequence[Body], more: Beyond) -> list[FloatArray]:
    """For each group the probabilities of 1, 2, ... machines: its share of its look's more."""
    busy: Counter[str] = Counter()
    for body in bodies:
        if not body.one:
            busy[body.look] += max(body.n_connections, 1)
    return [
        more.of_body.get(g, np.ones(1))
        if body.one
        else _thinned(more.of_look[body.look], max(body.n_connections, 1) / busy[body.look])
        for g, body in enumerate(bodies)
    ]


def trusts(bodies: Sequence[Body], more: Beyond) -> list[float]:
    """For each group the share of its flows that are its main machine's, as crowds are on average.

    One that is held together is its own. Among groups of one look, and in a group that is several
    machines, flows stray: `SHARED` and `STRAYING` are fitted to drawn captures of development
    seeds (rows T3 and T4 of the accuracy bench).
    """
    if len(bodies) == 1:
        return [1.0]  # one machine is what is said of a lone group, with its interval
    n_groups = Counter(body.look for body in bodies if not body.one)
    found: list[float] = []
    for g, body in enumerate(bodies):
        if body.one and g not in more.of_body:
            found.append(1.0)
            continue
        n = 1 if body.one else n_groups[body.look]
        extra = more.of_body[g] if body.one else more.of_look[body.look]
        further = float(extra @ np.arange(len(extra))) / n
        straying = max(1.0 - STRAYING * (n - 1), MOST_STRAYING)
        found.append(straying / (1.0 + SHARED * further))
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


def _further(more: NDArray[np.int64]) -> FloatArray:
    """ln of the probability of so many further machines, one row for each of `MEANS`."""
    mean = MEANS[:, None]
    nats: FloatArray = (
        gammaln(more + SHAPE)
        - math.lgamma(SHAPE)
        - gammaln(more + 1.0)
        + SHAPE * np.log(SHAPE / (SHAPE + mean))
        + more * np.log(mean / (SHAPE + mean))
    )
    return nats


@dataclass(frozen=True)
class _Pace:
    """log(connections of a machine): its mean here for each of `PACES`, its variance."""

    means: FloatArray
    variance: float

    def bits(self, n_connections: int, machines: NDArray[np.int64]) -> FloatArray:
        """log2 density of the connections of a crowd, a row for each of `PACES`, a column for
        each number of machines that may open them.

        A sum of log-normal volumes is taken as log-normal of that mean and variance (Fenton 1960).
        """
        if not n_connections:
            return np.zeros((len(PACES), len(machines)))
        together = np.log1p((math.exp(self.variance) - 1.0) / machines)
        expected = self.means[:, None] + np.log(machines) + 0.5 * (self.variance - together)
        nats = -0.5 * ((math.log(n_connections) - expected) ** 2 / together + np.log(together))
        bits: FloatArray = nats / math.log(2.0)
        capped: FloatArray = np.maximum(bits, bits.max() - BUSY_BITS)
        return capped


def _pace(volumes: FloatArray, seconds: float) -> _Pace:
    """How busy a machine is, from log(connections) of those known to be one, and what is usual."""
    n = len(volumes)
    guess = math.log(USUAL_PER_S * max(seconds, 1.0))
    squares = float(np.sum((volumes - volumes.mean()) ** 2)) if n else 0.0
    variance = (SPREAD_WEIGHT * SPREAD**2 + squares) / (SPREAD_WEIGHT + max(n - 1, 0))
    usual, known = USUAL_SPREAD**-2, n / variance
    mean = (usual * guess + float(volumes.sum()) / variance) / (usual + known)
    return _Pace(mean + PACES / math.sqrt(usual + known), variance)


def _keeps(bodies: Sequence[Body]) -> float:
    """Share of machines that keep a push connection, as far as those known to be one tell."""
    if not any(body.at_once for body in bodies):
        return 0.0
    known = [body for body in bodies if body.one]
    return (sum(body.at_once > 0 for body in known) + 2.0 * KEEPS_PRIOR) / (len(known) + 2.0)


def _at_once(at_once: int, machines: NDArray[np.int64], keeps: float) -> FloatArray:
    """log2 probability that so many machines keep these connections at once."""
    if keeps == 0.0:
        return np.zeros(len(machines))
    n = np.minimum(at_once, machines)
    nats = gammaln(machines + 1.0) - gammaln(n + 1.0) - gammaln(machines - n + 1.0)
    nats = nats + n * math.log(keeps) + (machines - n) * math.log1p(-keeps)
    result: FloatArray = nats / math.log(2.0) + SURPLUS_BITS * (at_once - n)
    return result


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
    # As a ratio: of a rate far off both densities vanish, and the wider one is left.
    true_by_free = 0.5 * mean**2 * (FREE_PPM**-2 - TRUE_PPM**-2)
    share = 1.0 / (1.0 + FREE_PPM / TRUE_PPM * math.exp(true_by_free))
    return share * unseen + 1.0 - share
