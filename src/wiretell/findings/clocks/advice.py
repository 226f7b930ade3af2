"""How good a measured rate is, and how much longer a better one takes."""

from __future__ import annotations

import math

from wiretell.findings.clocks.subjects import Fit
from wiretell.stats.span_needed import further_s

GOOD_PPM = 5.0
"""A standard error from which skews begin to tell machines apart."""
SHORT_PPM = 100.0
"""The spread of the crystals of all machines: a rate known no better is none."""
BRIEF_S = 10.0
"""Readings of so short a time are a burst: nobody goes on at that pace."""
SIGMAS, FLOOR_PPM = 3.0, 0.2
"""Two methods disagree where they differ by more than so many errors, and a floor."""


def agree(skew: tuple[float, float], robust: tuple[float, float]) -> bool:
    """Do both methods, each (ppm, standard error), say the same? False where one says nothing."""
    doubt = math.hypot(skew[1], robust[1])
    return math.isfinite(doubt) and abs(skew[0] - robust[0]) <= SIGMAS * doubt + FLOOR_PPM


def quality(
    own: Fit, skew: tuple[float, float] | None, robust: tuple[float, float], n_steps: int
) -> tuple[str, str]:
    """(a word, why). `skew` by the hull and `robust` are (ppm, standard error), without steps."""
    if skew is None:
        return "none", "no reading tells a rate" if own.units else "no readings"
    ppm, error = skew
    if not error <= SHORT_PPM:
        return "too short", f"known to ±{error:.0f} ppm only" if error < math.inf else "too few"
    if own.is_several:
        return "several clocks", "its flows run at rates that differ by more than chance"
    if math.isfinite(robust[1]):
        apart = abs(ppm - robust[0])
        if not agree(skew, robust):
            return "methods disagree", (
                f"robust regression says {robust[0]:+.1f} ±{robust[1]:.1f} ppm: the delays"
                " changed while it was watched, or the clock did"
            )
        said = f"robust regression agrees within {apart:.1f} ppm"
    else:
        said = "too few single readings for a second method"
    if n_steps:
        said += f"; {n_steps} steps taken out" if n_steps > 1 else "; a step taken out"
    return ("good" if error <= GOOD_PPM else "rough"), said


def advice(own: Fit, error_ppm: float, precision_ppm: float) -> tuple[float | None, str]:
    """(seconds to go on until `error_ppm` is `precision_ppm`; the same in words)."""
    if own.skew_ppm is None or own.is_several:
        return None, ""
    clocks = [unit.clock for unit in own.units]
    span_s = max(c.last_s for c in clocks) - min(c.first_s for c in clocks)
    wanted = f"±{precision_ppm:g} ppm"
    if error_ppm > precision_ppm and (error_ppm > SHORT_PPM or span_s < BRIEF_S):
        return None, f"how long {wanted} takes is not known: watched too short"
    n_all = sum(unit.n_readings for unit in own.units)
    delay_s = sum(unit.n_readings * unit.delay_s for unit in own.units) / max(n_all, 1)
    more_s = further_s(
        error_ppm,
        precision_ppm,
        span_s,
        sum(clock.n_readings for clock in clocks),
        1.0 / own.nominal_hz,
        delay_s,
        one_offset=len(own.units) == 1,
    )
    if more_s is None:
        return None, f"{wanted} cannot be promised from traffic like this"
    return (
        more_s,
        f"{wanted} is reached" if more_s == 0.0 else f"another {_time(more_s)} for {wanted}",
    )


def _time(seconds: float) -> str:
    for unit, one in (("day", 86_400.0), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= 1.5 * one:
            return f"{math.ceil(seconds / one)} {unit}s"
    n = math.ceil(seconds)
    return "1 second" if n == 1 else f"{n} seconds"
