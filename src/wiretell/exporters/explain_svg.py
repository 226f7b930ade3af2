"""The ladder of a connection as SVG: for itself (`--svg`) and inside the page.

Only text and lines, no script, nothing loaded; every text is escaped twice, as in the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from wiretell.exporter import Target, text_stream
from wiretell.exporters.escape import shortened, visible
from wiretell.exporters.explain_text import PROTOCOLS
from wiretell.exporters.ladder import Rung, end, rungs
from wiretell.exporters.templates import environment
from wiretell.findings.explain.explanation import Connection

WIDTH, PLAIN_WIDTH = 1120, 1040
"""With remarks beside the arrows, and without."""
LEFT, RIGHT = 190, 850
"""Where the lifelines stand."""
TOP = 74
PITCH = 32
PAUSE = 30
SLOPE = 9
"""How far an arrow falls on its way: time goes down."""
CHARACTER = 7.3
"""Width of a character of the label's font, pixels."""
MAX_REMARK = 34


@dataclass(frozen=True)
class Line:
    """An arrow with its place: from `x1, y1` to `x2, y2`, the label above it."""

    rung: Rung
    y: int
    x1: int
    x2: int
    label: str
    remark: str
    kind: str
    pause_y: int | None


def write(connection: Connection, target: Target) -> None:
    """Writes the drawing; the same connection gives the same bytes."""
    with text_stream(target) as stream:
        stream.write(drawing(connection))


def drawing(connection: Connection, *, links: bool = False) -> str:
    """The SVG element. With `links` each arrow leads to `#packet-N` of the page around it."""
    made, height = _placed(connection)
    width = WIDTH if any(line.remark for line in made) else PLAIN_WIDTH
    a, b = connection.parties
    style = "" if links else (files(__package__) / "ladder.css").read_text(encoding="utf-8")
    proto = PROTOCOLS.get(connection.proto, str(connection.proto))
    return (
        environment()
        .get_template("ladder.svg.jinja")
        .render(
            lines=made,
            width=width,
            height=height,
            left=LEFT,
            right=RIGHT,
            top=TOP,
            slope=SLOPE,
            ends=(shortened(end(a), 50), shortened(end(b), 50)),
            names=(a.name, b.name),
            title=f"Flow {connection.flow_id}: {end(a)} to {end(b)}, {proto}",
            style=style,
            links=links,
        )
    )


def _placed(connection: Connection) -> tuple[list[Line], int]:
    made: list[Line] = []
    y = TOP + 24
    for rung in rungs(connection):
        pause_y = None
        if rung.pause:
            pause_y = y
            y += PAUSE
        x1, x2 = (LEFT, RIGHT) if rung.side == 0 else (RIGHT, LEFT)
        fits = [label for label in rung.labels if len(label) * CHARACTER < RIGHT - LEFT - 40]
        kind = "invalid" if rung.is_invalid else "odd" if rung.is_odd else "plain"
        label = visible(fits[0] if fits else "")
        remark = shortened(visible(rung.remark), MAX_REMARK)
        made.append(Line(rung, y, x1, x2, label, remark, kind, pause_y))
        y += PITCH
    return made, y + 16
