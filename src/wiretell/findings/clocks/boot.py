"""When a machine was started, or why its timestamps cannot tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from wiretell.findings.clocks.units import Unit
from wiretell.stats.counter_lines import MODULUS

LEAD_S = 300.0
"""Linux up to 4.9 starts its counter so long before it wraps."""
LINUX_HZ = (100.0, 250.0, 300.0)
"""Rates at which it may be such a Linux; newer ones tick at 1000 Hz."""
WHY_NOT = {
    "per connection": "unknowable: random offsets, a new one for every connection",
    "per destination": "unknowable: random offsets, one for each destination",
    "per host or per destination": "unknowable so far: one destination does not tell whether"
    " the offset is random",
    "unknown": "unknowable so far: too few flows to tell whether the offset is random",
    "time of day": "unknowable: this clock tells the time of day",
    "per stream": "unknowable: random offsets, one for each stream",
    "absent": "unknowable: no timestamps",
    "zero": "unknowable: timestamps are zero",
}
_DAY_S = 86_400.0
_LATEST_S = 253_402_300_799


def boot_time(units: Sequence[Unit], regime: str, origin_ns: int) -> tuple[int | None, str]:
    """(time in ns, words) of the line that most flows are on; None and the reason without one.

    Only an offset for the whole host is no random number, so far as that can be seen. The
    counter may have wrapped: the words say how long that takes.
    """
    if regime != "per host":
        return None, WHY_NOT.get(regime, WHY_NOT["unknown"])
    lines = [unit for unit in units if unit.clock.scope != "flow" and unit.clock.nominal_hz]
    if not lines:
        return None, WHY_NOT["unknown"]
    clock = max(lines, key=lambda unit: (len(unit.keys), unit.clock.last_s)).clock
    value, lead = clock.v_first, LEAD_S * clock.hz
    if value >= MODULUS - lead:
        age_s, how = (value - (MODULUS - lead)) / clock.hz, "as Linux counts, 5 minutes before 0"
    else:
        age_s, how = value / clock.hz, "if its counter began at 0"
        if clock.nominal_hz in LINUX_HZ:
            how += "; Linux up to 4.9: 5 minutes before"
    boot_ns = origin_ns + round((clock.first_s - age_s) * 1e9)
    period_d = MODULUS / clock.hz / _DAY_S
    words = f"{_utc(boot_ns)} ({how}), or {period_d:.1f} days earlier per turn of the counter"
    return boot_ns, words


def _utc(time_ns: int) -> str:
    seconds = time_ns // 10**9
    if not 0 <= seconds <= _LATEST_S:
        return f"{seconds} s since 1970"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
