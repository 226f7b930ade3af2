"""A plot on a terminal: two by four dots in each place, in Braille characters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from wiretell.exporter import Options, Target
from wiretell.exporters.console import write_lines
from wiretell.exporters.escape import visible
from wiretell.exporters.plot_layout import short_label
from wiretell.plots.scene import Scene, mark_color
from wiretell.plots.ticks import clock_time, grouped

_ROWS = 18
_DOTS = np.array([[0x40, 0x80], [0x04, 0x20], [0x02, 0x10], [0x01, 0x08]])
"""Of a Braille character, the lowest row first."""
_BLANK = 0x2800


def write(scene: Scene, target: Target, options: Options) -> None:
    """Writes the plot, as wide as `options` say, and what its colours mean."""
    write_lines(lines(scene, options.width), target, options)


def lines(scene: Scene, width: int) -> list[Text]:
    """The lines of the plot."""
    ticks = {_row(scene, tick.place): tick.label for tick in scene.y_ticks(5)}
    margin = max((len(label) for label in ticks.values()), default=0) + 1
    columns = max(width - margin - 2, 10)
    said = [Text(visible(scene.title), style="bold")]
    characters, top = _characters(scene, columns)
    if scene.why_empty:
        said.append(Text(scene.why_empty))
        return [*said, *(Text(visible(text), style="dim") for text in scene.filters)]
    for row in reversed(range(_ROWS)):
        line = Text(f"{ticks.get(row, ''):>{margin}}┤" if row in ticks else " " * margin + "│")
        for at in range(columns):
            style = _style(scene, int(top[row, at]))
            line.append(chr(_BLANK + int(characters[row, at])), style)
        said.append(line)
    said.append(Text(" " * margin + "└" + "─" * columns))
    if scene.n_shown:
        ends = (scene.window.x0, scene.window.x1)
        left, right = (
            (clock_time(end) if scene.axis == "time" else grouped(max(end, 0))) for end in ends
        )
        gap = max(1, columns - len(left) - len(right))
        said.append(Text(" " * (margin + 1) + left + " " * gap + right, style="dim"))
    for number in scene.order if len(scene.layers) > 1 else []:
        layer = scene.layers[number]
        line = Text("● ", _style(scene, number))
        line.append(f"{short_label(layer.label)}  {grouped(int(scene.totals[number]))}")
        said.append(line)
    said += [Text(visible(text), style="dim") for text in (*scene.filters, *scene.remarks)]
    return said


def _characters(scene: Scene, columns: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Dots of each place, and the layer that its colour is of (-1: none), the lowest row first."""
    counts = scene.counts(2 * columns, 4 * _ROWS)
    filled = counts.any(axis=0).reshape(_ROWS, 4, columns, 2)
    characters = (filled * _DOTS[None, :, None, :]).sum(axis=(1, 3))
    top = np.full((_ROWS, columns), -1)
    cells: NDArray[Any] = counts.reshape(len(counts), _ROWS, 4, columns, 2).max(axis=(2, 4)) > 0
    for number in scene.order:
        top[cells[number]] = number
    return characters, top


def _row(scene: Scene, place: float) -> int:
    window = scene.window
    return min(int((place - window.y0) / (window.y1 - window.y0) * _ROWS), _ROWS - 1)


def _style(scene: Scene, number: int) -> str:
    if number < 0 or len(scene.layers) < 2:
        return ""
    return "#{:02x}{:02x}{:02x}".format(*mark_color(scene.layers[number].look))
