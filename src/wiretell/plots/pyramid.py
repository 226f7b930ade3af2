"""A cloud at two resolutions, so that zoom steps read little.

The whole is counted once into cells a quarter of a pixel wide and high. From then on a window
that is large is drawn from these cells, a small one from the points themselves, of which it then
has few. A picture is never off by more than a pixel and no point is left out.
"""

from __future__ import annotations

import numpy as np

from wiretell.plots.cloud import HIDDEN, Cloud
from wiretell.plots.grid import Counts, Window, clamped, coarser, count

FINER = 4
"""Cells of the coarse cloud in a pixel of the whole picture, along each axis."""
MANY_POINTS = 2_000_000
"""Fewer points are counted at once, without a coarse cloud."""


class Pyramid:
    """A cloud and, once prepared, a coarser one of it for large windows.

    `whole` is the window of all points; `width` and `height` are about the pixels of pictures.
    """

    def __init__(self, cloud: Cloud, n_layers: int, width: int = 1200, height: int = 300) -> None:
        self.fine = cloud
        self.coarse: Cloud | None = None
        self.whole = whole_window(cloud)
        self._n_layers = n_layers
        self._size = FINER * width, FINER * height
        self._step_x = (self.whole.x1 - self.whole.x0) / self._size[0]
        self._step_y = (self.whole.y1 - self.whole.y0) / self._size[1]

    def prepare(self) -> None:
        """Makes the coarse cloud, where there are so many points that it pays.

        One picture alone needs none: it costs as much as three of them.
        """
        if self.coarse is None and len(self.fine.x) > MANY_POINTS:
            cells = coarser(self.fine, self.whole, *self._size, self._n_layers)
            self.coarse = cells if 2 * len(cells.x) < len(self.fine.x) else None

    def count(self, window: Window, width: int, height: int) -> Counts:
        """As `grid.count`, for any window."""
        pixel_x = (window.x1 - window.x0) / width
        pixel_y = (window.y1 - window.y0) / height
        small = pixel_x < self._step_x or pixel_y < self._step_y
        cloud = self.fine if self.coarse is None or small else self.coarse
        return count(cloud, window, width, height, self._n_layers)


def whole_window(cloud: Cloud) -> Window:
    """The least window that all points are in; some window where there are none."""
    if not cloud.n_points:
        return Window(0, 1, 0.0, 1.0)
    seen = cloud.y if not cloud.n_missing else cloud.y[cloud.layer != HIDDEN]
    low, high = float(seen.min()), float(seen.max())
    # The highest point is within, whatever is rounded on the way to its cell.
    above = 1.0 if np.issubdtype(seen.dtype, np.integer) else 1e-5 * (high - low) + 1e-6
    start = clamped(int(cloud.x[0]))
    return Window(start, clamped(int(cloud.x[-1]) + 1, least=start + 1), low, high + above)
