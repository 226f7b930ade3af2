"""Every form of a plot shows the same points; texts off the wire stay texts in all of them."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from drawn_points import points_of_samples
from fixtures.report import HOSTILE, NAT, make_report
from PIL import Image

from wiretell.errors import ConfigError
from wiretell.exporters import plot_html, plot_json, plot_png, plot_svg
from wiretell.exporters.escape import visible
from wiretell.exporters.plot import Plot
from wiretell.exporters.plot_layout import DARK, layout
from wiretell.model.report import Report
from wiretell.plots import scene as scenes
from wiretell.plots.scene import mark_color

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def report() -> Report:
    return replace(make_report(), points=points_of_samples())


@pytest.fixture(scope="module")
def plot(report: Report) -> Plot:
    """Coloured by User-Agents that are hostile texts."""
    drawn: Plot = report.plot.ip_id(highlight="user_agent")
    return drawn


@pytest.fixture
def crowd(plot: Plot, monkeypatch: pytest.MonkeyPatch) -> Plot:
    """The same where points are too many to be drawn one by one."""
    monkeypatch.setattr(scenes, "MOST_MARKS", 10)
    assert not plot.scene.by_marks
    return plot


def test_the_picture_has_every_colour_of_the_legend_among_the_points(plot: Plot) -> None:
    picture = Image.open(io.BytesIO(plot._repr_png_())).convert("RGB")
    assert picture.size == plot.size
    placed = layout(plot.scene, plot.size, plot_png.text_width)
    inner = np.asarray(picture)[placed.top : placed.top + placed.height, placed.left :]
    for number in plot.scene.order:
        color = np.array(mark_color(plot.scene.layers[number].look))
        assert (np.abs(inner.astype(int) - color).max(axis=2) <= 8).any(), number


def test_pictures_are_the_same_every_time(report: Report, plot: Plot) -> None:
    again: Plot = report.plot.ip_id(highlight="user_agent")
    assert again._repr_png_() == plot._repr_png_()
    assert plot_svg.svg(again.scene) == plot_svg.svg(plot.scene)
    assert plot_html.page(again.scene, again.sides) == plot_html.page(plot.scene, plot.sides)


def test_a_dark_picture_is_dark(plot: Plot) -> None:
    picture = Image.open(io.BytesIO(plot_png.png(plot.scene, dark=True)))
    assert picture.getpixel((2, 2)) == DARK.ground


def test_a_crowd_is_a_picture_with_every_pixel_that_holds_a_point(crowd: Plot) -> None:
    picture = plot_png.shaded(crowd.scene, 300, 100)
    counts = crowd.scene.counts(300, 100)
    assert ((picture[..., 3] > 0) >= counts.any(axis=0)).all()
    assert crowd._repr_png_().startswith(b"\x89PNG")
    assert "data:image/png;base64," in plot_svg.svg(crowd.scene)
    assert len(plot_html.page(crowd.scene, crowd.sides)) > 100_000


def test_the_drawing_has_a_shape_for_each_point_and_texts_alone(plot: Plot) -> None:
    drawing = plot_svg.svg(plot.scene)
    root = ET.fromstring(drawing)
    assert {element.tag for element in root.iter()} <= {
        f"{SVG}{name}" for name in ("svg", "title", "rect", "path", "text")
    }
    shapes = sum(len(re.findall("[zZ]", path.get("d", ""))) for path in root.iter(f"{SVG}path"))
    n_legend = len(plot.scene.order)
    assert shapes == len(plot.scene.shown) + n_legend
    texts = " ".join(element.text or "" for element in root.iter(f"{SVG}text"))
    for hostile in HOSTILE:
        assert visible(hostile)[:14] in texts


def test_hostile_texts_stay_texts_on_the_page(plot: Plot) -> None:
    page = plot_html.page(plot.scene, plot.sides)
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_terminals_see_no_escapes(plot: Plot) -> None:
    text = str(plot)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u200b]", text)
    assert sum(0x2801 <= ord(c) <= 0x28FF for c in text) > 20


@pytest.mark.parametrize("many", [False, True])
def test_the_document_is_as_its_schema_says(
    plot: Plot, root: Path, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if many:
        monkeypatch.setattr(scenes, "MOST_MARKS", 10)
    schema = json.loads((root / "docs/schema/plot.v1.json").read_text())
    told = json.loads(json.dumps(plot_json.document(plot.scene)))
    jsonschema.validate(told, schema)
    layers = [0] * len(told["layers"])
    if many:
        for _, _, layer, n in told["cells"]["counts"]:
            layers[layer] += n
    else:
        for _, _, layer, _, _ in told["points"]:
            layers[layer] += 1
    assert layers == [layer["n_points"] for layer in told["layers"]]
    assert sum(layers) == told["n_shown"]


def test_points_of_the_document_are_the_packets(report: Report, plot: Plot) -> None:
    assert report.points is not None
    (rows,) = report.points.batches(["time_ns", "ipid", "flow_id", "side"])
    told = plot.to_dict()["points"]
    assert sorted((x, y, flow, side) for x, y, _, flow, side in told) == sorted(rows.iter_rows())


def test_an_empty_plot_is_drawn_in_every_form(report: Report, tmp_path: Path) -> None:
    nothing: Plot = report.plot.ip_id(where="ttl = 1", highlight="device")
    for form in ("png", "svg", "html", "json"):
        nothing.save(tmp_path / f"plot.{form}")
        assert (tmp_path / f"plot.{form}").stat().st_size > 300
    for form in ("html", "svg"):
        assert "No packet fits the filter" in (tmp_path / f"plot.{form}").read_text()


def test_a_report_without_packets_is_drawn_from_samples_and_says_so() -> None:
    plain = make_report()
    drawn: Plot = plain.plot.ip_id(highlight="device")
    assert len(drawn.scene.shown) > 100
    assert "sampled packets" in drawn.scene.remarks[0]
    with pytest.raises(ConfigError, match="without its packets"):
        plain.plot("ip_id", x="packet")


def test_names_of_plots_are_listed_and_wrong_ones_told(report: Report) -> None:
    assert {"ip_id", "clock_offset", "rtt"} <= set(dir(report.plot))
    with pytest.raises(AttributeError, match="did you mean ip_id"):
        report.plot.ipid_di(highlight="device")
    with pytest.raises(ConfigError, match=r"\.png"):
        report.plot.ttl().save("plot.gif")
    with pytest.raises(ConfigError, match="pixels"):
        report.plot("ttl", size=(10, 10))


def test_the_other_side_colours_too(report: Report) -> None:
    own: Plot = report.plot.packet(highlight="device", where=f"src = {NAT}")
    reverse: Plot = report.plot.packet(highlight="device", where=f"dst = {NAT}", reverse=True)
    totals = [
        {layer.label: int(n) for layer, n in zip(p.scene.layers, p.scene.totals, strict=True) if n}
        for p in (own, reverse)
    ]
    assert totals[0] == totals[1]
    assert len(totals[0]) == 6


def test_layouts_keep_texts_within_the_picture(plot: Plot) -> None:
    for size in ((1200, 520), (400, 300), (1920, 1080), (200, 200)):
        placed = layout(plot.scene, size, plot_png.text_width)
        assert placed.width > 0
        assert placed.height > 0
        assert placed.left + placed.width <= size[0]
