"""What hides a TCP timestamp clock, recognised by what it leaves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wiretell.findings.clocks.readings import Readings
from wiretell.findings.clocks.subjects import Side
from wiretell.findings.clocks.units import Unit
from wiretell.stats.nominal_rate import FAST_HZ, NOMINAL_HZ

OFF, ZERO, CONSTANT, QUANTISED = "off", "zero", "constant", "quantised"
MODULATED, REWRITTEN, JITTERED = "re-modulated", "rewritten", "jittered"

STILL_S, STILL_N = 10.0, 5
"""A TSval that does not move for so long, over so many readings, is a constant."""
COARSE_N = 20
"""Steps of a counter that all are multiples of one number: fewer may be by chance."""
BACK_SHARE, BACK_N = 0.02, 3
"""Newer segments with an older TSval: more than this share is no reordering."""
STRANGER_SHARE = 0.1
"""Flows on one line that come from another kind of stack: from this share on."""
RANDOM_HZ = (1000.0, FAST_HZ, 2.0)
"""Rates of stacks that draw an offset for every connection themselves."""
FEWEST_MODULATED, SURE_PPM = 3, 5000.0
"""So many flows tell the rate well enough to say which stack it is of."""
MOST = 0.9


def countermeasure(
    sides: Sequence[Side], units: Sequence[Unit], readings: Readings, nominal_hz: float, regime: str
) -> tuple[str, str]:
    """(its name, what shows it), both empty where none is seen. `sides` are TCP sides."""
    hidden = _hidden(sides) if nominal_hz <= 0.0 else None
    if hidden is not None:
        return hidden
    return (
        _jittered(sides)
        or _rewritten(sides, units)
        or _quantised(readings, nominal_hz)
        or _modulated(units, regime, nominal_hz)
        or ("", "")
    )


def _hidden(sides: Sequence[Side]) -> tuple[str, str] | None:
    """Off, zero or constant: no clock at all in most of the flows."""
    sent = [side for side in sides if side.pkts > 0]
    n = len(sent)
    if not n:
        return None
    silent = [side for side in sent if side.ts_n == 0]
    zero = sum(side.ts_zero > 1 for side in silent)
    off = len(silent) - zero
    still = sum(
        side.ts_n >= STILL_N and (side.held_s or 0.0) >= STILL_S and side.ts_sum_vv == 0.0
        for side in sent
    )
    several = "flow" if n == 1 else "flows"
    if still and still + zero + off >= MOST * n:
        return CONSTANT, f"TSval stands still in {still} of {n} {several}"
    if zero and zero + off >= MOST * n:
        return ZERO, f"TSval is 0 in {zero} of {n} {several}"
    if off >= MOST * n:
        if any(side.initiator for side in sent):
            why = "Windows clients send none, others can switch them off"
        else:
            why = "it answers without where its peer offers none, or they are switched off"
        return OFF, f"no timestamps in {off} of {n} {several}: {why}"
    return None


def _jittered(sides: Sequence[Side]) -> tuple[str, str] | None:
    back, n = sum(side.ts_back for side in sides), sum(side.ts_n for side in sides)
    if back < BACK_N or back < BACK_SHARE * n:
        return None
    return JITTERED, f"{back} of {n} newer segments carry an older TSval: noise was added"


def _rewritten(sides: Sequence[Side], units: Sequence[Unit]) -> tuple[str, str] | None:
    """One clock in the SYNs of two kinds of stack: who ends the connections keeps the clock."""
    if not any(unit.clock.scope == "host" for unit in units):
        return None
    kind_of = {
        (side.flow_id, side.side): (_layout(side.syn), _first_ttl(side.ttl))
        for side in sides
        if side.initiator and side.syn is not None and side.ttl is not None
    }
    for unit in units:
        kinds = [kind_of[key] for key in unit.keys if key in kind_of]
        ttls = {ttl for _, ttl in kinds}
        if unit.clock.scope != "host" or len(ttls) < 2:
            continue
        shares = [sum(kind[1] == ttl for kind in kinds) / len(kinds) for ttl in ttls]
        if min(shares) >= STRANGER_SHARE and len({layout for layout, _ in kinds}) > 1:
            told = " and ".join(str(ttl) for ttl in sorted(ttls))
            return REWRITTEN, (
                f"{len(unit.keys)} flows of stacks that start from TTL {told} show one clock:"
                " a middlebox writes its own"
            )
    return None


def _layout(syn: str) -> str:
    fields = syn.split(":")
    return fields[5] if len(fields) > 5 else ""


def _first_ttl(ttl: int) -> int:
    return next(first for first in (32, 64, 128, 255) if ttl <= first)


def _quantised(readings: Readings, nominal_hz: float) -> tuple[str, str] | None:
    if nominal_hz <= 0.0 or not len(readings):
        return None
    same = np.diff(readings.flow_id) == 0
    same &= (np.diff(readings.side) == 0) & (np.diff(readings.unit) == 0)
    steps = np.abs(np.diff(readings.ticks))[same]
    steps = steps[steps > 0]
    if len(steps) < COARSE_N:
        return None
    step = int(np.gcd.reduce(steps))
    if step < 2:
        return None
    ms = step / nominal_hz * 1e3
    return QUANTISED, f"{len(steps)} steps of TSval are all multiples of {step} ticks ({ms:g} ms)"


def _modulated(units: Sequence[Unit], regime: str, nominal_hz: float) -> tuple[str, str] | None:
    sure = [unit for unit in units if unit.clock.error_ppm <= SURE_PPM]
    if regime != "per connection" or len(sure) < FEWEST_MODULATED:
        return None
    if nominal_hz not in NOMINAL_HZ or nominal_hz in RANDOM_HZ:
        return None
    return MODULATED, (
        f"a new offset for every connection, though stacks that tick at {nominal_hz:g} Hz keep one:"
        " a filter draws it (pf: scrub reassemble tcp)"
    )
