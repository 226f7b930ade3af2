"""Points counted per cell of a picture, and the counts shaded so that single points show.

Each layer is counted on its own. Shading: every cell that holds a point is drawn with at least
`LEAST_ALPHA`; denser cells are drawn stronger by the rank of their count (as in histogram
equalisation), so that neither a crowd nor an outlier sets the scale. Where layers meet in a cell,
the one with fewer points in the picture is drawn: a thin line over a crowd stays a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiretell.plots.cloud import HIDDEN, Cloud

LEAST_ALPHA = 0.55
FURTHEST_NS = 1 << 61
"""No window goes further from 1970 (73 years): its width has to fit into 64 bits."""
_CHUNK = 1 << 15
"""Points at a time: what is made of them stays in the processor's cache."""

Counts = NDArray[np.uint32]


@dataclass(frozen=True)
class Window:
    """What a picture shows: x and y from `..0` up to, and without, `..1`.

    x is whole: ns since 1970 are more than a float holds. None goes beyond `FURTHEST_NS`.
    """

    x0: int
    x1: int
    y0: float
    y1: float


def clamped(x: int, least: int = -FURTHEST_NS) -> int:
    """`x` within `FURTHEST_NS`, not below `least`."""
    return max(least, min(x, FURTHEST_NS))


def count(cloud: Cloud, window: Window, width: int, height: int, n_layers: int) -> Counts:
    """Points per layer and cell, shape (n_layers, height, width); row 0 is the lowest y.

    Layers from `n_layers` on are not counted.
    """
    counts = np.zeros((n_layers, height, width), np.uint32)
    for start, n_columns, found in _columns(cloud, window, width, height, n_layers):
        part = found.reshape(n_columns, n_layers + 1, height + 2)[:, :n_layers, 1:-1]
        counts[:, :, start : start + n_columns] = part.transpose(1, 2, 0)
    return counts


def _columns(
    cloud: Cloud, window: Window, width: int, height: int, n_layers: int
) -> Iterator[tuple[int, int, NDArray[Any]]]:
    """Some columns of the picture at a time: number of the first, how many, and their counts
    by column, layer (one more than there are) and row (one below and one above for what lies
    outside)."""
    stride_y = height + 2
    stride_x = (n_layers + 1) * stride_y
    steps = np.linspace(0.0, float(window.x1 - window.x0), width + 1)
    edges = np.searchsorted(cloud.x, np.int64(window.x0) + np.round(steps).astype(np.int64))
    # 24 bits hold a field of 16 exactly; the wider ones need 53.
    short = cloud.y.dtype in (np.uint8, np.uint16, np.float32)
    real: type[Any] = np.float32 if short else np.float64
    scale = real(height / (window.y1 - window.y0))
    column = 0
    while column < width:
        until = int(np.searchsorted(edges, edges[column] + _CHUNK, side="right")) - 1
        until = min(max(until, column + 1), width)
        start, end = int(edges[column]), int(edges[until])
        if end > start:
            y: NDArray[Any] = cloud.y[start:end].astype(real)
            y -= real(window.y0)
            y *= scale
            y += real(1.0)
            np.clip(y, real(0.0), real(height + 1.0), out=y)
            place = y.astype(np.int64)
            layer = np.minimum(cloud.layer[start:end], n_layers).astype(np.int64)
            layer *= stride_y
            place += layer
            sizes = np.diff(edges[column : until + 1])
            place += np.repeat(np.arange(until - column) * stride_x, sizes)
            weight = None if cloud.weight is None else cloud.weight[start:end]
            found = np.bincount(place, weight, minlength=(until - column) * stride_x)
            yield column, until - column, found
        column = until


