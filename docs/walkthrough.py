"""The pictures of docs/explore.md: `.venv/bin/python docs/walkthrough.py`, after `make test`.

Simulates the capture of the tutorial, does each of its steps in Chromium and by the command line
beside it, and writes the pictures into `docs/images`. Not run by the tests.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1280, 1080
LOOK_MS = 2500
"""The page is settled when it looks the same so long after an action changed it."""
MOST_LOOKS = 80
SIMULATE = ["-m", "lab.sim", "--preset", "walkthrough", "--seconds", "600", "--seed", "7"]
SENT = ("walk.pcapng", "--address", "203.0.113.7")
COMMANDS = (
    ("devices", "walk.pcapng"),
    ("plot", "ip_id_no_ts", *SENT),
    ("plot", "ip_id_no_ts", *SENT, "--highlight", "dst"),
    ("plot", "clock_offset", *SENT, "--highlight", "dst"),
    ("plot", "src_port", *SENT, "--where", "syn and dst_port < 6881", "--highlight", "dst"),
    ("plot", "ip_id", *SENT, "--where", "dst_port < 6881", "--highlight", "user_agent"),
    ("plot", "tsval", "walk", "--where", 'device = "203.0.113.7#4" and dst_port < 6881'),
)
"""One for each step of the tutorial; `walk` is the report saved by `explore --save walk`."""


def main() -> int:
    """Writes a picture for each step."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("chromium is not installed", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name, sync_playwright() as engine:
        folder = Path(name)
        capture = str(folder / "walk.pcapng")
        subprocess.run([sys.executable, *SIMULATE, "-o", capture], check=True, cwd=ROOT)
        server = subprocess.Popen(
            [sys.executable, "-m", "wiretell", "explore", "walk.pcapng", "--save", "walk",
             "--no-browser", "-q", "--seconds", "900"],
            cwd=folder, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            browser = engine.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            context = browser.new_context(
                viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light"
            )
            _walk(context.new_page(), url)
            browser.close()
        finally:
            server.terminate()
            server.wait()
        for words in COMMANDS:
            print("$ wiretell", *words)
            subprocess.run([sys.executable, "-m", "wiretell", *words, "-q"], check=True, cwd=folder)
    return 0


def _walk(page: Any, url: str) -> None:
    page.set_default_timeout(120_000)
    page.goto(url)
    page.get_by_text(" behind ").first.wait_for()  # machines are told apart

    def write(name: str, text: str) -> None:
        script = "([name, text]) => { Bokeh.documents[0].get_model_by_name(name).value = text; }"
        page.evaluate(script, [name, text])

    def tick(machine: int) -> None:
        row = page.locator("#machines .slick-row").filter(
            has=page.get_by_text(f"#{machine}", exact=True)
        )
        row.locator("input[type=checkbox]").click()

    steps: tuple[Callable[[], None], ...] = (
        lambda: None,
        lambda: write("filter", 'proto = tcp and not syn_signature has "ts"'),
        lambda: write("colour", "dst"),
        lambda: write("filter", 'syn_signature has "ts"'),
        lambda: write("filter", "dst_port < 6881"),
        lambda: write("colour", "user_agent"),
        lambda: tick(4),
    )
    shot = b""
    for number, act in enumerate(steps, start=1):
        act()
        shot = _settled(page, shot)
        # In all its colours: a palette of 256 made two colours of the legend one.
        picture = Image.open(io.BytesIO(shot)).convert("RGB")
        picture.save(PICTURES / f"explore-{number}.png", optimize=True)


def _settled(page: Any, before: bytes) -> bytes:
    """The page's picture once the server has answered: other than `before`, and at rest."""
    last = before
    for _ in range(MOST_LOOKS):
        page.wait_for_timeout(LOOK_MS)
        shot = bytes(page.screenshot())
        if shot == last != before:
            return shot
        last = shot
    raise TimeoutError("the page does not come to rest")


if __name__ == "__main__":
    raise SystemExit(main())
