"""Clock lines of two profiles: does one go on in the other?

What an offset tells depends on the stack: common to the host, to (source, destination), or to the
connection. A host's line seen again is the same boot; a line to the same destination seen again
is the same boot *and* the same inner address, whatever the public address is now.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from wiretell.model.profiles import DESTINATION, HOST, ClockProfile, Profile, TimeLine
from wiretell.stats.counter_lines import MODULUS
from wiretell.stats.drift import DriftModel

PATH_S = 0.05
"""Delays that the access network adds to a line (standard deviation)."""
LINE_BITS = (-10.0, 25.0)
REBOOT_PRIOR, REBOOT_EVERY_S = 0.05, 2 * 86_400.0
"""Chance of a reboot in a short time, and how soon one becomes likely."""
SLEPT = 0.10
"""Chance that the clock stood still for some of the time between: suspended."""
ELSEWHERE = 0.02
"""Chance that a line is anywhere at all: a proxy's, a clock that was set."""
_INNER = "the clock line to one destination goes on, so boot and inner address are the same"
SAME_INNER = 0.5
"""Chance that a line to the same destination goes on if the machine did not reboot: it has the
same inner address and an offset for each destination."""


def line_arguments(a: Profile, b: Profile, drift: DriftModel) -> Iterator[tuple[float, str]]:
    """(bits, reason) of at most one argument: of the host, else of the best destination.

    A machine that was read from one place alone shows lines of one destination that may be of the
    whole host: where two such lines agree they are, where they do not they need not be.
    """
    if a.clock is None or b.clock is None or a.clock.nominal_hz != b.clock.nominal_hz:
        return
    if not _rated(a.clock) and not _rated(b.clock):
        return
    hosts = [
        told
        for x in a.clock.lines
        if x.scope == HOST
        for y in b.clock.lines
        if y.scope == HOST and (told := _host(x, y, a, b, drift)) is not None
    ]
    if hosts:
        yield max(hosts)
        return
    wide = [
        _destination(x, y, a, b, drift, "the timestamps of both lie on one line")
        for x in maybe_host(a)
        for y in maybe_host(b)
        if x.peer != y.peer
    ]
    found = max((each for each in wide if each is not None), default=None)
    if found is not None and found[0] > 0.0:
        yield found
        return
    towards = {y.peer: y for y in b.clock.lines if y.scope == DESTINATION}
    goes = [
        each
        for x in a.clock.lines
        if x.scope == DESTINATION
        and x.peer in towards
        and (each := _destination(x, towards[x.peer], a, b, drift, _INNER)) is not None
    ]
    if goes:
        bits, words = max(goes)
        going = sum(bits_each > 0.0 for bits_each, _ in goes)
        more = f" ({going} of {len(goes)} such lines)" if len(goes) > 1 else ""
        yield bits, words + more


def maybe_host(profile: Profile) -> list[TimeLine]:
    """Lines that are the host's, and lines to the only destination seen, which may be."""
    if profile.clock is None:
        return []
    lines = profile.clock.lines
    peers = {line.peer for line in lines if line.scope == DESTINATION}
    alone = len(peers) == 1 and all(line.scope == DESTINATION for line in lines)
    return [line for line in lines if line.scope == HOST or alone]


def _rated(clock: ClockProfile) -> bool:
    return math.isfinite(clock.error_ppm)


def jump_s(
    x: TimeLine, y: TimeLine, a: ClockProfile, b: ClockProfile, drift: DriftModel
) -> tuple[float, float, float]:
    """How far line `y` is ahead of where `x` goes, the standard deviation of that, the circle (s).

    The jump is the nearest to zero on the circle of the counter.
    """
    ppm, error_ppm = _joint(a, b)
    hz = a.nominal_hz * (1.0 + ppm * 1e-6)
    circle = MODULUS / hz
    gap_s = (y.time_ns - x.time_ns) / 1e9
    ahead = ((y.tsval - x.tsval) / hz - gap_s) % circle
    jump = ahead - circle if ahead > circle / 2.0 else ahead
    return jump, math.hypot(math.sqrt(2.0) * PATH_S, drift.ahead_s(gap_s, error_ppm)), circle


