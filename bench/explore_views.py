"""How fast the explorer's page opens and zooms: `python -m bench.explore_views CAPTURE|REPORT`.

Starts the command, opens its page in Chromium, and zooms into the time axis as a wheel does; told
are the seconds until the address is printed, until the plots are drawn, until every packet can be
drawn and machines are told apart, and of each zoom step from the change of the axis to the new
points in the browser, with the CPU seconds and the most memory of the server.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

ZOOMS = (2, 4, 8, 16, 64, 256, 1024)
"""Parts of the time that are shown, one after the other, around the middle."""
PATIENCE_MS = 300_000
_FIGURES = """() => window.Bokeh && Bokeh.documents[0]
  ? [...Bokeh.documents[0]._all_models.values()].filter(m => m.type === "Figure" && m.visible)
  : []"""
_DRAWN = f"() => ({_FIGURES})().some(m => m.renderers[0].data_source.data.x.length > 0)"
_ZOOM = f"""([share]) => {{
  const range = ({_FIGURES})()[0].x_range;
  window.whole = window.whole || [range.start, range.end];
  const [start, end] = window.whole, middle = (start + end) / 2, half = (end - start) / share / 2;
  const sources = ({_FIGURES})().map(m => m.renderers[0].data_source);
  window.answered = false;
  for (const source of sources)
    source.properties.data.change.connect(() => {{ window.answered = true; }});
  range.setv({{start: middle - half, end: middle + half}});
}}"""


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("source", nargs="+", help="captures, or a saved report")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("chromium is not installed", file=sys.stderr)
        return 1
    print(json.dumps(measure(parser.parse_args().source, chromium), indent=1))
    return 0


def measure(source: list[str], chromium: str) -> dict[str, Any]:
    """Seconds, CPU seconds and MB by what they are of."""
    told: dict[str, Any] = {}
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1080})
        page.set_default_timeout(PATIENCE_MS)
        start = time.perf_counter()
        server = subprocess.Popen(
            [sys.executable, "-m", "wiretell", "explore", *source, "--no-browser", "-q"],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            told["address_s"] = _since(start)
            page.goto(url)
            page.wait_for_function(_DRAWN)
            told["first_view_s"] = _since(start)
            told["first_view_cpu_s"] = _cpu(server.pid)
            page.get_by_text("Every packet is being read").wait_for(state="detached")
            told["every_packet_s"] = _since(start)
            page.get_by_text(" behind ").first.wait_for()
            told["judged_s"] = _since(start)
            for share in ZOOMS:
                before, cpu = time.perf_counter(), _cpu(server.pid)
                page.evaluate(_ZOOM, [share])
                page.wait_for_function("() => window.answered")
                told[f"zoom_{share}_s"] = _since(before)
                told[f"zoom_{share}_cpu_s"] = round(_cpu(server.pid) - cpu, 2)
            told["most_memory_mb"] = _most_memory(server.pid)
        finally:
            server.terminate()
            server.wait()
        browser.close()
    return told


def _since(start: float) -> float:
    return round(time.perf_counter() - start, 2)


def _cpu(pid: int) -> float:
    """User and system seconds of the server's own process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _most_memory(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


if __name__ == "__main__":
    raise SystemExit(main())
