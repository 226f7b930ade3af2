"""Outlines of marks: what tells points apart where colours do not."""

from __future__ import annotations

import math
from functools import cache

_SQUARE, _WIDE = 0.89, 1.2


@cache
def outline(marker: str, radius: float) -> tuple[tuple[float, float], ...]:
    """Corners of the mark around (0, 0), y downwards; circles have many."""
    r = radius
    if marker == "triangle":
        return _star(3, r * _WIDE, r * _WIDE, -90)
    if marker == "inverted_triangle":
        return _star(3, r * _WIDE, r * _WIDE, 90)
    if marker == "square":
        return tuple(
            (x * r * _SQUARE, y * r * _SQUARE) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        )
    if marker == "diamond":
        return ((0, -r * _WIDE), (r * 0.9, 0), (0, r * _WIDE), (-r * 0.9, 0))
    if marker == "hex":
        return _star(6, r, r, 0)
    if marker == "star":
        return _star(5, r * _WIDE, r * 0.5, -90, points=True)
    if marker == "x":
        thin = r * 0.35
        return tuple(_turned(x, y, turn) for x, y, turn in _cross(r, thin))
    return _star(12, r, r, 0)


def _cross(r: float, thin: float) -> list[tuple[float, float, int]]:
    """A quarter of a diagonal cross, four times."""
    return [
        (x, y, turn) for turn in range(4) for x, y in ((thin, 0.0), (r, r - thin), (r - thin, r))
    ]


def _turned(x: float, y: float, quarters: int) -> tuple[float, float]:
    for _ in range(quarters):
        x, y = -y, x
    return x, y


def _star(
    n: int, outer: float, inner: float, start: float, *, points: bool = False
) -> tuple[tuple[float, float], ...]:
    steps = 2 * n if points else n
    return tuple(
        (
            (outer if not points or at % 2 == 0 else inner) * math.cos(angle),
            (outer if not points or at % 2 == 0 else inner) * math.sin(angle),
        )
        for at in range(steps)
        for angle in (math.radians(start + 360 * at / steps),)
    )
