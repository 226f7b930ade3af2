"""What published methods of finding IPv4/IPv6 siblings are given: one address's timestamps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

Verdict = Literal["sibling", "other", "unknown"]
SIBLING: Verdict = "sibling"
OTHER: Verdict = "other"
UNKNOWN: Verdict = "unknown"


@dataclass(frozen=True, eq=False)
class Series:
    """Timestamps that one address sent: `t` in s (capture), `v` in ticks, unwrapped.

    `options` is the commonest order of options of its SYN/ACKs (else SYNs), with the scale.
    """

    address: str
    t: FloatArray
    v: FloatArray
    options: str

    @cached_property
    def line(self) -> tuple[float, float]:
        """(ticks per second by least squares, R squared)."""
        if len(self.t) < 3 or self.t[-1] <= self.t[0]:
            return 0.0, 0.0
        x, y = self.t - self.t.mean(), self.v - self.v.mean()
        sxx, syy, sxy = float(x @ x), float(y @ y), float(x @ y)
        if syy == 0.0:
            return 0.0, 0.0
        return sxy / sxx, sxy**2 / (sxx * syy)

    @property
    def hz(self) -> int:
        """The rate, rounded to the nearest whole number, after Kohno."""
        return round(self.line[0])


SiblingMethod = Callable[[Series, Series], Verdict]
"""IPv4 series, IPv6 series -> are they one machine?"""


def series_of(packets: pl.DataFrame) -> Mapping[str, Series]:
    """One series per address that sent TCP timestamps; `packets` as `PACKETS`."""
    sent = packets.filter((pl.col("proto") == 6) & pl.col("tsval").is_not_null())
    found: dict[str, Series] = {}
    for (address,), own in sent.group_by(["src"], maintain_order=True):
        t = own["time_ns"].cast(pl.Float64).to_numpy() / 1e9
        steps = np.diff(own["tsval"].cast(pl.Int64).to_numpy())
        steps = (steps + 2**31) % 2**32 - 2**31
        v = np.concatenate([[0], np.cumsum(steps)]) + float(own["tsval"][0] or 0)
        syn = own.filter((pl.col("flags") & 2) > 0)
        texts = (syn if syn.height else own).select(
            pl.format("{} {}", "options", pl.col("wscale").fill_null(255))
        )
        options = str(texts.to_series().mode().sort()[0])
        found[str(address)] = Series(str(address), t, v.astype(np.float64), options)
    return found
