"""Where an axis has ticks and what stands there."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_NS = 1_000_000_000
_MINUTE, _HOUR, _DAY = 60 * _NS, 3600 * _NS, 86_400 * _NS
_TIME_STEPS = tuple(
    [step * 10**power for power in range(9) for step in (1, 2, 5)]
    + [step * _NS for step in (1, 2, 5, 10, 15, 30)]
    + [step * _MINUTE for step in (1, 2, 5, 10, 15, 30)]
    + [step * _HOUR for step in (1, 2, 3, 6, 12)]
    + [step * _DAY for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 20_000)]
)
_FINEST = 1e-12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Tick(NamedTuple):
    """A place on an axis and its label."""

    place: float
    label: str


def number_ticks(low: float, high: float, most: int) -> list[Tick]:
    """At most about `most` ticks at round numbers within the two.

    None where numbers of 64 bits do not tell places on the axis apart.
    """
    span = high - low
    if not (span > _FINEST * max(abs(low), abs(high)) and math.isfinite(span)) or most < 1:
        return []
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((m * power for m in (1, 2, 5) if m * power >= rough), 10 * power)
    first = math.ceil(low / step)
    last = math.floor(high / step)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return [
        Tick(number * step, grouped(number * step, digits)) for number in range(first, last + 1)
    ]


def time_ticks(low_ns: int, high_ns: int, most: int) -> list[Tick]:
    """At most about `most` ticks at round times (UTC) within the two."""
    span = high_ns - low_ns
    if span <= 0 or most < 1:
        return []
    step = next((step for step in _TIME_STEPS if step * most >= span), _TIME_STEPS[-1])
    first = -(-low_ns // step)
    return [
        Tick(number * step, _time_label(number * step, step))
        for number in range(first, min(high_ns // step, first + 4 * most) + 1)
    ]


def grouped(number: float, digits: int = 0) -> str:
    """A number with spaces between thousands and so many digits behind the point."""
    text = f"{number:,.{digits}f}".replace(",", " ")
    return text.removeprefix("-") if not float(text.replace(" ", "")) else text


def clock_time(time_ns: int) -> str:
    """Date and time (UTC) to the millisecond; the number where no calendar has it."""
    try:
        moment = _EPOCH + timedelta(microseconds=time_ns // 1000)
    except OverflowError:
        return str(time_ns)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}"


def _time_label(time_ns: int, step: int) -> str:
    try:
        moment = _EPOCH + timedelta(microseconds=time_ns // 1000)
    except OverflowError:
        return str(time_ns)
    if step >= _DAY:
        return f"{moment:%Y-%m-%d}"
    if step >= _MINUTE:
        return f"{moment:%H:%M}"
    if step >= _NS:
        return f"{moment:%H:%M:%S}"
    digits = max(0, 9 - int(math.log10(step) + 1e-9))
    return f"{moment:%H:%M:%S}.{time_ns % _NS:09}"[: 9 + digits]
