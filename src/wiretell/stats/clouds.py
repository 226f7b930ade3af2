"""Readings of many flows' clocks side by side: one `Cloud` per flow, in flat arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wiretell.stats.line import Cloud, FloatArray, upper_hull

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Clouds:
    """What `Cloud` says, a row per flow; hulls lie one behind the other.

    `starts` (rows + 1) says where in `hull_x` and `hull_v` the hull of a row begins and ends.
    """

    n: IntArray
    sum_x: FloatArray
    sum_v: FloatArray
    sum_xx: FloatArray
    n_apart: IntArray
    hull_x: FloatArray
    hull_v: FloatArray
    starts: IntArray

    @property
    def sizes(self) -> IntArray:
        """Points of each hull."""
        return np.diff(self.starts)

    def cloud(self, row: int) -> Cloud:
        """The readings of one flow."""
        hull = slice(self.starts[row], self.starts[row + 1])
        return Cloud(
            int(self.n[row]),
            float(self.sum_x[row]),
            float(self.sum_v[row]),
            self.hull_x[hull],
            self.hull_v[hull],
            float(self.sum_xx[row]),
            int(self.n_apart[row]),
        )

    def part(self, begin: int, end: int) -> Clouds:
        """The flows from row `begin` to before `end`."""
        rows = slice(begin, end)
        first, last = int(self.starts[begin]), int(self.starts[end])
        return Clouds(
            self.n[rows],
            self.sum_x[rows],
            self.sum_v[rows],
            self.sum_xx[rows],
            self.n_apart[rows],
            self.hull_x[first:last],
            self.hull_v[first:last],
            self.starts[begin : end + 1] - first,
        )

    def by_size(self, least: int) -> Iterator[tuple[IntArray, FloatArray, FloatArray]]:
        """(rows, their hulls' x, their hulls' v) for each size of hull from `least` points on.

        The hulls have a row per flow and a column per point.
        """
        sizes = self.sizes
        for size in np.unique(sizes[sizes >= least]).tolist():
            rows = np.flatnonzero(sizes == size)
            points = self.starts[rows][:, None] + np.arange(size)
            yield rows, self.hull_x[points], self.hull_v[points]

    def spans(self) -> FloatArray:
        """Time from first to last hull point of each flow, in s; 0 for no or one point."""
        spans = np.zeros(len(self.n))
        some = np.flatnonzero(self.sizes > 1)
        spans[some] = self.hull_x[self.starts[some + 1] - 1] - self.hull_x[self.starts[some]]
        return spans

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """(slope, gap) of each flow's `bound_from_above`; zeros where there is none."""
        slope, gap = np.zeros(len(self.n)), np.zeros(len(self.n))
        for rows, x, v in self.by_size(2):
            mean_x = self.sum_x[rows] / self.n[rows]
            mean_v = self.sum_v[rows] / self.n[rows]
            edge = np.clip((x < mean_x[:, None]).sum(axis=1) - 1, 0, x.shape[1] - 2)
            each = np.arange(len(rows))
            x0, v0 = x[each, edge], v[each, edge]
            slope[rows] = (v[each, edge + 1] - v0) / (x[each, edge + 1] - x0)
            gap[rows] = v0 + slope[rows] * (mean_x - x0) - mean_v
        return slope, gap

    def merged(self, rows: IntArray, shift: FloatArray, base: FloatArray) -> Cloud:
        """Readings of several flows as one cloud, each moved by (`shift` s, `base` ticks)."""
        sizes = self.starts[rows + 1] - self.starts[rows]
        before = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        points = np.arange(int(sizes.sum())) + np.repeat(self.starts[rows] - before, sizes)
        n, sum_x = self.n[rows], self.sum_x[rows]
        hull_x, hull_v = upper_hull(
            self.hull_x[points] + np.repeat(shift, sizes),
            self.hull_v[points] + np.repeat(base, sizes),
        )
        return Cloud(
            int(n.sum()),
            float((sum_x + n * shift).sum()),
            float((self.sum_v[rows] + n * base).sum()),
            hull_x,
            hull_v,
            float((self.sum_xx[rows] + shift * (2.0 * sum_x + n * shift)).sum()),
            int(self.n_apart[rows].sum()),
        )


def clouds_of(clouds: Sequence[Cloud]) -> Clouds:
    """Single clouds side by side."""
    sizes = [len(cloud.hull_x) for cloud in clouds]
    nothing = np.zeros(0)
    return Clouds(
        np.array([cloud.n for cloud in clouds], dtype=np.int64),
        np.array([cloud.sum_x for cloud in clouds]),
        np.array([cloud.sum_v for cloud in clouds]),
        np.array([cloud.sum_xx or 0.0 for cloud in clouds]),
        np.array([cloud.n_apart for cloud in clouds], dtype=np.int64),
        np.concatenate([nothing, *(cloud.hull_x for cloud in clouds)]),
        np.concatenate([nothing, *(cloud.hull_v for cloud in clouds)]),
        np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64),
    )
