"""T8: the same machines a day later. Only clocks tell: stacks, names and addresses do not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bench.match.captured import profiled
from bench.match.figures import Figure, FloatArray, eer_of, rank_one_of
from lab.sim.sampled import FREE, HELD, Box, Sampling
from lab.sim.stacks import Oscillator
from wiretell.findings.match.across import NOTHING, SAME, match
from wiretell.model.profiles import ProfileSet
from wiretell.stats.drift import DriftModel

DAY_S = 86_400.0


@dataclass(frozen=True)
class Kind:
    """Crystals of one kind: `words` say which."""

    name: str
    words: str
    oscillator: Oscillator
    sampling: Sampling


TEN_MINUTES = Sampling(600.0, 1.0, 120.0)
HALF_HOUR = Sampling(1800.0, 2.5, 300.0)
KINDS = (
    Kind("free", "free, walk 0.3 ppm a day; half an hour each day", FREE, HALF_HOUR),
    Kind("held", "held by NTP; half an hour each day", HELD, HALF_HOUR),
    Kind("short", "free; ten minutes each day, in connections of two", FREE, TEN_MINUTES),
    Kind(
        "restless",
        "free, walk 3 ppm a day; half an hour each day",
        replace(FREE, wander_ppm_per_sqrt_s=0.01),
        HALF_HOUR,
    ),
)


@dataclass(frozen=True)
class Result:
    """Of all seeds of one kind: machines of both captures in the same order."""

    kind: Kind
    n: int
    eer: Figure
    rank_one: Figure
    n_claimed: int
    n_wrong: int
    n_nothing: int
    n_machines: int
    by_drift: dict[float, Figure]
    """EER with other values of the random walk (ppm per root hour)."""


def measured(kind: Kind, n: int, seeds: range, drifts: tuple[float, ...] = ()) -> Result:
    """`n` machines seen for a while, and for as long a day later, per seed."""
    pairs = [captures(kind, n, seed) for seed in seeds]
    found = [match(a, b) for a, b in pairs]
    claimed = [m for each in found for m in each.matches if m.decision == SAME]
    wrong = [m for m in claimed if m.b is None or m.a.address != m.b.address]
    nothing = [m for each in found for m in each.matches if m.decision == NOTHING]
    scores = [ordered(a, b, each.bits) for (a, b), each in zip(pairs, found, strict=True)]
    return Result(
        kind,
        n,
        eer_of(scores),
        rank_one_of(scores),
        len(claimed),
        len(wrong),
        len(nothing),
        sum(len(a.profiles) for a, _ in pairs),
        {walk: eer_of([_with_walk(a, b, walk) for a, b in pairs]) for walk in drifts},
    )


def _with_walk(a: ProfileSet, b: ProfileSet, walk: float) -> FloatArray:
    return ordered(a, b, match(a, b, DriftModel(walk_ppm_per_sqrt_h=walk)).bits)


def captures(kind: Kind, n: int, seed: int) -> tuple[ProfileSet, ProfileSet]:
    """Profiles of the machines on one day and the next. Addresses tell the bench who is who; they
    are no argument. Offsets are drawn per connection, so no line goes on."""
    boxes = tuple(
        Box(
            f"box{i}",
            (f"198.51.{100 + i // 200}.{1 + i % 200}",),
            f"crystal{i}",
            kind.oscillator,
            regime="connection",
        )
        for i in range(n)
    )
    days = [profiled(boxes, replace(kind.sampling, start_s=at), seed)[0] for at in (0.0, DAY_S)]
    first, second = (
        replace(day, profiles=tuple(p for p in day.profiles if p.role == "server")) for day in days
    )
    return first, second


def ordered(a: ProfileSet, b: ProfileSet, bits: FloatArray) -> FloatArray:
    """Scores with rows and columns in order of address: right pairs on the diagonal.

    A machine that one capture took for several, or for none, has its best score, or none at all.
    """
    addresses = sorted({p.address for p in (*a.profiles, *b.profiles)})
    at = {address: i for i, address in enumerate(addresses)}
    found = np.full((len(addresses), len(addresses)), -100.0)
    for i, x in enumerate(a.profiles):
        for j, y in enumerate(b.profiles):
            place = at[x.address], at[y.address]
            found[place] = max(found[place], bits[i, j])
    return found
