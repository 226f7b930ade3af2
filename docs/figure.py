"""Figures of the documents: points, lines and bars on axes, as small SVG files."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

IMAGES = Path(__file__).resolve().parent / "images"
TOP, BOTTOM = 30, 44
INK, GRID = "#5c6570", "#d9dde3"
FONT = "font-size='12' font-family='Helvetica, Arial, sans-serif'"
Points = Sequence[tuple[float, float]]


@dataclass
class Figure:
    """A plot of points and lines; `scale` maps values to the axes' own (log10 or nothing)."""

    title: str
    x_words: str
    y_words: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    parts: list[str] = field(default_factory=list)
    scale: Callable[[float], float] = float
    width: int = 760
    height: int = 320
    left: int = 66
    right: int = 118

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a value is drawn."""
        (x0, x1), (y0, y1) = (tuple(map(self.scale, r)) for r in (self.x_range, self.y_range))
        across = (self.scale(x) - x0) / (x1 - x0) * (self.width - self.left - self.right)
        up = (self.scale(y) - y0) / (y1 - y0) * (self.height - TOP - BOTTOM)
        return round(self.left + across, 1), round(self.height - BOTTOM - up, 1)

    def dots(self, points: Points, color: str, radius: float = 1.6, opacity: float = 0.5) -> None:
        """Points within the axes: one path of round ends, a third of the bytes of circles."""
        inside = dict.fromkeys(
            self.place(x, y)
            for x, y in points
            if self.x_range[0] <= x <= self.x_range[1] and self.y_range[0] <= y <= self.y_range[1]
        )
        path = "".join(f"M{x:g} {y:g}h0" for x, y in inside)
        self.parts.append(
            f"<path d='{path}' stroke='{color}' stroke-opacity='{opacity}'"
            f" stroke-width='{2 * radius:g}' stroke-linecap='round'/>"
        )

    def line(self, points: Points, color: str, *, dashed: bool = False, width: float = 2) -> None:
        """Values joined."""
        path = " ".join(f"{x},{y}" for x, y in (self.place(*point) for point in points))
        dash = " stroke-dasharray='6 4'" if dashed else ""
        self.parts.append(
            f"<polyline points='{path}' fill='none' stroke='{color}' stroke-width='{width}'{dash}/>"
        )

    def bar(self, x0: float, x1: float, y: float, color: str, thickness: float = 8) -> None:
        """A bar along the x axis."""
        (a, at), (b, _) = self.place(min(x0, x1), y), self.place(max(x0, x1), y)
        self.parts.append(
            f"<rect x='{a}' y='{at - thickness / 2:g}' width='{max(b - a, 0.5):g}'"
            f" height='{thickness}' fill='{color}'/>"
        )

    def column(self, x0: float, x1: float, y: float, color: str) -> None:
        """A column that stands on the x axis."""
        (a, top), (b, foot) = self.place(x0, y), self.place(x1, self.y_range[0])
        self.parts.append(
            f"<rect x='{a}' y='{top}' width='{b - a - 0.5:g}' height='{foot - top:g}'"
            f" fill='{color}'/>"
        )

    def words(self, x: float, y: float, text: str, color: str, shift: float = 0.0) -> None:
        """A label right of a value."""
        at, up = self.place(x, y)
        self.parts.append(
            f"<text x='{at + 6}' y='{up + 4 + shift}' fill='{color}' font-weight='600'>"
            f"{escape(text)}</text>"
        )

    def drawn(self) -> list[str]:
        """Title, axes and what was drawn, without the frame of a file."""
        right, bottom = self.width - self.right, self.height - BOTTOM
        axes: list[str] = []
        for value, text in self.x_ticks:
            x, _ = self.place(value, self.y_range[0])
            axes.append(f"<path d='M{x} {TOP}V{bottom}' stroke='{GRID}'/>")
            axes.append(f"<text x='{x}' y='{bottom + 16}' text-anchor='middle'>{text}</text>")
        for value, text in self.y_ticks:
            _, y = self.place(self.x_range[0], value)
            axes.append(f"<path d='M{self.left} {y}H{right}' stroke='{GRID}'/>")
            axes.append(
                f"<text x='{self.left - 6}' y='{y + 4}' text-anchor='end'>{escape(text)}</text>"
            )
        middle = (TOP + bottom) / 2
        return [
            f"<g fill='{INK}'>",
            f"<text x='{self.left}' y='18' font-weight='600'>{escape(self.title)}</text>",
            f"<text x='{(self.left + right) / 2}' y='{self.height - 8}' text-anchor='middle'>"
            f"{escape(self.x_words)}</text>",
            f"<text x='16' y='{middle}' text-anchor='middle' transform='rotate(-90 16 {middle})'>"
            f"{escape(self.y_words)}</text>",
            *axes,
            "</g>",
            *self.parts,
        ]

    def write(self, name: str) -> None:
        """The file `docs/images/NAME.svg`."""
        sheet(name, self.title, [self], columns=1)


def sheet(name: str, title: str, figures: Sequence[Figure], columns: int = 2) -> None:
    """Figures of one size side by side, row by row, as `docs/images/NAME.svg`."""
    wide, high = figures[0].width, figures[0].height
    width, height = wide * columns, high * math.ceil(len(figures) / columns)
    body = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}'"
        f" viewBox='0 0 {width} {height}' role='img' {FONT}>",
        f"<title>{escape(title)}</title>",
        f"<rect width='{width}' height='{height}' fill='#ffffff'/>",
    ]
    for i, figure in enumerate(figures):
        across, down = i % columns * wide, i // columns * high
        body += [f"<g transform='translate({across} {down})'>", *figure.drawn(), "</g>"]
    (IMAGES / f"{name}.svg").write_text("\n".join([*body, "</svg>"]) + "\n", encoding="utf-8")


def ticks(low: float, high: float, step: float) -> list[tuple[float, str]]:
    """Round values between two ends."""
    first = math.ceil(low / step)
    return [(n * step, f"{n * step:g}") for n in range(first, math.floor(high / step) + 1)]
