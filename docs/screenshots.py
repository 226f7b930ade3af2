"""The picture of the README: `.venv/bin/python docs/screenshots.py`, after `make test`.

Judges the example office and has Chromium draw its HTML page, light and 1280 wide, into
`docs/images/office.png`. Needs chromium on the PATH. Not run by the tests.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

import wiretell
from wiretell.exporter import Options
from wiretell.exporters import html

ROOT = Path(__file__).resolve().parents[1]
CAPTURE = "examples/office.pcap.zst"
PICTURE = ROOT / "docs" / "images" / "office.png"
WIDTH, TALL = 1280, 2600
"""Of the window: all that is shown fits, so that no plot is drawn again for the picture."""
MARGIN = 24
N_COLORS = 160
"""The page has few; so many make a picture a third of the size."""


def main() -> int:
    """Writes the picture: the page down to the end of its first address."""
    os.chdir(ROOT)  # the page names the capture by the path it was given
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("chromium is not installed", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as engine:
        page_file = Path(folder) / "office.html"
        html.write(wiretell.analyze(CAPTURE), page_file, Options())
        browser = engine.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": TALL}, color_scheme="light")
        page.goto(page_file.as_uri())
        page.locator(".bk-Figure").first.wait_for()
        page.wait_for_timeout(1000)  # the plots' canvases are drawn after they appear
        section = page.locator("section").first.bounding_box()
        height = section["y"] + section["height"] + MARGIN if section else TALL
        shot = page.screenshot()
        browser.close()
    picture = Image.open(io.BytesIO(shot)).convert("RGB").crop((0, 0, WIDTH, int(height)))
    picture.quantize(N_COLORS, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
