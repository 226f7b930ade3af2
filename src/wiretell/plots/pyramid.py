"""A cloud at several resolutions, so that every zoom step reads little.

The whole is counted once into cells a quarter of a pixel wide and high. A window that is large is
drawn from these cells, a small one from the points themselves, of which it then has few. A
picture is never off by more than a pixel and no point is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wiretell.plots.cloud import HIDDEN, Cloud
from wiretell.plots.grid import Counts, Window, coarser, count

FINER = 4
"""Cells of the coarse cloud in a pixel of the whole picture, along each axis."""
MANY_POINTS = 2_000_000
"""Fewer points are counted at once, without a coarse cloud."""


@dataclass(frozen=True)
class Pyramid:
    """A cloud, and a coarser one of it for large windows (None: it has few points).

    `whole` is the window of all of it; cells of the coarse cloud are `step_x` by `step_y`.
    """

    fine: Cloud
    coarse: Cloud | None
    whole: Window
    n_layers: int
    step_x: float
    step_y: float

    def count(self, window: Window, width: int, height: int) -> Counts:
        """As `grid.count`, for any window."""
        pixel_x = (window.x1 - window.x0) / width
        pixel_y = (window.y1 - window.y0) / height
        small = pixel_x < self.step_x or pixel_y < self.step_y
        cloud = self.fine if self.coarse is None or small else self.coarse
        return count(cloud, window, width, height, self.n_layers)


def pyramid(cloud: Cloud, n_layers: int, width: int = 1200, height: int = 300) -> Pyramid:
    """The cloud prepared for pictures of about that size, in pixels."""
    whole = whole_window(cloud)
    step_x = (whole.x1 - whole.x0) / (FINER * width)
    step_y = (whole.y1 - whole.y0) / (FINER * height)
    coarse = None
    if len(cloud.x) > MANY_POINTS:
        cells = coarser(cloud, whole, FINER * width, FINER * height, n_layers)
        coarse = cells if 2 * len(cells.x) < len(cloud.x) else None
    return Pyramid(cloud, coarse, whole, n_layers, step_x, step_y)


def whole_window(cloud: Cloud) -> Window:
    """The least window that all points are in; some window where there are none."""
    if not cloud.n_points:
        return Window(0, 1, 0.0, 1.0)
    seen = cloud.y if not cloud.n_missing else cloud.y[cloud.layer != HIDDEN]
    low, high = float(seen.min()), float(seen.max())
    # The highest point is within, whatever is rounded on the way to its cell.
    above = 1.0 if np.issubdtype(seen.dtype, np.integer) else 1e-5 * (high - low) + 1e-6
    return Window(int(cloud.x[0]), int(cloud.x[-1]) + 1, low, high + above)