def _joint(a: ClockProfile, b: ClockProfile) -> tuple[float, float]:
    """The rate that one machine with both clocks would have, and its error."""
    known = [c for c in (a, b) if _rated(c)]
    weights = [1.0 / (c.error_ppm**2 + 1e-4) for c in known]
    ppm = sum(w * c.ppm for w, c in zip(weights, known, strict=True)) / sum(weights)
    return ppm, 1.0 / math.sqrt(sum(weights))


def _host(
    x: TimeLine, y: TimeLine, a: Profile, b: Profile, drift: DriftModel
) -> tuple[float, str] | None:
    assert a.clock is not None
    assert b.clock is not None
    if y.time_ns < x.time_ns:
        x, y, a, b = y, x, b, a
    assert a.clock is not None
    assert b.clock is not None
    jump, sd, circle = jump_s(x, y, a.clock, b.clock, drift)
    gap_s = max((y.first_ns - x.last_ns) / 1e9, 1.0)
    uptime_s = _uptime(y, b.clock.nominal_hz)
    reboot = 1.0 - (1.0 - REBOOT_PRIOR) * math.exp(-gap_s / REBOOT_EVERY_S)
    goes_on = (1.0 - reboot) * (1.0 - SLEPT) * _normal(jump, sd)
    restarted = reboot * _uptime_density(uptime_s, gap_s) if uptime_s <= gap_s + 1.0 else 0.0
    slept = (1.0 - reboot) * SLEPT / gap_s if -gap_s <= jump < 0.0 else 0.0
    anywhere = ELSEWHERE / circle
    other = _uptime_density(uptime_s, circle)
    ways = (
        (
            goes_on,
            f"the same clock line goes on: {abs(jump):.2f} s off where it was to be, "
            f"{sd:.2f} allowed",
        ),
        (restarted, f"the clock line is new: it began {uptime_s / 3600.0:.1f} h before, a reboot"),
        (slept, f"the clock line is {-jump:.0f} s behind: it may have slept"),
        (anywhere, f"clock lines {abs(jump):.0f} s apart"),
    )
    bits = math.log2(sum(density for density, _ in ways) / other)
    return _capped(bits), max(ways)[1]


def _destination(
    x: TimeLine, y: TimeLine, a: Profile, b: Profile, drift: DriftModel, goes_on: str
) -> tuple[float, str] | None:
    assert a.clock is not None
    assert b.clock is not None
    jump, sd, circle = jump_s(x, y, a.clock, b.clock, drift)
    gap_s = abs(y.time_ns - x.time_ns) / 1e9
    if sd > circle / 20.0:
        return None
    kept = SAME_INNER * (1.0 - REBOOT_PRIOR) * math.exp(-gap_s / REBOOT_EVERY_S)
    bits = math.log2(kept * _normal(jump, sd) * circle + (1.0 - kept))
    if bits > 0.0:
        return _capped(bits), f"{goes_on}: {abs(jump):.2f} s off, {sd:.2f} allowed"
    return _capped(bits), "the clock line to one destination does not go on"


def _normal(jump: float, sd: float) -> float:
    return math.exp(-0.5 * min((jump / sd) ** 2, 1400.0)) / (sd * math.sqrt(2.0 * math.pi))


def _uptime(line: TimeLine, hz: float) -> float:
    """Seconds since the counter began, by the nearer of two usual beginnings."""
    since_zero = line.tsval / hz
    return min(since_zero, ((line.tsval + 300.0 * hz) % MODULUS) / hz)


def _uptime_density(uptime_s: float, most_s: float) -> float:
    """Density per second of uptimes: half uniform, half logarithmic, up to a most."""
    return 0.5 / most_s + 0.5 / (max(uptime_s, 1.0) * math.log(max(most_s, 3.0)))


def _capped(bits: float) -> float:
    return min(max(bits, LINE_BITS[0]), LINE_BITS[1])
