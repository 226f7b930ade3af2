"""Published decisions on IPv4/IPv6 siblings: what `wiretell match --siblings` is measured against.

Beverly and Berger (PAM 2015); Scheitle et al. (TMA 2017): the hand-tuned order and the decision
tree ML1; Schulz (2017), passive. Written from their descriptions. "modern" is Scheitle's order
without the comparison of raw timestamps, which random offsets make useless.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial

import numpy as np
from scipy.interpolate import LSQUnivariateSpline

from lab.baselines.sibling_series import (
    OTHER,
    SIBLING,
    UNKNOWN,
    FloatArray,
    Series,
    SiblingMethod,
    Verdict,
)

TAU_DEGREES = 1.0
BIN_S = 120.0
TRIMMED_SDS = 2.17
R2_LINEAR = 0.81
SLOPES_ALIKE = 5e-5
"""ms per s: offsets are in ms, so this is 0.05 ppm."""
FLAT_MS, LARGE_MS = 1.5, 14.0
N_PIECES = 12
N_EDGE_POINTS = 8


def beverly(a: Series, b: Series) -> Verdict:
    """Same options and an angle below tau between the lines of the offsets (in ms over s)."""
    if a.options != b.options:
        return OTHER
    found = [_offsets_ms(s) for s in (a, b)]
    if found[0] is None or found[1] is None:
        return UNKNOWN
    slopes = [float(np.polyfit(t, y, 1)[0]) for t, y in (found[0], found[1])]
    theta = math.degrees(math.atan(abs((slopes[0] - slopes[1]) / (1.0 + slopes[0] * slopes[1]))))
    return SIBLING if theta < TAU_DEGREES else OTHER


def scheitle(a: Series, b: Series, *, raw: bool = True) -> Verdict:
    """The hand-tuned order of decisions; without `raw` its third step is left out."""
    if a.hz != b.hz or min(a.hz, b.hz) < 1 or min(a.line[1], b.line[1]) < 0.9:
        return OTHER
    if a.options != b.options:
        return OTHER
    if raw and abs((a.v[0] - b.v[0]) / a.hz - (a.t[0] - b.t[0])) > 1.0:
        return OTHER
    first, second = _prepared(a), _prepared(b)
    if first is None or second is None:
        return UNKNOWN
    return _by_shape(*_paired(*first, *second))


def ml1(a: Series, b: Series) -> Verdict:
    """One decision tree: equal options, equal rate, raw timestamps within 0.2557 s."""
    if a.options != b.options or a.hz != b.hz or a.hz < 1:
        return OTHER
    off_s = abs((a.v[0] - b.v[0]) / a.hz - (a.t[0] - b.t[0]))
    return SIBLING if off_s <= 0.2557 else OTHER


def schulz(a: Series, b: Series) -> Verdict:
    """Passive: from one series the other's timestamp is foretold; then rates, R2 and options."""
    if len(a.t) < 2 or len(b.t) < 2:
        return UNKNOWN
    if b.t[0] < a.t[0]:
        a, b = b, a
    rates = a.line[0], b.line[0]
    if not all(9.0 <= rate <= 1100.0 for rate in rates):
        return OTHER
    dt = float(b.t[0] - a.t[0])
    if dt < 0.45:
        if abs(b.v[0] - a.v[0]) > 400.0:
            return OTHER
        spans = min(a.t[-1] - a.t[0], b.t[-1] - b.t[0])
        if spans > 0.25 and abs(rates[0] / rates[1] - 1.0) > 0.25:
            return OTHER
    else:
        if abs(a.v[0] + rates[0] * dt - b.v[0]) > 0.13 * dt * rates[0]:
            return OTHER
        if abs(rates[0] / rates[1] - 1.0) > 0.20 or min(a.line[1], b.line[1]) < 0.81:
            return OTHER
        if abs((b.v[0] - a.v[0]) / rates[0] - dt) > 1.0:
            return OTHER
    return SIBLING if a.options == b.options else OTHER


def _offsets_ms(s: Series) -> tuple[FloatArray, FloatArray] | None:
    """(time s, observed offset ms) from the first reading on."""
    if s.hz < 1 or len(s.t) < 3:
        return None
    t = s.t - s.t[0]
    return t, ((s.v - s.v[0]) / s.hz - t) * 1e3


