"""A plot as SVG: axes and texts are lines and letters, few points are shapes, many a picture."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path

from PIL import Image

from wiretell.exporters.plot_layout import (
    DARK,
    HEIGHT,
    LIGHT,
    MARK,
    TEXT,
    WIDTH,
    Layout,
    Theme,
    layout,
)
from wiretell.exporters.plot_marks import outline
from wiretell.exporters.plot_png import mark_radius, marks, shaded, text_width
from wiretell.plots.scene import Scene, mark_color

_ANCHOR = {"left": "start", "middle": "middle", "right": "end"}
_LETTERS = "font-family='Inter, Helvetica, Arial, sans-serif'"


def write(
    scene: Scene, path: Path, *, size: tuple[int, int] = (WIDTH, HEIGHT), dark: bool = False
) -> None:
    """Writes the drawing."""
    path.write_text(svg(scene, size=size, dark=dark), encoding="utf-8")


def svg(scene: Scene, *, size: tuple[int, int] = (WIDTH, HEIGHT), dark: bool = False) -> str:
    """The drawing as an SVG document; it loads nothing and runs nothing."""
    theme = DARK if dark else LIGHT
    placed = layout(scene, size, text_width)
    width, height = size
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}'"
        f" viewBox='0 0 {width} {height}' role='img' {_LETTERS}>",
        f"<title>{_text(scene.title)}</title>",
        f"<rect width='{width}' height='{height}' fill='{_rgb(theme.ground)}'/>",
        *_lines(placed, theme),
        *(_points(scene, placed) if scene.by_marks else [_picture(scene, placed)]),
        *_texts(placed, theme),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _lines(placed: Layout, theme: Theme) -> list[str]:
    right, bottom = placed.left + placed.width, placed.top + placed.height
    grid = [f"M{placed.left} {_n(y)}H{right}" for y in placed.y_ticks]
    grid += [f"M{_n(x)} {placed.top}V{bottom}" for x in placed.x_ticks]
    axes = f"M{placed.left} {placed.top}V{bottom}H{right}"
    return [
        f"<path d='{''.join(grid)}' stroke='{_rgb(theme.grid)}' fill='none'/>",
        f"<path d='{axes}' stroke='{_rgb(theme.soft)}' fill='none'/>",
    ]


def _texts(placed: Layout, theme: Theme) -> list[str]:
    found = [
        f"<text x='{_n(label.x)}' y='{_n(label.y)}' font-size='{label.size}'"
        f" text-anchor='{_ANCHOR[label.anchor]}'"
        f" fill='{_rgb(theme.soft if label.soft else theme.ink)}'>{_text(label.text)}</text>"
        for label in placed.labels
    ]
    for entry in placed.entries:
        found.append(
            f"<path d='{_shape(entry.marker, MARK, entry.x, entry.y)}' fill='{_rgb(entry.color)}'/>"
            f"<text x='{_n(entry.x + 12)}' y='{_n(entry.y + 4.5)}' font-size='{TEXT}'"
            f" fill='{_rgb(theme.ink)}'>{_text(entry.label)}</text>"
        )
    return found


def _points(scene: Scene, placed: Layout) -> list[str]:
    """A path for each layer, the one with fewest points last."""
    radius = mark_radius(scene.n_shown)
    found: list[str] = []
    for layer, xs, ys in marks(scene, placed):
        look = scene.layers[layer].look
        pairs = zip(xs.tolist(), ys.tolist(), strict=True)
        drawn = "".join(_shape(look.marker, radius, x, y) for x, y in pairs)
        found.append(f"<path fill='{_rgb(mark_color(look))}' d='{drawn}'/>")
    return found


def _picture(scene: Scene, placed: Layout) -> str:
    file = io.BytesIO()
    points = shaded(scene, placed.width, placed.height)[::-1]
    Image.fromarray(points, "RGBA").save(file, "PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    return (
        f"<image x='{placed.left}' y='{placed.top}' width='{placed.width}'"
        f" height='{placed.height}' href='data:image/png;base64,{data}'/>"
    )


def _shape(marker: str, radius: float, x: float, y: float) -> str:
    if marker == "circle":
        r, across = _n(radius), _n(2 * radius)
        arc = f"a{r} {r} 0 1 0 "
        return f"M{_n(x - radius)} {_n(y)}{arc}{across} 0{arc}-{across} 0z"
    corners = "L".join(f"{_n(x + dx)} {_n(y + dy)}" for dx, dy in outline(marker, radius))
    return f"M{corners}z"


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _rgb(color: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def _text(text: str) -> str:
    return escape(text, quote=True)
