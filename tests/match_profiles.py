"""Profiles by hand, for tests of match."""

from __future__ import annotations

import math
from collections.abc import Mapping

from wiretell.model.profiles import (
    HOST,
    ClockProfile,
    Opening,
    Profile,
    ProfileSet,
    RatePoint,
    TimeLine,
)

NS = 10**9


def line(
    tsval: float, at_s: float = 300.0, scope: str = HOST, peer: str = "", span_s: float = 600.0
) -> TimeLine:
    at_ns = round(at_s * NS)
    half = round(span_s * NS / 2)
    return TimeLine(scope, peer, at_ns, tsval, at_ns - half, at_ns + half, 5)


def clock(
    ppm: float = math.nan,
    error_ppm: float = math.inf,
    *lines: TimeLine,
    hz: float = 1000.0,
    curve: tuple[RatePoint, ...] = (),
) -> ClockProfile:
    return ClockProfile(hz, ppm, error_ppm, 500, curve, lines)


def profile(
    address: str,
    of: ClockProfile | None = None,
    *,
    labels: Mapping[str, Mapping[str, int]] | None = None,
    first_s: float = 0.0,
    role: str = "client",
    regime: str = "per connection",
    ports: str = "unknown",
    opened: tuple[Opening, ...] = (),
) -> Profile:
    first_ns = round(first_s * NS)
    return Profile(
        "hand",
        f"{address}#1",
        address,
        role,
        "Linux",
        first_ns,
        first_ns + 600 * NS,
        20,
        clock=of,
        clock_regime=regime,
        port_regime=ports,
        labels=labels or {},
        opened=opened,
    )


def profile_set(*profiles: Profile, source: str = "hand") -> ProfileSet:
    return ProfileSet(source, profiles)
