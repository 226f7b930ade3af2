"""A report's short forms: for a prompt, a print, a notebook."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
from fixtures.report import make_report


def test_text_leads_with_the_most_machines() -> None:
    assert str(make_report()).splitlines() == [
        "Report of 3 addresses, 7 machines, 64 flows",
        "203.0.113.7: 5 (90 %: 5-6), separated",
        "192.0.2.10: 1 (90 %: 1-1), single",
        "198.51.100.23: 1 (90 %: 1-2), too little",
    ]
    assert repr(make_report()) == "<Report of 3 addresses, 7 machines, 64 flows>"


def test_notebook_table_is_escaped_and_short() -> None:
    report = make_report()
    hostile = report.addresses.with_columns(verdict=pl.lit("<script>alert(1)</script>"))
    many = replace(report, addresses=pl.concat([hostile] * 5))
    shown = many._repr_html_()
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    assert "5 addresses are not shown here" in shown
    assert shown.count("<tr>") == 11
