"""How far the rate of a free crystal moves between two readings of it.

Frequency noise of a crystal is a random walk over long times, and temperature moves it besides.
Source: an uncompensated crystal walks about 1e-8 per square root of an hour (common figure of
oscillator makers, not measured here); Kohno, Broido, claffy (2005) saw the skew of one machine
stay within some tenths of a ppm to 5 ppm over 38 days, 0.7 ppm in the mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

WALK_PPM_PER_SQRT_H = 0.01
"""Random walk of a crystal's frequency: 1e-8 per square root of an hour."""
WANDER_PPM = 0.3
"""Two readings of one clock differ by this much by temperature, however short the time between
(standard deviation of each)."""
TOGETHER_PPM = 0.05
"""Two readings of one clock at the same time over two ways differ by this much: ways drift."""
OBSERVER_PPM = 0.1
"""Two captures may be of observers whose own clocks differ: both held by NTP."""


@dataclass(frozen=True)
class DriftModel:
    """Constants of the random walk; standard deviations."""

    walk_ppm_per_sqrt_h: float = WALK_PPM_PER_SQRT_H
    wander_ppm: float = WANDER_PPM
    observer_ppm: float = OBSERVER_PPM

    def apart_ppm(
        self, gap_s: float, *, same_capture: bool = False, together: bool = False
    ) -> float:
        """Standard deviation of the change of rate over `gap_s` seconds, in ppm.

        One capture has one observer. Readings taken `together`, at the same time, share the
        wander too.
        """
        walk = self.walk_ppm_per_sqrt_h * math.sqrt(max(gap_s, 0.0) / 3600.0)
        observer = 0.0 if same_capture else self.observer_ppm
        wander = TOGETHER_PPM if same_capture and together else math.sqrt(2.0) * self.wander_ppm
        return math.sqrt(walk**2 + wander**2 + observer**2)

    def ahead_s(self, gap_s: float, error_ppm: float) -> float:
        """Standard deviation of where a clock line is `gap_s` seconds on, in seconds.

        The line's rate is known to `error_ppm`; on the way the rate wanders, and walks: the sum
        of a random walk of rate over T has the variance of walk^2 T^3 / 3.
        """
        gap_s = abs(gap_s)
        rate_ppm = math.hypot(error_ppm, self.wander_ppm)
        walked = self.walk_ppm_per_sqrt_h * math.sqrt(gap_s / 3600.0 / 3.0)
        return gap_s * math.hypot(rate_ppm, walked) * 1e-6
