"""What the axes show at first, and what is said of the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_points import cloud
from fixtures.report import NAT, make_report
from hypothesis import given, settings
from hypothesis import strategies as st

from wiretell.exporters.plot_empty import why_nothing
from wiretell.expressions.parser import parse
from wiretell.plots.cloud import HIDDEN, Cloud
from wiretell.plots.columns import names, quantity
from wiretell.plots.grid import count, points_within
from wiretell.plots.palette import look
from wiretell.plots.pyramid import Pyramid
from wiretell.plots.scene import Scene, fitting_window, mark_color, needs_judgement

TIMES = st.integers(-(2**63), 2**63 - 1)
NUMBERS = st.floats(-1e12, 1e12)


def test_an_absurd_date_does_not_flatten_the_plot() -> None:
    usual = 1_790_000_000_000_000_000 + np.arange(5_000) * 1_000_000
    points = cloud([0, *usual], np.arange(5_001.0))
    window = fitting_window(points, quantity("tsval"))
    assert window.x0 > usual[0] - 1_000_000_000
    assert len(points_within(points, window)) == 5_000


def test_a_field_of_fixed_width_is_shown_whole() -> None:
    window = fitting_window(cloud([1, 2], [300, 310]), quantity("ip_id"))
    assert window.y0 < 0
    assert window.y1 > 65_535


def test_a_range_that_is_asked_for_is_shown() -> None:
    window = fitting_window(cloud([1, 2], [300, 310]), quantity("ip_id"), (5.0, 400.0))
    assert (window.y0, window.y1) == (5.0, 400.0)


@given(st.lists(st.tuples(TIMES, NUMBERS), max_size=30))
@settings(max_examples=60)
def test_any_points_have_a_window_and_are_counted_once(places: list[tuple[int, float]]) -> None:
    places.sort()
    points = cloud([x for x, _ in places], [y for _, y in places])
    window = fitting_window(points, quantity("length"))
    assert window.x1 > window.x0
    assert window.y1 > window.y0
    inside = points_within(points, window)
    assert abs(int(count(points, window, 40, 20, 1).sum()) - len(inside)) <= 1
    Pyramid(points, 1).count(window, 10, 10)


def test_an_empty_plot_says_why() -> None:
    def why(points: Cloud, y_range: tuple[float, float] | None = None) -> str:
        ip_id = quantity("ip_id")
        window = fitting_window(points, ip_id, y_range)
        return Scene(ip_id, "time", window, (), Pyramid(points, 1), (), ()).why_empty

    assert why(cloud([1, 2], [300, 310])) == ""
    assert "outside the axes" in why(cloud([1, 2], [300, 310]), (5.0, 6.0))
    assert "no packet of a flow" in why(cloud([], []))
    assert "12 were looked at" in why(replace(cloud([], []), n_filtered=12))
    hidden = replace(cloud([1, 2], [0, 0]), layer=np.full(2, HIDDEN, np.uint8), n_missing=2)
    assert "IPv6 has none" in why(hidden)


KEPT_NOT = "This report keeps no {} of packets: save it with --points, or plot the capture."


@pytest.mark.parametrize("name", ["isn", "window", "rtt", "length", "payload"])
def test_what_a_report_without_packets_does_not_keep_is_said(name: str) -> None:
    report = make_report()
    assert report.points is None
    plot = report.plot(name)
    assert plot.scene.why_empty == KEPT_NOT.format(name)
    assert repr(plot) == f"<Plot of {name}, 0 points> {KEPT_NOT.format(name)}"
    assert KEPT_NOT.format(name) in str(plot)
    assert why_nothing(report, plot.scene, plot.sides) == KEPT_NOT.format(name)
    assert not any("are not drawn" in remark for remark in plot.scene.remarks)


def test_a_filter_on_what_is_not_kept_is_not_told_that_nothing_fits() -> None:
    report = make_report()
    for where, name in (("syn", "syn"), ("window > 0 and proto = tcp", "window")):
        plot = report.plot("ip_id", where=where)
        told = why_nothing(report, plot.scene, plot.sides, where=where)
        assert told == KEPT_NOT.format(name)
    drawn = report.plot("ip_id", where="not syn")
    assert drawn.scene.n_shown
    assert KEPT_NOT.format("syn") in drawn.scene.remarks
    assert KEPT_NOT.format("rtt") in report.plot("tsval", highlight="slow=rtt > 9").scene.remarks
    fits_none = report.plot("ip_id", where="proto = icmp")
    assert "fits the filter" in fits_none.scene.why_empty
    assert repr(report.plot("ip_id")).endswith("points>")


@pytest.mark.parametrize(
    ("where", "meant"),
    [
        ("proto = TCP", 'proto = "tcp"'),
        ("reverse.proto = 6", 'reverse.proto = "tcp"'),
        ("device = #2", f'device = "{NAT}#2"'),
    ],
)
def test_a_value_that_is_nowhere_is_told_what_exists(where: str, meant: str) -> None:
    report = make_report()
    plot = report.plot("ip_id", where=where)
    told = why_nothing(report, plot.scene, plot.sides, where=where)
    assert told.endswith(f"fits --where: {where}; did you mean {meant}?")
    assert report.plot("ip_id", where=meant).scene.n_shown


def test_machines_are_told_apart_only_where_that_is_asked() -> None:
    where = parse("reverse.looks_like has iPhone", names())
    assert not needs_judgement(quantity("ip_id"), [], None)
    assert not needs_judgement(quantity("tsval"), ["user_agent", "a=ttl = 3"], None)
    assert needs_judgement(quantity("clock_offset"), [], None)
    assert needs_judgement(quantity("ip_id"), ["device"], None)
    assert needs_judgement(quantity("ip_id"), ["reverse.device"], None)
    assert needs_judgement(quantity("ip_id"), ["tv=os has Roku"], None)
    assert needs_judgement(quantity("ip_id"), [], where)


def test_looks_that_repeat_a_colour_differ_in_shade() -> None:
    shades = [mark_color(look(number)) for number in range(21)]
    assert len(set(shades)) == 21
