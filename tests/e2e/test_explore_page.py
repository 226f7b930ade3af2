"""The explorer in a real browser: look, brush, ask, disagree, and find it saved."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures.report import HOSTILE, NAT, make_report

from wiretell.exporter import Options
from wiretell.exporters import parquet
from wiretell.exporters.escape import visible
from wiretell.model.saved import EDITS
from wiretell.sources.saved import load

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed (pip install playwright)"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

EXAMPLE = Path(__file__).parents[2] / "examples" / "single.pcap.zst"
PATIENCE_MS = 120_000
DRAWN = """(name) => {
  const find = (node) => node.name === name ? node : null;
  const models = Bokeh.documents[0]._all_models ? [...Bokeh.documents[0]._all_models.values()] : [];
  const plot = models.find(m => m.type === "Figure" && m.title.text === name);
  const source = plot.renderers[0].data_source;
  return {n: source.data.x.length, picked: source.selected.indices.length,
          bright: Array.from(source.data.alpha).filter(a => a > 0.5).length,
          colors: new Set(source.data.color).size};
}"""
TYPED = "(name) => Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name)).input_el.value"
VALUE = "(name) => Bokeh.documents[0].get_model_by_name(name).value"
PICKED = "(name) => [...Bokeh.documents[0].get_model_by_name(name).source.selected.indices]"
GRID = "Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name)).grid.getContainerNode()"
FOCUS = f"(name) => {GRID}.querySelector('[tabindex=\"0\"]').focus()"
TABLE_IN_FOCUS = f"""() => {{
  let active = document.activeElement;
  while (active && active.shadowRoot && active.shadowRoot.activeElement)
    active = active.shadowRoot.activeElement;
  return ["addresses", "devices", "flows"].find((name) => {GRID}.contains(active)) || "";
}}"""
LISTED = 'Bokeh.documents[0].get_model_by_name("flows").source.data.key.length'
CUT_OFF = f"""() => {{
  const name = "devices";
  const view = {GRID}.querySelector(".slick-viewport");
  return view.scrollWidth - view.clientWidth;
}}"""
"""By how many pixels the machines' table is wider than what is seen of it."""
LEFT = '.querySelector(".slick-viewport").scrollLeft'


GATED = """
import sys, time
from pathlib import Path
from wiretell.cli import main
from wiretell.explore import background
gate, judge = Path(sys.argv[1]), background.judge
def later(report, *, spread):
    while not gate.exists():
        time.sleep(0.05)
    if gate.read_text() == "fail":
        raise RuntimeError("<b>no</b> machines")
    return judge(report, spread=spread)
background.judge = later
main(sys.argv[2:])
"""
"""`wiretell` that tells machines apart once a file is there; "fail" in it: not at all."""


