"""Where the parts of a plot's picture are, in pixels: the same for PNG and SVG."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wiretell.exporters.escape import shortened, visible
from wiretell.plots.scene import Scene, mark_color
from wiretell.plots.ticks import clock_time, grouped

WIDTH, HEIGHT = 1200, 520
LEAST, MOST = 200, 8000
"""Pixels of a picture's side."""
TEXT, TITLE = 13, 16
"""Sizes of letters."""
PAD, TICK, MARK = 14, 5, 6
MAX_LABEL = 44
_LEGEND_ROW = 21


@dataclass(frozen=True)
class Theme:
    """Colours of what is not a point, as red, green and blue."""

    ground: tuple[int, int, int]
    ink: tuple[int, int, int]
    soft: tuple[int, int, int]
    grid: tuple[int, int, int]


LIGHT = Theme((255, 255, 255), (32, 36, 42), (92, 99, 108), (230, 233, 236))
DARK = Theme((22, 25, 29), (232, 235, 238), (160, 168, 176), (48, 53, 60))


@dataclass(frozen=True)
class Label:
    """A line of text; `anchor` is the part of it that is at (x, y): left, middle, right."""

    x: float
    y: float
    text: str
    anchor: str = "left"
    size: int = TEXT
    soft: bool = False


@dataclass(frozen=True)
class Entry:
    """A line of the legend: the mark's middle, its colour and form."""

    x: float
    y: float
    color: tuple[int, int, int]
    marker: str
    label: str


@dataclass(frozen=True)
class Layout:
    """Everything but the points. Points are drawn within left, top, width, height."""

    size: tuple[int, int]
    left: int
    top: int
    width: int
    height: int
    labels: tuple[Label, ...]
    entries: tuple[Entry, ...]
    x_ticks: tuple[float, ...]
    y_ticks: tuple[float, ...]


def short_label(text: str) -> str:
    """A label made visible, at most `MAX_LABEL` characters: User-Agents differ at their ends."""
    shown = visible(text)
    if len(shown) <= MAX_LABEL:
        return shown
    tail = 2 * MAX_LABEL // 3
    return f"{shown[: MAX_LABEL - tail - 1]}…{shown[-tail:]}"


def layout(scene: Scene, size: tuple[int, int], text_width: Callable[[str, int], float]) -> Layout:
    """Places all parts; `text_width` measures a text of a size of letters."""
    width, height = size
    entries, legend_height = _legend(scene, width, text_width)
    remarks = [shortened(visible(text), 200) for text in (*scene.filters, *scene.remarks)]
    top = PAD + TITLE + 10 + legend_height + 6
    bottom = height - PAD - 17 * (2 + len(remarks))
    inner_height = max(bottom - top, 20)
    # An empty plot says why; ticks of a range that nothing has would mislead.
    y_ticks = [] if scene.why_empty else scene.y_ticks(max(2, inner_height // 45))
    widest = max((text_width(tick.label, TEXT) for tick in y_ticks), default=0.0)
    left = round(PAD + TEXT + 10 + widest + TICK + 4)
    inner_width = max(width - left - PAD - 6, 20)
    x_ticks = [] if scene.why_empty else scene.x_ticks(max(2, inner_width // 110))
    window = scene.window

    def across(place: float) -> float:
        return left + (place - window.x0) / (window.x1 - window.x0) * inner_width

    def up(place: float) -> float:
        share = (place - window.y0) / (window.y1 - window.y0)
        return top + inner_height - share * inner_height

    labels = [Label(PAD, PAD + TITLE - 2, visible(scene.title), size=TITLE)]
    below = top + inner_height + TICK + TEXT + 2
    for tick in x_ticks:
        half = text_width(tick.label, TEXT) / 2
        middle = min(max(across(tick.place), left + half - PAD), width - half - 2)
        labels.append(Label(middle, below, tick.label, "middle", soft=True))
    labels += [
        Label(left - TICK - 4, up(tick.place) + 4, tick.label, "right", soft=True)
        for tick in y_ticks
    ]
    if scene.why_empty:
        why = shortened(scene.why_empty, max(inner_width // 7, 8))
        labels.append(Label(left + inner_width / 2, top + inner_height / 2, why, "middle"))
    labels.append(Label(width - PAD, below + 18, _x_title(scene), "right", soft=True))
    labels += [
        Label(PAD, below + 18 + 17 * number, text, soft=True)
        for number, text in enumerate([_counts(scene), *remarks])
    ]
    return Layout(
        size,
        left,
        top,
        inner_width,
        inner_height,
        tuple(labels),
        entries,
        tuple(across(tick.place) for tick in x_ticks),
        tuple(up(tick.place) for tick in y_ticks),
    )


def _x_title(scene: Scene) -> str:
    if scene.axis == "packet":
        return "packet number"
    first = scene.first_x
    if first is None:
        return "time (UTC)"
    return f"time (UTC), from {clock_time(first)[:19]}"


def _counts(scene: Scene) -> str:
    n = scene.n_shown
    return f"{grouped(n)} packet{'' if n == 1 else 's'}"


def _legend(
    scene: Scene, width: int, text_width: Callable[[str, int], float]
) -> tuple[tuple[Entry, ...], int]:
    """Entries in rows, and the height of all rows; a single layer needs none."""
    shown = [number for number in range(len(scene.layers)) if scene.totals[number]]
    if len(scene.layers) < 2:
        return (), 0
    x, row = float(PAD), 0
    entries: list[Entry] = []
    for number in shown:
        layer = scene.layers[number]
        total = grouped(int(scene.totals[number]))
        label = f"{short_label(layer.label)}  {total}"
        needed = 18 + text_width(label, TEXT) + 20
        if entries and x + needed > width - PAD:
            x, row = float(PAD), row + 1
        middle = PAD + TITLE + 10 + _LEGEND_ROW * row + _LEGEND_ROW / 2
        marker = layer.look.marker if scene.by_marks else "circle"  # pixels have no marks
        entries.append(Entry(x + 6, middle, mark_color(layer.look), marker, label))
        x += needed
    return tuple(entries), _LEGEND_ROW * (row + 1) if entries else 0
