"""Numbers as people read them: bytes, counts, times, clocks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeGuard

NS_PER_S = 1_000_000_000
_YEAR_LIMITS_S = (-62_135_596_800, 253_402_300_799)  # years 1 to 9999


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 flow`, `2 flows`, `12 345 flows`."""
    return f"{grouped(number)} {one if number == 1 else many or one + 's'}"


def grouped(number: int) -> str:
    """Digits in groups of three, from five digits on."""
    return f"{number:,}".replace(",", " ") if abs(number) >= 10_000 else str(number)


def size(n_bytes: int | None) -> str:
    """`980 B`, `12.3 MB`: decimal units, three figures."""
    value = float(n_bytes or 0)
    if value < 1000:
        return f"{int(value)} B"
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            return f"{value:.0f} {unit}" if value >= 99.5 else f"{value:.1f} {unit}"
    raise AssertionError


def percent(probability: float | None) -> str:
    """`97 %`; above 99, `>99 %`, as no estimate is certain; empty where unknown."""
    if not _is_known(probability):
        return ""
    if probability > 0.99:
        return ">99 %"
    return f"{100 * probability:.0f} %"


def date(time_ns: int | None) -> str:
    """`2026-11-21` UTC; empty where unknown, the number where it is no date."""
    moment = _moment(time_ns)
    return moment.strftime("%Y-%m-%d") if moment else _no_date(time_ns)


def clock_time(time_ns: int | None) -> str:
    """`10:03:49` UTC."""
    moment = _moment(time_ns)
    return moment.strftime("%H:%M:%S") if moment else _no_date(time_ns)


def span(first_ns: int | None, last_ns: int | None) -> str:
    """`2026-11-21 10:03:49 to 10:20:01 UTC`, the second date only where it differs."""
    first, last = date(first_ns), date(last_ns)
    end = clock_time(last_ns) if first == last else f"{last} {clock_time(last_ns)}"
    return f"{first} {clock_time(first_ns)} to {end} UTC"


def interval(address: Mapping[str, Any]) -> str:
    """`5 machines (90 %: 5-6)` of a row of the addresses table."""
    n_devices = address["n_devices"]
    machines = "machines unknown" if n_devices is None else count(n_devices, "machine")
    if address["low"] is None or address["high"] is None:
        return machines
    return f"{machines} (90 %: {address['low']}-{address['high']})"


def alike(device: Mapping[str, Any]) -> str:
    """`about 3 alike, 2-5`, `perhaps 2 alike` of a row of the devices table; empty where one."""
    from wiretell.devices.alike import Crowd  # noqa: PLC0415 - loads NumPy

    counts = (device[key] for key in ("n_machines", "n_machines_low", "n_machines_high"))
    likely, low, high = (1 if n is None else n for n in counts)
    crowd = Crowd(likely, low, high)
    return crowd.words if crowd.several else ""


def skew(device: Mapping[str, Any]) -> str:
    """`+12.3 ±0.4 ppm` of a row of the devices table; empty where unknown."""
    value, error = device["skew_ppm"], device["skew_error_ppm"]
    if not _is_known(value):
        return ""
    if not _is_known(error):
        return f"{value:+.1f} ppm"
    digits = 1 if error < 10 else 0
    return f"{value:+.{digits}f} ±{error:.{digits}f} ppm"


def rate(device: Mapping[str, Any]) -> str:
    """`1000 Hz`, `994.2 Hz`; empty where unknown."""
    hz = device["clock_hz"]
    if not _is_known(hz):
        return ""
    return f"{hz:.0f} Hz" if abs(hz - round(hz)) < 0.05 else f"{hz:.1f} Hz"


def clock(device: Mapping[str, Any]) -> str:
    """Rate, skew and regime of a machine's timestamp clock in one phrase."""
    parts = (rate(device), skew(device), device["clock_regime"] or "")
    return ", ".join(part for part in parts if part)


def _is_known(number: float | None) -> TypeGuard[float]:
    return number is not None and math.isfinite(number)


def _moment(time_ns: int | None) -> datetime | None:
    if time_ns is None:
        return None
    seconds = time_ns // NS_PER_S
    if not _YEAR_LIMITS_S[0] <= seconds <= _YEAR_LIMITS_S[1]:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _no_date(time_ns: int | None) -> str:
    return "" if time_ns is None else f"{time_ns} ns"
