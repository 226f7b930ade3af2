"""How much longer must a clock be watched for its rate to be known so well?

The error of a rate falls with the time watched: `joint_rate` models it as the least delay of n
readings over the time they span. Going on at the same pace, n grows with the time, so readings
with one offset gain twice, while flows that each have an offset of their own gain only by their
number (fourfold the flows, half the error). The error found now is taken as the model's
error times a factor that stays.
"""

from __future__ import annotations

import math

MOST_LONGER = 1e4
"""Times the time watched so far; more is no advice."""
_ROUNDS = 80


def model_error(span_s: float, n: float, tick_s: float, delay_s: float) -> float:
    """Relative error of a rate: n readings over a span, ticks, and mean exponential delays."""
    mean = max(delay_s, 0.1 * tick_s)
    return ((tick_s + mean) / n + math.sqrt(2.0 * tick_s * mean / n)) / span_s


def further_s(
    error: float,
    wanted: float,
    span_s: float,
    n: float,
    tick_s: float,
    delay_s: float,
    *,
    one_offset: bool,
) -> float | None:
    """Seconds to go on for the standard error `wanted` (as `error`, any unit); 0: reached.

    None where nothing can be said: no error or span yet, or far too long.
    """
    if not math.isfinite(error) or span_s <= 0.0 or n <= 0 or wanted <= 0.0:
        return None
    if error <= wanted:
        return 0.0
    if not one_offset:
        longer = (error / wanted) ** 2
    else:
        now = model_error(span_s, n, tick_s, delay_s)
        low, high = 1.0, MOST_LONGER
        for _ in range(_ROUNDS):
            middle = math.sqrt(low * high)
            then = model_error(span_s * middle, n * middle, tick_s, delay_s)
            low, high = (middle, high) if error * then / now > wanted else (low, middle)
        longer = high
    return span_s * (longer - 1.0) if longer < 0.99 * MOST_LONGER else None
