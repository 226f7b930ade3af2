"""The explorer without a browser: what is shown, marked, selected, and offered."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bokeh.models import Range1d
from fixtures.report import HOSTILE, NAT, START_NS, S, make_report

import wiretell
from wiretell.devices.edit_log import EditLog
from wiretell.explore import detail, story
from wiretell.explore.colours import BY, colouring
from wiretell.explore.detail import Packets
from wiretell.explore.explained import flow_page
from wiretell.explore.expression import completions, holds, names_of
from wiretell.explore.figures import BEHIND, FADED, FEW, GREY, Plot
from wiretell.explore.held import InMemory
from wiretell.explore.listing import address_rows, device_rows, flow_rows
from wiretell.explore.points import MOST_DRAWN, PLOTS, Points
from wiretell.explore.selection_texts import FORMS, Offer, export_form, offer
from wiretell.explore.sides import COLUMNS, side_table, source_of
from wiretell.explore.view import View
from wiretell.explore.workspace import Workspace
from wiretell.exporters.escape import visible
from wiretell.expressions.error import ExpressionError
from wiretell.model.points import POINTS
from wiretell.sources.points import PointFiles


@pytest.fixture(scope="module")
def view() -> View:
    return View(Workspace(InMemory(make_report()), None, EditLog()).opened(NAT), NAT)


def test_every_flow_side_of_the_address_is_a_row(view: View) -> None:
    assert view.sides.height == 60
    assert {source_of(name) for name in COLUMNS} <= set(view.sides.columns)
    assert view.sides["first_ns"].is_sorted()
    assert set(view.points) == set(PLOTS)


def test_every_expression_of_a_column_can_be_asked(view: View) -> None:
    view.filter(
        '(device has "#1" or device has "#2") and proto = tcp and dst_port = 443 and duration_s > 1'
    )
    assert view.shown.sum() == 24
    view.filter("")
    assert view.shown.all()
    view.highlight('user_agent has "script"')
    assert view.marked is not None
    assert view.marked.sum() == view.sides["user_agent"].str.contains("script").sum()
    view.highlight("")
    assert view.marked is None
    with pytest.raises(ExpressionError, match="user_agent"):
        view.filter("user_agnt has 1")
    assert any(text.endswith("user_agent") for text in view.completions("not user_a"))
    assert view.completions('syn_signature has "ts"') == []  # Enter would take the first


def test_a_filter_that_fits_nothing_is_told_what_exists(view: View) -> None:
    for asked, meant in (
        ("proto = TCP", 'proto = "tcp"'),
        ("proto = 6", 'proto = "tcp"'),
        ("device = #1", f'device = "{NAT}#1"'),
    ):
        view.filter(asked)
        assert not view.shown.any()
        assert view.meant == (meant,)
        view.filter(meant)
        assert view.shown.any()
        assert view.meant == ()
    view.filter("proto = TCP or pkts > 0")
    assert view.meant == ()
    view.filter("")
    said = story.drawn([], [], has_points=False, meant=("a = <b>", "c"))
    assert "did you mean <code>a = &lt;b&gt;</code> or <code>c</code>?" in said
    assert "did you mean" not in story.drawn([], [], has_points=False)


def test_a_box_selects_exactly_the_flows_in_it(view: View) -> None:
    view.filter("")
    start = START_NS / 1e6
    view.choose_box("sport", (start, start + 60_000), (43_000, 43_999))
    chosen = view.selected()
    assert (
        chosen.height
        == view.sides.filter(
            pl.col("src_port").is_between(43_000, 43_999)
            & (pl.col("first_ns") <= START_NS + 60 * S)
        ).height
    )
    view.choose_box("sport", (start, start + 1), (0, 1))
    assert view.selected().is_empty()


@pytest.mark.parametrize("by", BY)
def test_colours_name_every_side(by: str) -> None:
    sides = side_table(make_report(), NAT)
    colours = colouring(sides, by)
    assert len(colours.kind) == sides.height
    assert sum(colours.counts) == sides.height
    assert colours.kind.max() < len(colours.labels) == len(colours.colors)
    assert not any("\x1b" in label for label in colours.labels)


def test_a_thin_line_among_many_points_is_drawn() -> None:
    many = 400_000
    rng = np.random.default_rng(1)
    x = np.sort(rng.uniform(0, 1000, many))
    y = rng.uniform(0, 100, many)
    row = np.zeros(many, np.int64)
    line = np.arange(0, many, 4000)
    y[line], row[line] = 50.0, 1
    points = Points(x, y, row)
    place, n_all = points.seen((0, 1000), np.array([True, True]), np.array([0, 1]))
    assert n_all == many
    assert len(place) <= MOST_DRAWN
    assert (row[place] == 1).sum() > 0.9 * len(line)
    near, n_near = points.seen((100, 101), np.array([True, True]), np.array([0, 1]))
    assert len(near) == n_near == ((x >= 100) & (x <= 101)).sum()


def test_packets_of_a_stretch_are_read_from_the_files_that_hold_them(tmp_path: Path) -> None:
    for part in range(4):
        rows = [
            {"packet": n, "time_ns": part * 1000 + n, "flow_id": 1, "side": 0, "ipid": n}
            for n in range(0, 1000, 10)
        ]
        (tmp_path / "points").mkdir(exist_ok=True)
        POINTS.frame(rows).write_parquet(tmp_path / "points" / f"{part:06}.parquet")
    packets = Packets(PointFiles(tmp_path / "points"))
    found = packets.within(990, 2010)
    assert found is not None
    assert found["time_ns"].to_list() == list(range(990, 2011, 10))
    assert packets.within(10_000, 20_000).is_empty()  # type: ignore[union-attr]


def test_a_wide_view_of_a_large_capture_is_told_without_reading_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detail, "MOST_PACKETS", 100)
    (tmp_path / "points").mkdir()
    for part in range(20):
        rows = [
            {"packet": n, "time_ns": part * 1000 + n, "flow_id": 1, "side": 0}
            for n in range(0, 1000, 10)
        ]
        POINTS.frame(rows).write_parquet(tmp_path / "points" / f"{part:06}.parquet")
    read: list[Path] = []
    ends = detail._ends
    monkeypatch.setattr(detail, "_ends", lambda parts: (read.extend(parts), ends(parts))[1])
    packets = Packets(PointFiles(tmp_path / "points"))
    for _ in range(2):
        assert packets.within(0, 20_000) is None
        assert len(read) == 2
    found = packets.within(3000, 3500)
    assert found is not None
    assert found.height == 51
    assert packets.within(0, 20_000) is None


def test_lists_and_stories_escape_what_came_off_the_wire(view: View) -> None:
    report = view.report
    assert address_rows(InMemory(make_report()).addresses)["key"][0] == NAT
    devices = device_rows(report, view.colours)
    assert devices["machine"] == ["#1", "#2", "#3", "#4", "#5"]
    flows = flow_rows(view.listed(view.span_ms)[0], view.colours)
    told = story.device_story(report, f"{NAT}#1", view.sides)
    flow = story.flow_story(report, view.sides.row(0, named=True))
    for text in (told, flow, *map(str, flows["says"]), *map(str, devices["looks"])):
        assert "<script" not in text or text == visible(HOSTILE[0])
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "&lt;script&gt;" in told
    assert "there is no" not in story.device_story(report, "gone", view.sides)


def test_what_is_not_drawn_is_said() -> None:
    assert "Reset" in story.drawn([], [], has_points=False)
    said = story.drawn(["IP ID 5 of 9"], ["TSval"], has_points=True)
    assert "IP ID 5 of 9" in said
    assert "has a value for: TSval" in said
    assert story.drawn([], [], has_points=True).strip() == ""
    assert "nothing to draw" in story.nothing_to_draw()


@pytest.mark.parametrize("form", FORMS)
def test_a_selection_is_offered_in_every_form(view: View, form: str) -> None:
    view.choose_devices([f"{NAT}#2"])
    text = export_form(form, view.selected(), "wiretell.load('report')")
    assert str(view.selected()["src_port"][0]) in text or form == "python"
    assert "\x1b" not in text
    assert export_form(form, view.selected().clear(), "") == ""


def test_a_selection_that_a_form_cannot_hold_says_why(view: View) -> None:
    many = pl.concat([view.sides] * 10)
    assert many.height > 500
    assert offer("bpf", many, "report") == Offer("", offer("bpf", many, "report").why_none)
    assert "600 flows" in offer("bpf", many, "report").why_none
    for form in ("wireshark", "python", "csv"):
        offered = offer(form, many, "report")
        assert offered == Offer(export_form(form, many, "report"))
        assert offered.text
    assert offer("bpf", many.clear(), "report") == Offer()


def test_a_plot_without_a_point_of_the_selection_fades() -> None:
    plot = Plot("tsval", Range1d(start=0.0, end=1.0))
    plot.source.data = {name: np.array([0, 2]) for name in plot.source.data}
    glyph = plot.figure.renderers[0].glyph  # type: ignore[attr-defined]
    bright = glyph.fill_alpha
    plot.select(np.array([False, True, False]))
    assert plot.source.selected.indices == []
    assert (glyph.fill_alpha, glyph.fill_color) == (BEHIND, GREY)
    plot.select(np.array([False, True, True]))
    assert plot.source.selected.indices == [1]
    assert glyph.fill_alpha == bright
    plot.select(np.array([False, True, False]))
    plot.select(None)
    assert plot.source.selected.indices == []
    assert (glyph.fill_alpha, glyph.fill_color) == (bright, "color")


@pytest.mark.parametrize("name", PLOTS)
def test_a_selection_is_seen_above_a_highlight(name: str) -> None:
    """Its points are bright whatever their own alpha; all others fade more than by a highlight."""
    assert BEHIND < FADED
    plot = Plot(name, Range1d(start=0.0, end=1.0))
    plot.source.data = {key: np.arange(2 * FEW) for key in plot.source.data}
    for n_chosen in (1, 2 * FEW - 1):
        plot.select(np.arange(2 * FEW) < n_chosen)
        assert len(plot.source.selected.indices) == n_chosen
        for renderer in plot.figure.renderers:
            chosen, others = renderer.selection_glyph, renderer.nonselection_glyph  # type: ignore[attr-defined]
            part = "fill" if "fill_alpha" in chosen.properties() else "line"
            assert getattr(chosen, f"{part}_alpha") == 1.0
            assert getattr(chosen, f"{part}_color") == "color"
            assert getattr(others, f"{part}_alpha") == BEHIND
            assert getattr(others, f"{part}_color") == GREY
            if part == "fill":
                assert (chosen.size > 5) == (n_chosen <= FEW)


def test_a_thinned_plot_keeps_a_point_of_what_is_selected(view: View) -> None:
    n_points = 4 * MOST_DRAWN
    row = np.zeros(n_points, np.int64)
    row[n_points // 2 + 1] = 1  # between points of the same colour, in a cell with them
    points = Points(np.linspace(0, 1, n_points), np.zeros(n_points), row)
    here = copy(view)
    here.colours = replace(view.colours, kind=np.zeros_like(view.colours.kind))
    every = np.ones(view.sides.height, np.bool_)
    here.choose_nothing()
    assert 1 not in row[points.seen((0, 1), every, here.kinds)[0]]
    here.choose_rows([1])
    assert 1 in row[points.seen((0, 1), every, here.kinds)[0]]


def test_a_flow_is_explained_from_the_capture_it_was_judged_in(tmp_path: Path) -> None:
    example = Path(__file__).parents[3] / "examples" / "single.pcap.zst"
    work = Workspace(InMemory(wiretell.analyze(example)), None, EditLog())
    page = flow_page(work, "0")
    assert "Flow 0" in page
    assert "<svg" in page
    with pytest.raises(ValueError, match="not where it was"):
        flow_page(Workspace(InMemory(make_report()), None, EditLog()), "0")


def test_the_table_of_flows_follows_the_zoom_until_some_are_selected() -> None:
    view = View(Workspace(InMemory(make_report()), None, EditLog()).opened(NAT), NAT)
    everything, n_all = view.listed(view.span_ms)
    assert (everything.height, n_all) == (60, 60)
    start = START_NS / 1e6
    near, n_near = view.listed((start, start + 1_000))
    alive = (view.sides["first_ns"] <= START_NS + S) & (view.sides["last_ns"] >= START_NS)
    assert 0 < n_near == near.height == alive.sum() < 60
    view.filter("proto = udp")
    assert set(view.listed(view.span_ms)[0]["proto_word"]) <= {"udp"}
    view.choose_rows([59])
    assert view.listed((start, start + 1_000))[0]["row"].to_list() == [59]


def test_signatures_and_ttls_are_offered_with_their_values() -> None:
    view = View(Workspace(InMemory(make_report()), None, EditLog()).opened(NAT), NAT)
    is_one = pl.col("row") % 3 == 0
    syns = ["*:64:0:1460:mss*10,7:mss,sok,ts,nop,ws:df,id+:0", "*:128:0:1460:65535,8:mss::0"]
    sides = view.sides.with_columns(
        ttl=pl.when(is_one).then(64).otherwise(128),
        syn=pl.when(is_one).then(pl.lit(syns[0])).otherwise(pl.lit(syns[1])),
    )
    names = names_of(sides)
    assert completions("ttl = ", names) == ["ttl = 128", "ttl = 64"]
    offered = completions("syn_signature = ", names)
    assert all(any(syn in text for text in offered) for syn in syns)
    assert holds('signature has "ts" and flow_ttl = 64', sides, names).sum() == 20


def test_a_clock_is_told_with_its_rate_and_regime_where_these_are_known() -> None:
    report = make_report()
    devices = report.devices.with_columns(
        skew_ppm=pl.lit(48.04),
        skew_error_ppm=pl.lit(0.31),
        clock_hz=pl.lit(1000.05),
        clock_regime=pl.lit("per host"),
    )
    (told, *_) = device_rows(replace(report, devices=devices), None)["clock"]
    assert told == "+48.0 ±0.3, 1000 Hz, per host"
    nothing = devices.with_columns(
        skew_ppm=None, clock_hz=None, clock_regime=pl.lit("unknown")
    ).cast(dict(devices.schema))
    assert device_rows(replace(report, devices=nothing), None)["clock"][0] == ""


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("Windows, says Windows 7", "says Windows 7"),
        ("Linux or Android", "Linux or Android"),
        ("“Anna's phone” Windows, says Windows 7", "“Anna's phone” Windows, says Windows 7"),
    ],
)
def test_a_narrow_column_shows_what_parts_machines(told: str, shown: str) -> None:
    report = make_report()
    devices = report.devices.head(1).with_columns(looks_like=pl.lit(told))
    assert device_rows(replace(report, devices=devices), None)["looks"] == [shown]
