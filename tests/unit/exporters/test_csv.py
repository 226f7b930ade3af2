"""One row per judged flow side."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import polars as pl
from fixtures.report import ALONE, FORMULA, NAT, SERVER, make_report
from hypothesis import given
from hypothesis import strategies as st

from wiretell.exporter import Options
from wiretell.exporters import csv as csv_exporter
from wiretell.exporters.escape import spreadsheet, visible
from wiretell.model.report import Report

ALL = Options(all_addresses=True)


def rows_of(report: Report, options: Options | None = None) -> list[dict[str, str]]:
    stream = io.StringIO()
    csv_exporter.write(report, stream, options or Options())
    return list(csv.DictReader(io.StringIO(stream.getvalue())))


def test_header_and_order() -> None:
    stream = io.StringIO()
    csv_exporter.write(make_report(), stream, Options())
    assert stream.getvalue().startswith("src,sport,dst,dport,proto,device,confidence,flow_id,side,")
    rows = rows_of(make_report(), ALL)
    assert list(dict.fromkeys(row["src"] for row in rows)) == [NAT, ALONE, SERVER]
    assert len(rows) == make_report().members.height
    numbers = [int(row["flow_id"]) for row in rows if row["src"] == NAT]
    assert numbers == sorted(numbers)


def test_addresses_that_only_serve_are_left_out_unless_asked_for() -> None:
    everyone = rows_of(make_report(), ALL)
    assert rows_of(make_report()) == [row for row in everyone if row["src"] != SERVER]
    by_name = rows_of(make_report(), Options(addresses=(SERVER,)))
    assert by_name == [row for row in everyone if row["src"] == SERVER]


def test_both_ends_of_a_flow() -> None:
    first = [row for row in rows_of(make_report(), ALL) if row["flow_id"] == "0"]
    near, far = first
    assert (near["src"], near["sport"], near["dst"], near["dport"]) == (NAT, "40000", SERVER, "443")
    assert (far["src"], far["sport"], far["dst"], far["dport"]) == (SERVER, "443", NAT, "40000")
    assert (near["packets"], near["bytes"], far["bytes"]) == ("6", "1200", "60400")


def test_icmp_identifier_and_no_device() -> None:
    rows = {(row["flow_id"], row["side"]): row for row in rows_of(make_report())}
    ping, open_one = rows["63", "0"], rows["59", "0"]
    assert (ping["proto"], ping["sport"], ping["dport"]) == ("icmp", "4711", "0")
    assert (open_one["device"], open_one["confidence"]) == ("", "")


def test_proto_of_any_number() -> None:
    report = make_report()
    flows = report.flows.with_columns(proto=pl.lit(132, pl.UInt8))
    assert {row["proto"] for row in rows_of(replace(report, flows=flows))} == {"132"}


def test_formulas_are_text() -> None:
    agents = {row["user_agent"] for row in rows_of(make_report())}
    assert f"'{FORMULA}" in agents
    assert not any(agent.startswith(("=", "+", "-", "@")) for agent in agents)


def test_top_and_address_choose_rows() -> None:
    assert {row["src"] for row in rows_of(make_report(), Options(top=1))} == {NAT}
    assert {row["src"] for row in rows_of(make_report(), Options(addresses=(ALONE,)))} == {ALONE}


@given(st.text(max_size=40))
def test_any_text_is_printable_and_no_formula(text: str) -> None:
    shown = spreadsheet(text)
    assert shown.isprintable() or all(c.isprintable() or c.isspace() for c in shown)
    assert not shown.lstrip().startswith(("=", "+", "-", "@"))
    assert not any(ord(c) < 32 or ord(c) == 127 for c in visible(text))
