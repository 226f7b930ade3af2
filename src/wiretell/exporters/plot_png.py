"""A plot as PNG, drawn with NumPy and Pillow: no browser, no display, the same bytes every time.

Few points are drawn with their marks; many are counted per pixel and shaded, so that a single
packet is as sure to be seen as a crowd.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from wiretell.exporters.plot_layout import DARK, HEIGHT, LIGHT, MARK, WIDTH, Layout, Theme, layout
from wiretell.exporters.plot_marks import outline
from wiretell.plots.grid import shade, spread
from wiretell.plots.scene import Scene, mark_color

_FINER = 2
"""Drawn so much larger and reduced: smooth edges."""
_SPARSE = 0.02
"""Of all pixels: with fewer that hold points, each point is drawn larger."""


def write(
    scene: Scene, path: Path, *, size: tuple[int, int] = (WIDTH, HEIGHT), dark: bool = False
) -> None:
    """Writes the picture."""
    path.write_bytes(png(scene, size=size, dark=dark))


def png(scene: Scene, *, size: tuple[int, int] = (WIDTH, HEIGHT), dark: bool = False) -> bytes:
    """The picture as a PNG file."""
    file = io.BytesIO()
    picture(scene, size, DARK if dark else LIGHT).save(file, "PNG", optimize=scene.by_marks)
    return file.getvalue()


def picture(scene: Scene, size: tuple[int, int], theme: Theme) -> Image.Image:
    """The picture."""
    placed = layout(scene, size, text_width)
    large = Image.new("RGB", (size[0] * _FINER, size[1] * _FINER), theme.ground)
    draw = ImageDraw.Draw(large)
    _frame(draw, placed, theme)
    if scene.by_marks:
        _marks(draw, scene, placed)
    whole = large.reduce(_FINER)
    if not scene.by_marks:
        points = Image.fromarray(shaded(scene, placed.width, placed.height)[::-1], "RGBA")
        whole.paste(points, (placed.left, placed.top), points)
    return whole


def shaded(scene: Scene, width: int, height: int) -> NDArray[np.uint8]:
    """The points counted and shaded, shape (height, width, 4), the lowest y first."""
    counts = scene.counts(width, height)
    n_filled = int(np.count_nonzero(counts.any(axis=0)))
    grown = spread(counts, 1) if n_filled < _SPARSE * width * height else counts
    colors = [mark_color(layer.look) for layer in scene.layers]
    return shade(grown, colors, scene.order)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def text_width(text: str, size: int) -> float:
    """Pixels that a text is wide, in the letters of the picture."""
    return _font(size * _FINER).getlength(text) / _FINER


def _frame(draw: ImageDraw.ImageDraw, placed: Layout, theme: Theme) -> None:
    """Grid lines, axes, texts, legend."""
    f = _FINER
    right, bottom = placed.left + placed.width, placed.top + placed.height
    for y in placed.y_ticks:
        draw.line([(placed.left * f, y * f), (right * f, y * f)], theme.grid, f)
    for x in placed.x_ticks:
        draw.line([(x * f, placed.top * f), (x * f, bottom * f)], theme.grid, f)
    draw.line([(placed.left * f, bottom * f), (right * f, bottom * f)], theme.soft, f)
    draw.line([(placed.left * f, placed.top * f), (placed.left * f, bottom * f)], theme.soft, f)
    for label in placed.labels:
        anchor = {"left": "ls", "middle": "ms", "right": "rs"}[label.anchor]
        color = theme.soft if label.soft else theme.ink
        font = _font(label.size * f)
        draw.text((label.x * f, label.y * f), label.text, color, font, anchor=anchor)
    for entry in placed.entries:
        _mark(draw, entry.x, entry.y, entry.marker, MARK, entry.color)
        place = ((entry.x + 12) * f, entry.y * f)
        draw.text(place, entry.label, theme.ink, _font(13 * f), anchor="lm")


def _marks(draw: ImageDraw.ImageDraw, scene: Scene, placed: Layout) -> None:
    """Every point with its mark, the layer with fewest points last."""
    radius = mark_radius(scene.n_shown)
    for layer, x, y in marks(scene, placed):
        look = scene.layers[layer].look
        for at_x, at_y in zip(x.tolist(), y.tolist(), strict=True):
            _mark(draw, at_x, at_y, look.marker, radius, mark_color(look))


def mark_radius(n_points: int) -> float:
    """Pixels; smaller where points are many."""
    return 3.6 if n_points <= 1_000 else 2.6 if n_points <= 5_000 else 1.8


def marks(
    scene: Scene, placed: Layout
) -> list[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
    """Layer by layer, the lowest first: where its points are in the picture."""
    window, shown = scene.window, scene.shown
    x = placed.left + (scene.cloud.x[shown] - window.x0) / (window.x1 - window.x0) * placed.width
    share = (scene.cloud.y[shown] - window.y0) / (window.y1 - window.y0)
    y = placed.top + placed.height - share * placed.height
    layer = scene.cloud.layer[shown]
    return [(number, x[layer == number], y[layer == number]) for number in scene.order]


def _mark(
    draw: ImageDraw.ImageDraw,
    x: float,
    y: float,
    marker: str,
    radius: float,
    color: tuple[int, int, int],
) -> None:
    f = _FINER
    if marker == "circle":
        r = radius
        draw.ellipse([(x - r) * f, (y - r) * f, (x + r) * f, (y + r) * f], color)
    else:
        corners = [((x + dx) * f, (y + dy) * f) for dx, dy in outline(marker, radius)]
        draw.polygon(corners, color)
