"""What the colours mean, as HTML."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wiretell.explore import story
from wiretell.explore.colours import Colouring


def legend(colours: Colouring, shown: NDArray[np.bool_]) -> str:
    """A chip, a label and a number for each kind that a side has which is shown."""
    counts = np.bincount(colours.kind[shown], minlength=len(colours.labels)).tolist()
    kinds = [
        (color, label, n)
        for color, label, n in zip(colours.colors, colours.labels, counts, strict=True)
        if n
    ]
    return story.render("legend", kinds=kinds)
