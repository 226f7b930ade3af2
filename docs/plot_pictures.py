"""The pictures and the table of docs/plot.md: `.venv/bin/python docs/plot_pictures.py`.

Runs the commands of the document and writes docs/images/plot-*.png, and puts the table of
columns between its marks. A test holds the document to the columns.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

from PIL import Image

import wiretell
from wiretell.plots.columns import columns

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "plot.md"
IMAGES = ROOT / "docs" / "images"
PICTURES = {
    "plot-ip-id": ("office", "ip_id", "203.0.113.64", "device", False),
    "plot-clock-offset": ("office", "clock_offset", "203.0.113.64", "device", True),
    "plot-counters": ("counters", "ip_id", "203.0.113.82", "device", False),
    "plot-user-agent": ("office", "src_port", "203.0.113.64", "user_agent", False),
}
"""Example, column, address, highlight, whether dark."""
N_COLORS = 96
"""A picture has few; so many make it a third of the size."""
_MARKED = re.compile(r"(<!-- columns -->\n).*?(<!-- end of columns -->)", re.DOTALL)


def table() -> str:
    """The columns as a table of Markdown."""
    lines = ["| column | y | kind | what it is | also |", "|---|---|---|---|---|"]
    for name, each in columns().items():
        of_side = " (flow side)" if each.of == "side" else ""
        unit = f", {each.name.unit}" if each.name.unit else ""
        lines.append(
            f"| `{name}` | {'y' if each.axis is not None else ''} | {each.name.kind}{of_side}"
            f" | {each.name.meaning}{unit} | {', '.join(f'`{a}`' for a in each.name.aliases)} |"
        )
    return "\n".join(lines) + "\n"


def document() -> str:
    """The document with the table as it is now."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return _MARKED.sub(lambda found: found[1] + table() + found[2], text)


def main() -> int:
    """Writes the pictures and the document."""
    os.chdir(ROOT)
    DOCUMENT.write_text(document(), encoding="utf-8")
    reports: dict[str, wiretell.Report] = {}
    for picture, (example, column, address, highlight, dark) in PICTURES.items():
        if example not in reports:
            reports[example] = wiretell.analyze(f"examples/{example}.pcap.zst", points=True)
        where = f"src in ({address})"
        plot = reports[example].plot(column, where=where, highlight=highlight, dark=dark)
        drawn = Image.open(io.BytesIO(plot._repr_png_()))
        small = drawn.quantize(N_COLORS, dither=Image.Dither.NONE)
        small.save(IMAGES / f"{picture}.png", optimize=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
