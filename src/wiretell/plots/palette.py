"""Colours and marks of machines, told apart by colour-blind people too.

Colours after Okabe and Ito, "Color Universal Design" (2008), but for their yellow and black,
which vanish on white or on black; their blue is a little lighter for the same
reason. Past the last colour the mark changes.
"""

from __future__ import annotations

from typing import NamedTuple

COLORS = ("#1f83c4", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#8f8f2f")
MARKERS = ("circle", "triangle", "square", "diamond", "inverted_triangle", "hex", "star")


class Look(NamedTuple):
    """How a machine's points are drawn."""

    color: str
    marker: str


UNASSIGNED = Look("#8a9099", "x")
"""Points that no machine was found for."""


def look(index: int) -> Look:
    """The look of the machine at that place, from 0; it repeats after all pairs are used."""
    marker = MARKERS[index // len(COLORS) % len(MARKERS)]
    return Look(COLORS[index % len(COLORS)], marker)