@lru_cache(maxsize=4096)
def _prepared(s: Series) -> tuple[FloatArray, FloatArray] | None:
    """The least delayed reading of each bin, outliers dropped: (capture time s, offset ms)."""
    found = _offsets_ms(s)
    if found is None:
        return None
    t, y = found
    bins = (t // BIN_S).astype(np.int64)
    best = [np.flatnonzero(bins == k)[y[bins == k].argmax()] for k in np.unique(bins)]
    t, y = t[best], y[best]
    kept = np.abs(y - y.mean()) <= TRIMMED_SDS * max(float(y.std()), 1e-9)
    return (t[kept] + s.t[0], y[kept]) if kept.sum() >= 3 else None


Points = tuple[FloatArray, FloatArray]


def _paired(
    ta: FloatArray, ya: FloatArray, tb: FloatArray, yb: FloatArray
) -> tuple[Points, Points]:
    """Readings of `a` with the nearest of `b`; pairs far from the median difference are dropped."""
    right = np.clip(np.searchsorted(tb, ta), 1, len(tb) - 1)
    nearest = np.where(np.abs(tb[right - 1] - ta) <= np.abs(tb[right] - ta), right - 1, right)
    difference = ya - yb[nearest]
    off = np.abs(difference - np.median(difference))
    kept = off <= max(2.0 * 1.4826 * float(np.median(off)), 1e-6)
    return (ta[kept], ya[kept]), (tb[nearest][kept], yb[nearest][kept])


def _by_shape(first: Points, second: Points) -> Verdict:
    if len(first[0]) < 4 * N_PIECES:
        return UNKNOWN
    slopes = [_theil_sen(*points) for points in (first, second)]
    r2 = [float(np.corrcoef(*points)[0, 1] ** 2) for points in (first, second)]
    if min(r2) >= R2_LINEAR:
        if slopes[0] * slopes[1] < 0.0:
            return OTHER
        if abs(slopes[0] - slopes[1]) <= SLOPES_ALIKE:
            return SIBLING
    elif max(r2) >= R2_LINEAR and abs(r2[0] - r2[1]) > 0.2:
        return OTHER
    spans = [float(np.subtract(*np.percentile(y, [97.5, 2.5]))) for _, y in (first, second)]
    if max(spans) <= FLAT_MS:
        return UNKNOWN
    if min(spans) <= FLAT_MS and abs(spans[0] - spans[1]) > 0.47:
        return OTHER
    d85 = _spline_distance(first, second)
    if d85 is None:
        return UNKNOWN
    if min(spans) > LARGE_MS:
        return SIBLING if d85 <= 2.3 else OTHER
    return SIBLING if d85 <= 0.6 else OTHER if d85 > 4.0 else UNKNOWN


def _theil_sen(t: FloatArray, y: FloatArray) -> float:
    """Median slope of all pairs (ms/s)."""
    step = max(1, len(t) // 150)
    t, y = t[::step], y[::step]
    i, j = np.triu_indices(len(t), 1)
    apart = t[j] - t[i]
    return float(np.median((y[j] - y[i])[apart > 0.0] / apart[apart > 0.0]))


def _spline_distance(first: Points, second: Points) -> float | None:
    """85th percentile of the distance of both splines, the medians laid together (ms)."""
    curves = []
    low = max(first[0][0], second[0][0])
    high = min(first[0][-1], second[0][-1])
    if high <= low:
        return None
    for points in (first, second):
        distinct = np.concatenate([[True], np.diff(points[0]) > 0.0])
        t, y = points[0][distinct], points[1][distinct]
        knots = np.linspace(t[0], t[-1], N_PIECES + 1)[1:-1]
        try:
            spline = LSQUnivariateSpline(t, y, knots, k=3)
        except ValueError:
            return None
        curves.append(spline(np.linspace(low, high, 200)[N_EDGE_POINTS:-N_EDGE_POINTS]))
    apart = curves[0] - curves[1]
    return float(np.percentile(np.abs(apart - np.median(apart)), 85.0))


SIBLING_METHODS: dict[str, SiblingMethod] = {
    "Beverly and Berger": beverly,
    "Scheitle, hand-tuned": scheitle,
    "Scheitle, ML1": ml1,
    "Schulz, passive": schulz,
    "Scheitle, no raw timestamps": partial(scheitle, raw=False),
}
"""By name, as the bench shows them."""
