"""The clock of a machine, seen from the tap, whose own clock is the time axis."""

import math
from bisect import bisect_right
from random import Random

from lab.sim.scenario import Slew
from lab.sim.stacks import Oscillator, TsOrigin

_KNOT_S = 16.0
_NTP_PULL = 0.95
"""Share of a rate error that NTP leaves standing from one knot to the next."""
_NTP_SD_PPM = 0.03


class Clock:
    """Seconds that the machine's oscillator has counted, against seconds at the tap.

    The rate is ``1 + skew_ppm / 1e6`` and wanders: a random walk on a free oscillator, a slow
    return to nought under NTP. Between knots the rate is constant. ``slews`` add to it.
    """

    def __init__(
        self,
        oscillator: Oscillator,
        skew_ppm: float,
        uptime_s: float,
        last_s: float,
        rng: Random,
        slews: tuple[Slew, ...] = (),
    ) -> None:
        self.skew_ppm = skew_ppm
        self._boot_s = -uptime_s
        self._starts = [0.0]
        self._counted = [uptime_s]
        self._rates: list[float] = []
        self._naps: list[tuple[float, float]] = []
        self._slews = slews
        wander_ppm = 0.0
        step_sd_ppm = oscillator.wander_ppm_per_sqrt_s * math.sqrt(_KNOT_S)
        while self._starts[-1] <= last_s:
            self._rates.append(1.0 + (skew_ppm + wander_ppm) * 1e-6)
            self._starts.append(self._starts[-1] + _KNOT_S)
            self._counted.append(self._counted[-1] + _KNOT_S * self._rates[-1])
            if oscillator.disciplined:
                wander_ppm = _NTP_PULL * wander_ppm + rng.gauss(0.0, _NTP_SD_PPM)
            else:
                wander_ppm += rng.gauss(0.0, step_sd_ppm)

    def _oscillations_s(self, t_s: float) -> float:
        knot = min(bisect_right(self._starts, t_s) - 1, len(self._rates) - 1)
        counted_s = self._counted[knot] + (t_s - self._starts[knot]) * self._rates[knot]
        for slew in self._slews:
            counted_s += min(max(t_s - slew.at_s, 0.0), slew.for_s) * slew.ppm * 1e-6
        return counted_s

    def restart(self, t_s: float) -> None:
        """The machine boots: it counts from nought again."""
        self._boot_s = t_s
        offset = self._oscillations_s(t_s)
        self._counted = [x - offset for x in self._counted]
        self._naps.clear()

    def stop(self, t_s: float, for_s: float) -> None:
        """The machine sleeps: what passes meanwhile is not counted (CLOCK_MONOTONIC)."""
        self._naps.append((t_s, for_s))

    def counted_s(self, t_s: float) -> float:
        """Seconds counted since boot at ``t_s`` seconds after the tap was opened."""
        slept = sum(min(t_s - at, length) for at, length in self._naps if at < t_s)
        return self._oscillations_s(t_s) - slept


def first_tick(origin: TsOrigin, hz: float, rng: Random) -> int:
    """The timestamp that a machine begins with at boot."""
    if origin == "boot_minus_300s":  # Linux starts jiffies so that they wrap after five minutes
        return (-300 * round(hz)) % 2**32
    return rng.getrandbits(30) if origin == "random_30_bit" else 0
