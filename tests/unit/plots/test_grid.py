"""No point is lost and none is hidden, whatever the window."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_points import cloud, random_cloud

from wiretell.plots import pyramid as pyramids
from wiretell.plots.cloud import HIDDEN
from wiretell.plots.grid import LEAST_ALPHA, Window, count, points_within, shade, spread
from wiretell.plots.pyramid import Pyramid, whole_window

START = 1_790_000_000_000_000_000
COLORS = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]


@pytest.mark.parametrize(
    ("window", "size"),
    [
        (Window(START, START + 10_000_000, 0.0, 65536.0), (50, 20)),
        (Window(START + 1_234_567, START + 1_300_000, 100.0, 900.5), (31, 7)),
        (Window(START - 5_000, START - 10, 0.0, 1.0), (10, 10)),
    ],
)
def test_counts_are_those_of_a_histogram(window: Window, size: tuple[int, int]) -> None:
    points = random_cloud(1, 20_000)
    counts = count(points, window, *size, 3)
    inside = points_within(points, window)
    assert counts.shape == (3, size[1], size[0])
    assert (
        counts.sum(axis=(1, 2)).tolist() == np.bincount(points.layer[inside], minlength=3).tolist()
    )
    across = (points.x[inside] - window.x0) / (window.x1 - window.x0)
    columns = np.histogram(across, size[0], (0, 1))[0]
    # A point on the line between two columns may fall to either.
    assert np.abs(counts.sum(axis=(0, 1)).astype(int) - columns).sum() <= 2 * size[0] / 10


def test_hidden_points_and_other_layers_are_not_counted() -> None:
    points = cloud([1, 2, 3], [5.0, 5.0, 5.0], [0, 7, HIDDEN], n_missing=1)
    assert count(points, Window(0, 10, 0.0, 10.0), 10, 10, 2).sum() == 1
    assert points.n_points == 2


def test_one_packet_is_as_sure_to_be_seen_as_a_crowd() -> None:
    crowd = np.zeros(100_000, np.int64)
    points = cloud([*crowd, 900], [*np.full(100_000, 10.0), 90.0], [*crowd, 1])
    picture = shade(count(points, Window(0, 1000, 0.0, 100.0), 100, 100, 2), COLORS)
    assert picture[90, 90].tolist() == [0, 200, 0, 255]
    assert picture[10, 0, 3] == 255
    assert (picture[..., 3] > 0).sum() == 2


def test_a_thin_line_over_a_crowd_stays_a_line() -> None:
    rng = np.random.default_rng(2)
    x = np.sort(rng.integers(0, 1000, 200_000))
    y = rng.uniform(0, 100, 200_000)
    line = np.arange(0, 1000, 10)
    both = np.concatenate([x, line])
    order = np.argsort(both, kind="stable")
    points = cloud(
        both[order],
        np.concatenate([y, np.full(100, 50.5)])[order],
        np.concatenate([np.zeros(200_000), np.ones(100)])[order],
    )
    picture = shade(count(points, Window(0, 1000, 0.0, 100.0), 100, 100, 2), COLORS)
    assert (picture[50, :, :3] == COLORS[1]).all()


def test_every_occupied_cell_is_drawn_strongly_enough() -> None:
    counts = count(random_cloud(3, 5_000), Window(START, START + 10_000_000, 0, 65536), 80, 60, 3)
    picture = shade(counts, COLORS)
    drawn = picture[..., 3] > 0
    assert (drawn == counts.any(axis=0)).all()
    assert picture[drawn][:, 3].min() >= round(255 * LEAST_ALPHA)


def test_growing_points_keeps_them_and_stays_within() -> None:
    counts = count(cloud([0, 99], [0.0, 9.9]), Window(0, 100, 0.0, 10.0), 10, 10, 1)
    grown = spread(counts, 1)
    assert (grown >= counts).all()
    assert grown[0, 0, :2].tolist() == [1, 1]
    assert grown[0, 9, 8:].tolist() == [1, 1]
    assert grown[0, 5].sum() == 0


@pytest.mark.parametrize("part", [(0.0, 1.0), (0.1, 0.8), (0.3, 0.35)])
def test_a_coarser_cloud_gives_the_same_picture_to_a_pixel(
    part: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyramids, "MANY_POINTS", 1_000)
    slow = np.arange(100_000)
    points = cloud(START + slow, (slow // 50 % 65536).astype(np.uint16), slow % 2)
    made = Pyramid(points, 2, 60, 40)
    made.prepare()
    assert made.coarse is not None
    assert len(made.coarse.x) < len(points.x) / 10
    whole = whole_window(points)
    span = whole.x1 - whole.x0
    window = Window(
        whole.x0 + int(part[0] * span), whole.x0 + int(part[1] * span), whole.y0, whole.y1
    )
    exact, quick = count(points, window, 60, 40, 2), made.count(window, 60, 40)
    # A cell of the coarse cloud at the window's edge is in it or not as a whole.
    assert abs(int(exact.sum()) - int(quick.sum())) <= 2 * exact.sum() / 60
    near = spread(exact, 1)
    assert not (quick.any(axis=0) & ~near.any(axis=0)).any()
    assert not (exact.any(axis=0) & ~spread(quick, 1).any(axis=0)).any()


def test_the_whole_window_holds_every_point() -> None:
    for points in (random_cloud(4, 500), cloud([5], [1.25]), cloud([5, 6], [-1e9, 1e-9])):
        window = whole_window(points)
        assert count(points, window, 20, 20, 3).sum() == points.n_points
    assert whole_window(cloud([], [])).x1 > whole_window(cloud([], [])).x0