def coarser(cloud: Cloud, window: Window, width: int, height: int, n_layers: int) -> Cloud:
    """The cloud's cells that hold points, each in its middle with their number as its weight.

    For pictures that show cells smaller than a pixel it is as good as the cloud itself.
    """
    step_x = (window.x1 - window.x0) / width
    step_y = (window.y1 - window.y0) / height
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Any]] = []
    for start, _, found in _columns(cloud, window, width, height, n_layers):
        place = np.flatnonzero(found)
        above, row = np.divmod(place, height + 2)
        column, layer = np.divmod(above, n_layers + 1)
        kept = (row > 0) & (row <= height) & (layer < n_layers)
        held = (column[kept] + start, row[kept] - 1, layer[kept], found[place[kept]])
        parts.append(held)
    if not parts:
        parts = [(np.empty(0, np.int64),) * 4]
    column, row, layer, weight = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Cloud(
        np.int64(window.x0) + ((column + 0.5) * step_x).astype(np.int64),
        window.y0 + (row + 0.5) * step_y,
        np.zeros(0, np.uint32),
        layer.astype(np.uint8),
        weight=weight.astype(np.uint32),
    )


def points_within(cloud: Cloud, window: Window) -> NDArray[np.int64]:
    """Indexes into the cloud's arrays of the points in the window, ascending."""
    found = [np.flatnonzero(inside) + start for start, inside in _inside(cloud, window)]
    return np.concatenate(found) if found else np.empty(0, np.int64)


def totals_within(cloud: Cloud, window: Window) -> NDArray[np.int64]:
    """Points in the window for each layer that may be; their places would take far more memory."""
    totals = np.zeros(HIDDEN + 1, np.int64)
    for start, inside in _inside(cloud, window):
        layer = cloud.layer[start : start + len(inside)][inside]
        totals += np.bincount(layer, minlength=len(totals))
    return totals


def first_within(cloud: Cloud, window: Window) -> int | None:
    """The x of the first point in the window; None: there is none."""
    for start, inside in _inside(cloud, window):
        if inside.any():
            return int(cloud.x[start + int(np.argmax(inside))])
    return None


def _inside(cloud: Cloud, window: Window) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Some points at a time: place of the first, and for each whether it is in the window."""
    first, last = np.searchsorted(cloud.x, np.array([window.x0, window.x1], np.int64)).tolist()
    for start in range(first, last, _CHUNK):
        part = slice(start, min(start + _CHUNK, last))
        y = cloud.y[part]
        yield start, (y >= window.y0) & (y < window.y1) & (cloud.layer[part] != HIDDEN)


def shade(
    counts: Counts, colors: Sequence[tuple[int, int, int]], order: Sequence[int] | None = None
) -> NDArray[np.uint8]:
    """The picture, shape (height, width, 4): red, green, blue, alpha; nothing where no point is.

    `colors` has one for each layer; `order` names layers from the lowest to the topmost, by
    default that with the most points first.
    """
    n_layers, height, width = counts.shape
    if order is None:
        order = np.argsort(-counts.reshape(n_layers, -1).sum(axis=1), kind="stable").tolist()
    picture = np.zeros((height, width, 4), np.uint8)
    for layer in order:
        own = counts[layer]
        filled = own > 0
        if not filled.any():
            continue
        values, place = np.unique(own[filled], return_inverse=True)
        rank = np.cumsum(np.bincount(place)) / len(place)
        # One point per cell is the least, whatever its rank.
        alpha = LEAST_ALPHA + (1.0 - LEAST_ALPHA) * (rank if len(values) > 1 else np.ones(1))
        picture[filled, :3] = colors[layer]
        picture[filled, 3] = np.round(255 * alpha[place]).astype(np.uint8)
    return picture


def spread(counts: Counts, radius: int) -> Counts:
    """Each occupied cell grown to a disc of that radius, for pictures with few points."""
    if radius < 1:
        return counts
    grown = counts.copy()
    _, height, width = counts.shape
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if (dx or dy) and dx * dx + dy * dy <= (radius + 0.5) ** 2:
                to = (slice(max(dy, 0), height + min(dy, 0)), slice(max(dx, 0), width + min(dx, 0)))
                of = (
                    slice(max(-dy, 0), height + min(-dy, 0)),
                    slice(max(-dx, 0), width + min(-dx, 0)),
                )
                target = grown[:, to[0], to[1]]
                np.maximum(target, counts[:, of[0], of[1]], out=target)
    return grown
