"""The table that a person reads."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures.report import ALONE, ESCAPES, NAT, SERVER, make_report

from wiretell.exporter import Options
from wiretell.exporters import table
from wiretell.model.report import Report

SNAPSHOT = Path(__file__).parent / "snapshots" / "table.txt"


def rendered(report: Report, options: Options) -> str:
    stream = io.StringIO()
    table.write(report, stream, options)
    return stream.getvalue()


def test_is_the_text_that_was_reviewed() -> None:
    assert rendered(make_report(), Options()) == SNAPSHOT.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [60, 80, 120, 160])
def test_keeps_to_its_width(width: int) -> None:
    for line in rendered(make_report(), Options(width=width, verbose=True)).splitlines():
        assert len(line) <= max(width, 80), line


def test_nothing_off_the_wire_steers_the_terminal() -> None:
    for options in (Options(), Options(verbose=True, all_addresses=True)):
        text = rendered(make_report(), options)
        assert all(c == "\n" or c.isprintable() for c in text)
        assert ESCAPES not in text
        assert r"evil\x1b]0;title\x07" in text


def test_colour_only_when_asked() -> None:
    assert "\x1b[" not in rendered(make_report(), Options())
    assert "\x1b[" in rendered(make_report(), Options(color=True))


def test_single_servers_are_summed_up_or_listed() -> None:
    assert SERVER not in rendered(make_report(), Options())
    assert "1 server is a single machine" in rendered(make_report(), Options())
    assert SERVER in rendered(make_report(), Options(all_addresses=True))
    assert SERVER in rendered(make_report(), Options(addresses=(SERVER,)))


def test_top_and_address_choose() -> None:
    top = rendered(make_report(), Options(top=1))
    assert NAT in top
    assert ALONE not in top
    assert "1 more address (--top 2 shows" in top
    assert "No such address" in rendered(make_report(), Options(addresses=("192.0.2.99",)))


def test_an_empty_report_says_so() -> None:
    report = make_report()
    empty = {name: frame.clear() for name, frame in report.tables().items()}
    assert rendered(Report(**empty, provenance={}), Options()) == "No flow to judge.\n"


def test_unknown_numbers_and_absurd_dates_are_shown_as_such() -> None:
    report = make_report()
    devices = report.devices.with_columns(
        skew_ppm=float("nan"), first_ns=-(2**63), last_ns=2**63 - 1, confidence=None
    )
    text = rendered(replace(report, devices=devices), Options())
    assert "nan" not in text
    assert "None" not in text


def test_on_a_narrow_line_no_clock_is_cut() -> None:
    for width in (60, 80, 120):
        text = rendered(make_report(), Options(width=width))
        assert "+12.3 ±0.4 ppm" in text
    narrow = rendered(make_report(), Options(width=80))
    assert "clock 250 Hz, +12.3 ±0.4 ppm, per host" in narrow
    assert "timestamps absent" in narrow
