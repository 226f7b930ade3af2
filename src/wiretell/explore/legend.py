"""What the colours mean, as HTML."""

from __future__ import annotations

from wiretell.explore import story
from wiretell.explore.colours import Colouring


def legend(colours: Colouring) -> str:
    """A chip, a label and a number for each kind that a flow side has."""
    kinds = [
        (color, label, n)
        for color, label, n in zip(colours.colors, colours.labels, colours.counts, strict=True)
        if n
    ]
    return story.render("legend", kinds=kinds)
