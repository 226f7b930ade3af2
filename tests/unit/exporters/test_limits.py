"""What cannot be separated is told for every kind of machine and router."""

from __future__ import annotations

from fixtures.report import make_report

from lab.sim.stacks import stacks
from wiretell.exporter import Options
from wiretell.exporters import html
from wiretell.exporters.limits import HEADINGS, limits, markdown, rows


def test_every_kind_is_told_of_every_router() -> None:
    assert limits().kinds
    assert all(len(row) == len(HEADINGS) and all(row) for row in rows())


def test_every_kind_can_be_measured() -> None:
    assert {kind.stack for kind in limits().kinds} <= set(stacks())


def test_page_and_markdown_say_the_same() -> None:
    page = html.page(make_report(), Options())
    assert "<h2>What cannot be separated</h2>" in page
    for rule in limits().rules:
        assert f"- {rule}" in markdown()
        assert rule.replace("'", "&#39;") in page
    for row in rows():
        assert f"| {' | '.join(row)} |" in markdown()
        assert all(cell.replace("'", "&#39;") in page for cell in row)
