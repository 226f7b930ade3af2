"""Is a clock set by NTP, or does its crystal run free? And what many clocks have in common."""

from __future__ import annotations

from wiretell.stats.common_mode import POPULATION_PPM, CommonMode
from wiretell.stats.nominal_rate import FAST_HZ, NOMINAL_HZ

FREE, DISCIPLINED, UNKNOWN = "free", "disciplined", "unknown"
SHARP_PPM = 1.0
"""A rate known no better says nothing of NTP."""
PULLED_PPM = 0.3
"""NTP keeps a rate within this of true, over minutes; science of RFC 5905's loop."""
FREE_PPM = 2.0
"""Further off than this, errors aside, NTP would have pulled it in."""


_AGAINST = {"bunch": "the clocks that run alike", "reference": "the NTP servers' time"}
"""What a rate is held against, by kind of common mode."""


def discipline(
    skew_ppm: float,
    error_ppm: float,
    nominal_hz: float,
    common: CommonMode,
    *,
    in_bunch: bool,
) -> tuple[str, str]:
    """(free, disciplined or unknown; why). Rates are against the observer's clock."""
    if nominal_hz not in NOMINAL_HZ and nominal_hz != FAST_HZ:
        return UNKNOWN, f"{nominal_hz:g} Hz is no usual rate, so what it should be is not known"
    if not error_ppm <= SHARP_PPM:
        return UNKNOWN, f"known to ±{error_ppm:.1f} ppm only; ±{SHARP_PPM:g} ppm is needed"
    if common.kind == "doubtful":
        return UNKNOWN, (
            f"{int(common.members.sum())} clocks run alike, {common.ppm:+.1f} ppm against the"
            " observer's: one machine with several addresses, or true time and the observer is off"
        )
    if in_bunch and common.kind == "reference":
        return DISCIPLINED, "it serves the time (NTP)"
    if in_bunch and common.kind == "bunch":
        n = int(common.members.sum())
        return DISCIPLINED, (
            f"one of {n} clocks that run alike ({common.ppm:+.1f} ppm): NTP holds them, or they"
            " are one machine's"
        )
    against = _AGAINST.get(common.kind, "the observer's clock")
    off = abs(skew_ppm - (common.ppm if common.kind in _AGAINST else 0.0))
    if off <= PULLED_PPM + 2.0 * error_ppm:
        share = POPULATION_PPM / (2.0 * (PULLED_PPM + 2.0 * error_ppm))
        return DISCIPLINED, (
            f"keeps to {against} within {off:.1f} ±{error_ppm:.1f} ppm; of free crystals one in"
            f" {share:.0f} does so by chance"
        )
    if off > FREE_PPM + 2.0 * error_ppm:
        return FREE, f"{off:.1f} ppm off {against}: NTP would have pulled that in"
    return UNKNOWN, f"{off:.1f} ±{error_ppm:.1f} ppm off: a slow pull or a good crystal"


def common_words(common: CommonMode, n: int) -> str:
    """A note on the common mode of `n` clocks."""
    if common.kind == "reference":
        return (
            f"{int(common.members.sum())} NTP servers say that the observer's own clock is off:"
            f" they seem to run {common.ppm:+.2f} ±{common.error_ppm:.2f} ppm against it."
            " `relative` is without that."
        )
    if common.kind == "bunch":
        return (
            f"{int(common.members.sum())} of {n} clocks run alike, {common.ppm:+.2f}"
            f" ±{common.error_ppm:.2f} ppm against the observer's: disciplined clocks show its"
            " error so (or one machine has them all). `relative` is without it."
        )
    if common.kind == "doubtful":
        return (
            f"{int(common.members.sum())} of {n} clocks run alike, {common.ppm:+.2f}"
            f" ±{common.error_ppm:.2f} ppm against the observer's: one machine with several"
            " addresses, or true time and the observer's own clock is off. Which is not known, so"
            " nothing is taken out."
        )
    if common.kind == "median":
        return (
            f"The median of {n} clocks is {common.ppm:+.2f} ±{common.error_ppm:.2f} ppm:"
            " `relative` is without it, as the observer's own error is in all of them."
        )
    return ""
