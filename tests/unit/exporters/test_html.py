"""What can be said of the page without a browser."""

from __future__ import annotations

import re
from dataclasses import replace

import polars as pl
from fixtures.report import ALONE, NAT, SCRIPT, SERVER, make_report

from wiretell.exporter import Options
from wiretell.exporters.html import page


def test_same_report_same_bytes() -> None:
    assert page(make_report(), Options()) == page(make_report(), Options())


def test_refers_to_nothing_outside() -> None:
    text = page(make_report(), Options())
    head, _, rest = text.partition("</style>")
    body = re.sub(r"<script>.*?</script>", "", rest, flags=re.DOTALL)
    assert "default-src 'none'" in head
    assert "unsafe-eval" not in head
    assert not re.search(r"""(?:src|href)=["']?\s*(?:https?:)?//""", head + body)


def test_hostile_texts_are_escaped() -> None:
    text = page(make_report(), Options())
    assert SCRIPT not in text
    assert "&lt;script&gt;alert(1)" in text
    assert r"\u003c/script\u003e\u003cscript\u003ealert(1)" in text
    assert not set(text) & set("\x1b\x07\x9b\u202e\u200b")


def test_which_addresses_have_a_section() -> None:
    text = page(make_report(), Options())
    assert text.index(f'class="address">{NAT}<') < text.index(f'class="address">{ALONE}<')
    assert f'class="address">{SERVER}<' not in text
    assert f'class="address">{SERVER}<' in page(make_report(), Options(all_addresses=True))
    assert "1 more address not shown" in page(make_report(), Options(top=1))


def test_an_empty_report_is_a_page_too() -> None:
    report = make_report()
    empty = {name: frame.clear() for name, frame in report.tables().items()}
    text = page(replace(report, **empty, provenance={}), Options())
    assert "No address with something to tell." in text


def test_unknown_values_are_left_blank() -> None:
    report = make_report()
    nothing = {
        name: pl.lit(None, dtype)
        for name, dtype in report.devices.schema.items()
        if name not in {"device", "address"}
    }
    text = page(replace(report, devices=report.devices.with_columns(**nothing)), Options())
    visible_part = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert "None" not in visible_part
    assert "nan" not in re.sub(r"<style>.*?</style>", "", visible_part, flags=re.DOTALL)
