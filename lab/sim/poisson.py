"""Counts of unseen events."""

import math
from random import Random

_EXACT_BELOW = 30.0


def poisson(rng: Random, mean: float) -> int:
    """A Poisson draw: exact for small means, rounded normal for large ones."""
    if mean <= 0.0:
        return 0
    if mean >= _EXACT_BELOW:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    n, product, limit = 0, rng.random(), math.exp(-mean)
    while product > limit:
        n += 1
        product *= rng.random()
    return n


def bursty(
    rng: Random, seconds: float, single_hz: float, bursts_hz: float, burst_size: float
) -> int:
    """Events in ``seconds``: single ones and bursts, whose sizes are exponential about
    ``burst_size``."""
    n = poisson(rng, single_hz * seconds)
    for _ in range(poisson(rng, bursts_hz * seconds)):
        n += 1 + int(rng.expovariate(1.0 / burst_size)) if burst_size else 1
    return n
