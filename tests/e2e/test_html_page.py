"""The page in a real browser: plots drawn, nothing loaded, hostile texts stay texts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fixtures.report import HOSTILE, NAT, make_report

from wiretell.exporter import Options
from wiretell.exporters import html
from wiretell.exporters.escape import visible

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed (pip install playwright)"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

N_PLOTS = 5  # four of the address with five machines, one (no samples) of the single machine
INK_OF_EACH_FIGURE = """() => {
  const figures = [];
  const walk = (node) => {
    if (node.shadowRoot) walk(node.shadowRoot);
    for (const child of node.children) {
      if (child.classList.contains("bk-Figure")) figures.push(child);
      walk(child);
    }
  };
  walk(document.body);
  const canvases = (node) => [
    ...(node.tagName === "CANVAS" ? [node] : []),
    ...(node.shadowRoot ? canvases(node.shadowRoot) : []),
    ...[...node.children].flatMap(canvases),
  ];
  return figures.map((figure) => {
    const colours = new Set();
    for (const canvas of canvases(figure)) {
      if (!canvas.width || !canvas.height) continue;
      const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      for (let i = 0; i < pixels.length; i += 4)
        if (pixels[i + 3] > 200) colours.add(pixels[i] << 16 | pixels[i + 1] << 8 | pixels[i + 2]);
    }
    return colours.size;
  });
}"""

PLACE_OF_COLOUR = """(figure, [red, green, blue]) => {
  const canvases = (node) => [
    ...(node.tagName === "CANVAS" ? [node] : []),
    ...(node.shadowRoot ? canvases(node.shadowRoot) : []),
    ...[...node.children].flatMap(canvases),
  ];
  const near = (a, b) => Math.abs(a - b) < 12;
  for (const canvas of canvases(figure)) {
    const box = canvas.getBoundingClientRect();
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    for (let i = 0; i < pixels.length; i += 4)
      if (pixels[i + 3] > 200 && near(pixels[i], red) && near(pixels[i + 1], green)
          && near(pixels[i + 2], blue)) {
        const place = i / 4;
        const scale = box.width / canvas.width;
        return [box.x + (place % canvas.width) * scale + 2,
                box.y + Math.floor(place / canvas.width) * scale + 2];
      }
  }
  return null;
}"""

DRIFT = """() => {
  const plot = Bokeh.documents[0].roots()[0].children.find(p => p.title.text == "Clock drift");
  const labels = plot.center.find(part => part.type == "LabelSet").source.data;
  const slopes = plot.renderers.filter(r => r.glyph.type == "Line").map(r => r.data_source.data)
    .map(({x, y}) => 1e6 * (y[1] - y[0]) / (x[1] - x[0]));
  const view = Bokeh.index.get_by_id(Bokeh.documents[0].roots()[0].id)
    .child_views.find(v => v.model == plot);
  const place = Array.from(labels.y).map(y => view.frame.y_scale.compute(y));
  return [Array.from(labels.text), slopes, place];
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """An open page, and what went wrong on it."""

    def __init__(self, browser: Any, url: str, width: int, scheme: str) -> None:
        self.troubles: list[str] = []
        self.requests: list[str] = []
        context = browser.new_context(
            viewport={"width": width, "height": 1000}, color_scheme=scheme
        )
        self.page = context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("dialog", self._dialog)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.set_default_timeout(120_000)
        self.page.goto(url)
        self.page.locator(".bk-Figure").last.wait_for(state="attached")
        self.page.wait_for_timeout(500)

    def _heard(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.troubles.append(message.text)

    def _dialog(self, dialog: Any) -> None:
        self.troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "page.html"
    html.write(make_report(), path, Options())
    return path.as_uri()


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1920, "dark")], ids=["1280-light", "1920-dark"]
)
def test_every_plot_is_drawn_and_nothing_is_loaded(
    browser: Any, url: str, width: int, scheme: str
) -> None:
    visit = Visit(browser, url, width, scheme)
    ink = visit.page.evaluate(INK_OF_EACH_FIGURE)
    assert len(ink) == N_PLOTS
    assert all(n_colours > 3 for n_colours in ink), ink
    assert visit.troubles == []
    assert [
        request for request in visit.requests if not request.startswith(("data:", "blob:"))
    ] == [url]
    overflow = visit.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0
    if folder := os.environ.get("WIRETELL_SCREENSHOTS"):
        visit.page.screenshot(path=Path(folder) / f"page-{width}-{scheme}.png", full_page=True)


def test_hostile_texts_stay_text(browser: Any, url: str) -> None:
    visit = Visit(browser, url, 1280, "light")
    text = visit.page.inner_text("body")
    for hostile in HOSTILE:
        assert visible(hostile)[:60] in text
    assert visit.page.locator("img").count() == 0
    assert visit.page.evaluate("[...document.scripts].every(s => s.type || s.text.length > 0)")
    assert visit.troubles == []


def test_a_pointer_shows_the_user_agent_as_text(browser: Any, url: str) -> None:
    visit = Visit(browser, url, 1280, "light")
    figure = visit.page.locator(".bk-Figure").nth(2)  # TSval
    figure.scroll_into_view_if_needed()
    x, y = figure.evaluate(PLACE_OF_COLOUR, [0x1F, 0x83, 0xC4])
    visit.page.mouse.move(x, y)
    visit.page.locator(".bk-Tooltip").first.wait_for()
    shown = "tips => tips.map(tip => (tip.shadowRoot ?? tip).textContent).join()"
    seen = visit.page.locator(".bk-Tooltip").evaluate_all(shown)
    assert "#1 Android 9" in seen
    assert "</script><script>alert(1)" in seen
    assert visit.page.locator(".bk-Tooltip img").count() == 0
    assert visit.troubles == []


def test_a_click_on_a_name_fades_the_machine_in_every_plot(browser: Any, url: str) -> None:
    visit = Visit(browser, url, 1280, "light")
    muted = (
        "() => Bokeh.documents[0].roots()[0].children"
        ".map(p => p.renderers.filter(r => r.muted).length)"
    )
    assert visit.page.evaluate(muted) == [0, 0, 0, 0]
    visit.page.locator(".bk-Legend").first.click(position={"x": 30, "y": 8})
    assert visit.page.evaluate(muted) == [1, 2, 1, 1]  # of the drift: points and slope
    assert visit.troubles == []


def test_the_drift_plot_shows_the_slope_of_each_clock(browser: Any, url: str) -> None:
    visit = Visit(browser, url, 1280, "light")
    labels, slopes, place = visit.page.evaluate(DRIFT)
    assert labels == ["#1 +12.3 ppm", "#3 +37.0 ppm", "#4 +49.4 ppm", "#5 +61.7 ppm"]
    assert slopes == pytest.approx([12.34, 37.02, 49.36, 61.7], rel=1e-6)
    assert place == sorted(place, reverse=True)  # the steeper, the higher on the screen
    assert min(above - below for above, below in pairwise(place)) > 12
    visit.page.locator(".bk-Figure").nth(1).scroll_into_view_if_needed()
    figure = visit.page.locator(".bk-Figure").nth(1)
    for colour in ([0x1F, 0x83, 0xC4], [0x00, 0x9E, 0x73], [0xD5, 0x5E, 0x00]):
        assert figure.evaluate(PLACE_OF_COLOUR, colour)


def test_the_address_is_the_heading(browser: Any, url: str) -> None:
    visit = Visit(browser, url, 1280, "light")
    heading = visit.page.locator("section h2").first.inner_text()
    assert NAT in heading
    assert "5 machines (90 %: 5-6)" in heading
