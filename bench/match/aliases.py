"""How often addresses with clocks of their own are called one machine, and one machine is found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from wiretell.findings.match.aliases import aliases
from wiretell.model.profiles import ClockProfile, Profile, ProfileSet

ROUGH, SHARP = (0.05, 1.5), (0.03, 0.2)
"""Standard errors of the rates in ppm, drawn uniform in the logarithm between these."""


@dataclass(frozen=True)
class Setting:
    """`n` addresses, a share of them under NTP, and `k` of them on one free crystal."""

    words: str
    n: int
    held: float
    k: int = 1
    errors_ppm: tuple[float, float] = ROUGH


SETTINGS = (
    Setting("30 free clocks", 30, 0.0),
    Setting("30 clocks that NTP holds", 30, 1.0),
    Setting("100 clocks, half of them held", 100, 0.5),
    Setting("4 addresses of one crystal alone", 4, 0.0, 4),
    Setting("4 addresses of one crystal among 30, half held", 30, 0.5, 4),
    Setting("the same, rates known to 0.2 ppm or better", 30, 0.5, 4, SHARP),
    Setting("2 addresses of one crystal among 10", 10, 0.5, 2),
)


@dataclass(frozen=True)
class Result:
    """Of `n_sets` captures: how many had a wrong group, and in how many the crystal was found."""

    setting: Setting
    n_sets: int
    n_wrong: int
    n_found: int


def measured(setting: Setting, n_sets: int, seed: int) -> Result:
    """Rates drawn as they would be read: true rate plus normal error; offsets tell nothing."""
    wrong = found = 0
    for number in range(n_sets):
        rng = Random(f"{seed}/{setting.words}/{number}")
        groups = aliases(_drawn(setting, rng)).groups
        members = [{p.device for p in group.members} for group in groups]
        one = {f"10.0.0.{i + 1}#1" for i in range(setting.k)} if setting.k > 1 else set()
        wrong += any(group - one for group in members)
        found += any(group == one for group in members) if one else 0
    return Result(setting, n_sets, wrong, found)


def _drawn(setting: Setting, rng: Random) -> ProfileSet:
    crystal = rng.gauss(0.0, 30.0)
    while abs(crystal) < 3.0:  # a free crystal that runs true is no better known than a held one
        crystal = rng.gauss(0.0, 30.0)
    found = []
    for i in range(setting.n):
        if i < setting.k > 1:
            ppm = crystal
        elif rng.random() < setting.held:
            ppm = rng.gauss(0.0, 0.15)
        else:
            ppm = rng.gauss(0.0, 30.0)
        low, high = (math.log(error) for error in setting.errors_ppm)
        error_ppm = math.exp(rng.uniform(low, high))
        clock = ClockProfile(1000.0, rng.gauss(ppm, error_ppm), error_ppm, 500)
        address = f"10.0.0.{i + 1}"
        found.append(
            Profile("drawn", f"{address}#1", address, "server", "", 0, 600 * 10**9, 20, clock=clock)
        )
    return ProfileSet("drawn", tuple(found))