class Server:
    """A running `wiretell explore`; with `gate`, a file that machines wait for."""

    def __init__(self, *arguments: str, gate: Path | None = None) -> None:
        begin = ["-m", "wiretell"] if gate is None else ["-c", GATED, str(gate)]
        self._process = subprocess.Popen(
            [sys.executable, *begin, "explore", *arguments, "--no-browser", "-q",
             "--seconds", "600"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate()

    def interrupt(self) -> tuple[int, str]:
        """Ctrl-C: the exit code and what it said."""
        for _ in range(3):
            self._process.send_signal(signal.SIGINT)
            try:
                _, said = self._process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                continue  # A query of Polars that was running took it for itself.
            return self._process.returncode, said
        raise AssertionError("it did not end")


class Visit:
    """An open page, and what went wrong on it."""

    def __init__(self, browser: Any, url: str, *, beside: Visit | None = None) -> None:
        self.troubles: list[str] = []
        self.foreign: list[str] = []
        self.context = (
            browser.new_context(viewport={"width": 1280, "height": 1200})
            if beside is None
            else beside.context
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("dialog", self._dialog)
        self.page.on("request", self._asked)
        self.page.goto(url)
        self.cell("203.0.113.7").wait_for()

    def _heard(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.troubles.append(message.text)

    def _dialog(self, dialog: Any) -> None:
        self.troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.foreign.append(request.url)

    def cell(self, text: str) -> Any:
        return self.page.locator(".slick-cell", has_text=text).first

    def until(self, script: str, argument: Any = None) -> None:
        self.page.wait_for_function(script, arg=argument)

    def drawn(self, plot: str) -> dict[str, int]:
        return dict(self.page.evaluate(DRAWN, plot))

    def wait_drawn(self, plot: str, test: str) -> None:
        self.until(f"(name) => {{ const d = ({DRAWN})(name); return {test}; }}", plot)

    def write(self, name: str, text: str) -> None:
        script = "([name, text]) => { Bokeh.documents[0].get_model_by_name(name).value = text; }"
        self.page.evaluate(script, [name, text])

    def press(self, label: str) -> None:
        self.page.get_by_role("button", name=label).click()

    def tick(self, *machines: int) -> None:
        for machine in machines:
            row = self.page.locator("#machines .slick-row").filter(
                has=self.page.get_by_text(f"#{machine}", exact=True)
            )
            row.locator("input[type=checkbox]").click()

    def click_machine(self, machine: int) -> None:
        self.page.locator("#machines").get_by_text(f"#{machine}", exact=True).click()

    def ticked(self) -> list[str]:
        return list(
            self.page.evaluate("""() => {
          const {source} = Bokeh.documents[0].get_model_by_name("devices");
          return source.selected.indices.map(n => source.data.key[n]);
        }""")
        )

    def told(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    parquet.write(make_report(), tmp_path / "report", Options())
    return tmp_path / "report"


def test_an_analyst_looks_asks_and_disagrees(browser: Any, folder: Path) -> None:
    server = Server(str(folder))
    try:
        visit = Visit(browser, server.url)
        visit.cell(NAT).click()
        visit.wait_drawn("IP ID", "d.n > 300")
        assert visit.drawn("IP ID")["colors"] == 6
        n_all = visit.drawn("IP ID")["n"]

        visit.told("60 flows in view")
        _zoom(visit)
        visit.until(f"() => ({LISTED}) > 0 && ({LISTED}) < 60")
        visit.told(f"{visit.page.evaluate(f'() => {LISTED}')} flows in view")
        _zoom(visit, 3)
        visit.told("60 flows in view")

        _brush(visit)
        visit.wait_drawn("Source port of SYNs", "d.picked > 0 && d.picked < d.n")
        assert "tcp.port" in visit.page.evaluate(VALUE, "export")

        visit.press("Clear")
        visit.wait_drawn("IP ID", "d.picked === 0")
        typed = 'user_agent has "script"'
        visit.page.keyboard.press("/")
        visit.page.keyboard.type(typed)
        visit.page.keyboard.press("Enter")
        visit.wait_drawn("IP ID", f"d.n > 0 && d.n < {n_all}")
        assert visit.page.evaluate(VALUE, "filter") == typed  # and no completion behind it
        visit.write("filter", 'not device has "#1" and src_port > 40000')
        visit.wait_drawn("IP ID", f"d.n < {n_all}")
        visit.write("filter", "")
        visit.wait_drawn("IP ID", f"d.n === {n_all}")
        visit.write("highlight", 'user_agent has "script"')
        visit.wait_drawn("IP ID", "d.bright > 0 && d.bright < d.n")
        visit.write("filter", "usr_agent has 3")
        visit.told("user_agent")  # the message proposes the name
        visit.write("filter", "")
        visit.write("highlight", "")
        visit.write("colour", "user_agent")
        visit.told(visible(HOSTILE[0])[:40])
        visit.write("colour", "device")
        visit.wait_drawn("IP ID", "d.colors === 6")

        visit.tick(2, 4)
        visit.told("24 flows")
        visit.press("Merge")
        visit.told("merged #2 and #4")
        assert f"{NAT}#4" not in load(folder).devices["device"].to_list()
        visit.press("Undo")
        visit.told("1 edit undone")
        assert f"{NAT}#4" in load(folder).devices["device"].to_list()
        visit.write("filter", "usr_agent has 3")
        visit.told("did you mean user_agent")
        visit.press("Redo")
        visit.told("Done again")
        visit.told("merged #2 and #4")
        visit.page.wait_for_timeout(500)
        visit.told("Done again")  # what is wrong with the filter is not said again
        assert visit.page.get_by_text("did you mean user_agent").count() == 0
        visit.write("filter", "")

        visit.click_machine(3)
        visit.told("12 flows")
        story = visit.page.locator("#told")
        story.get_by_role("heading", name=f"{NAT}#3").wait_for()
        assert visit.ticked() == [f"{NAT}#3"]
        visit.tick(5)
        visit.told("23 flows")
        visit.press("Clear")
        visit.told("Nothing selected")
        story.locator("b", has_text=re.compile(f"^{re.escape(NAT)}$")).wait_for()
        assert visit.ticked() == []
        visit.press("Rename")
        visit.told("tick one machine first")
        visit.tick(1)
        visit.told("12 flows")
        visit.write("name", "Anna's phone")
        visit.press("Rename")
        visit.told("“Anna's phone”")
        _split_first_flows(visit)
        visit.told("split 3 flows off #1")
        assert len(json.loads((folder / EDITS).read_text())["edits"]) == 3

        visit.page.reload()
        visit.told("split 3 flows off #1")
        visit.cell(NAT).click()
        visit.cell("“Anna's phone”").wait_for()
        saved = load(folder)
        assert f"{NAT}#6" in saved.devices["device"].to_list()
        assert saved.devices["looks_like"].str.contains("Anna's phone").sum() == 1
        assert visit.troubles == []
        assert visit.foreign == []
    finally:
        server.close()


def test_tables_are_walked_by_keys_alone(browser: Any, folder: Path) -> None:
    server = Server(str(folder))
    try:
        visit = Visit(browser, server.url)
        visit.cell(NAT).click()
        visit.wait_drawn("IP ID", "d.n > 300")
        keys, address = visit.page.keyboard, visit.page.evaluate(PICKED, "addresses")
        visit.page.evaluate(FOCUS, "addresses")
        stops = []
        for _ in range(40):  # each table is one stop on the way through the page
            keys.press("Tab")
            stops.append(visit.page.evaluate(TABLE_IN_FOCUS))
            if stops[-1] == "devices":
                break
        assert [stop for stop in stops if stop] == ["flows", "devices"]
        assert visit.page.evaluate(PICKED, "addresses") == address

        for key in ("ArrowDown", "ArrowDown", "ArrowRight", "Space"):
            keys.press(key)
        visit.told("of #2")
        keys.press("ArrowDown")
        keys.press("Enter")
        visit.until(f"() => ({PICKED})('devices').join() === '1,2'")
        assert visit.page.evaluate(TABLE_IN_FOCUS) == "devices"  # not where rows changed
        keys.press("m")
        visit.told("merged #2 and #3")
        keys.press("Shift+Tab")
        assert visit.page.evaluate(TABLE_IN_FOCUS) == "flows"
        assert visit.page.evaluate(CUT_OFF) == 0
        _wheel_sideways(visit)
        assert visit.page.evaluate(f"(name) => {GRID}{LEFT}", "addresses") == 0
        assert visit.troubles == []
    finally:
        server.close()


def test_machines_arrive_on_an_open_page(browser: Any, tmp_path: Path) -> None:
    gate, kept = tmp_path / "gate", tmp_path / "kept"
    server = Server(str(EXAMPLE), "--save", str(kept), gate=gate)
    try:
        visit = Visit(browser, server.url)
        visit.told("Machines are being told apart: 0 of")
        visit.told("Will be saved in")
        merge = visit.page.get_by_role("button", name="Merge")
        assert merge.is_disabled()
        visit.page.get_by_text("Every packet is being read").wait_for(state="detached")
        n_all = visit.drawn("TSval")["n"]
        visit.write("filter", "proto = tcp and duration_s > 1")
        visit.wait_drawn("TSval", f"d.n > 0 && d.n < {n_all}")
        _zoom(visit)
        visit.wait_drawn("TSval", f"d.n > 0 && d.n < {n_all} / 2")
        _brush(visit, width=200, plot=1)
        visit.wait_drawn("Source port of SYNs", "d.picked > 0")
        before, places = _what_is_seen(visit), _places(visit)
        other = Visit(browser, server.url.partition("/enter")[0], beside=visit)

        visit.page.keyboard.press("h")
        visit.page.keyboard.type("user_a")
        visit.told("user_agent")  # the completion

        gate.write_text("go")
        visit.told(" behind ")
        visit.cell("#1").wait_for()
        visit.cell("1 (1–1)").wait_for()
        visit.told(f"Saved in {kept}")
        assert _what_is_seen(visit) == before
        assert visit.page.evaluate(VALUE, "highlight") == ""  # half typed, still being typed
        visit.page.keyboard.type("gent has x")
        assert visit.page.evaluate(TYPED, "highlight") == "user_agent has x"
        visit.page.keyboard.press("Escape")
        assert visit.page.evaluate(TYPED, "highlight") == ""
        assert _places(visit) == places
        assert merge.is_enabled()
        assert visit.drawn("Clock offset (ms)")["n"] > 0
        visit.write("filter", 'device = "#1"')
        visit.wait_drawn("TSval", "d.n > 0")

        other.told(" behind ")
        visit.tick(1)
        visit.write("name", "Anna's phone")
        visit.press("Rename")
        other.cell("“Anna's phone”").wait_for()
        other.press("Undo")
        visit.told("1 edit undone")
        assert visit.troubles == other.troubles == []
        assert load(kept).points is not None
        code, said = server.interrupt()
        assert code == 130
        assert said.strip() == "wiretell: interrupted"
    finally:
        server.close()


def test_a_failed_judgement_is_told_and_the_plots_stay(browser: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.write_text("fail")
    server = Server(str(EXAMPLE), "--save", str(tmp_path / "kept"), gate=gate)
    try:
        visit = Visit(browser, server.url)
        visit.told("Machines could not be told apart: RuntimeError: <b>no</b> machines")
        assert visit.drawn("IP ID")["n"] > 0
        assert visit.page.get_by_role("button", name="Merge").is_disabled()
        assert visit.troubles == []
        code, said = server.interrupt()
        assert code == 130
        assert "no machines" not in said
        assert not (tmp_path / "kept").exists()
    finally:
        server.close()


def test_the_address_lets_one_browser_in(folder: Path) -> None:
    server = Server(str(folder))
    try:
        base = server.url.partition("/enter")[0]
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{base}/")
        jar = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with jar.open(server.url) as answer:
            assert answer.status == 200
            assert "nonce-" in answer.read().decode()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(server.url)
        with pytest.raises(urllib.error.HTTPError, match="404"):  # a report made by hand
            jar.open(f"{base}/explain?flow=1")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{base}/explain?flow=1")
        rebound = urllib.request.Request(f"{base}/", headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            jar.open(rebound)
    finally:
        server.close()


def _brush(visit: Visit, width: int = 90, plot: int = 0) -> None:
    """A box so many pixels wide over the left of a plot."""
    box = visit.page.locator(".bk-Figure").nth(plot).bounding_box()
    assert box is not None
    mouse = visit.page.mouse
    mouse.move(box["x"] + 90, box["y"] + 40)
    mouse.down()
    mouse.move(box["x"] + 80 + width, box["y"] + 120, steps=4)
    mouse.move(box["x"] + 90 + width, box["y"] + box["height"] - 45, steps=4)
    mouse.up()


def _zoom(visit: Visit, share: float = 1 / 3) -> None:
    """The first third of the time, or another share."""
    visit.page.evaluate(
        """(share) => {
      const range = [...Bokeh.documents[0]._all_models.values()]
        .find(m => m.type === "Figure").x_range;
      range.end = range.start + (range.end - range.start) * share;
    }""",
        share,
    )


def _wheel_sideways(visit: Visit) -> None:
    """Over the addresses."""
    box = visit.cell(NAT).bounding_box()
    assert box is not None
    visit.page.mouse.move(box["x"] + 20, box["y"] + 8)
    visit.page.mouse.wheel(80, 0)
    visit.page.wait_for_timeout(300)


def _what_is_seen(visit: Visit) -> Any:
    """What was asked, zoomed, and selected."""
    return visit.page.evaluate("""() => {
      const models = [...Bokeh.documents[0]._all_models.values()];
      const figures = models.filter(m => m.type === "Figure");
      const of = (name) => figures.find(m => m.title.text === name);
      const ranges = (m) => [m.x_range.start, m.x_range.end, m.y_range.start, m.y_range.end];
      const picked = (m) => m.renderers[0].data_source.selected.indices.length;
      const names = ["IP ID", "TSval", "Source port of SYNs", "Initial sequence number"];
      return [Bokeh.documents[0].get_model_by_name("filter").value,
              ...names.map(of).map(m => [...ranges(m), picked(m)])];
    }""")


def _places(visit: Visit) -> list[dict[str, float]]:
    """Where the parts of the page are."""
    every = visit.page.locator(".bk-Figure, .bk-DataTable, #exports, #told, #table").all()
    boxes = [part.bounding_box() for part in every]
    return [{name: box[name] for name in ("x", "y", "width")} for box in boxes if box]


def _split_first_flows(visit: Visit) -> None:
    """Three flows of one machine, chosen in the table of flows, split off."""
    rows = visit.page.locator("#table .slick-row")
    rows.nth(0).locator(".slick-cell").first.click()
    for number in (1, 2):
        rows.nth(number).locator(".slick-cell").first.click(modifiers=["Control"])
    visit.press("Split off")
