"""A connection explained, as a terminal, a browser and a program get it."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fixtures.report import ESCAPES, HOSTILE
from hand_connection import opening, row, told
from jsonschema import Draft202012Validator
from raw_ip import ACK
from rich.cells import cell_len

from wiretell.exporter import Options
from wiretell.exporters import explain_html, explain_json, explain_svg, explain_text
from wiretell.findings.explain.explanation import Connection, Sentence

SVG = "{http://www.w3.org/2000/svg}"


def connection() -> Connection:
    rows = [
        *opening(mss=1460, wscale=7, tsval=5, tsecr=0),
        row(4, 0, ACK, 1001, 5001, 58),
        row(5, 0, ACK, 900_001, 5001, 58),
        row(6, 1, ACK, 5001, 1059),
    ]
    rows[-1]["time_ns"] += 3 * 10**9
    changes = {
        5: {"ct_state": "invalid", "reason": "seq_over", "bound": 2002, "excess": 898_000},
        6: {"analysis": ["window_update"]},
    }
    return told(rows, changes)


def hostile() -> Connection:
    """Every text that a renderer shows replaced by what attacks it."""
    made = connection()
    bad = f"{HOSTILE[0]} {ESCAPES}"
    packets = tuple(
        replace(
            each,
            headline=bad,
            reason=bad,
            marks=(bad,),
            sentences=(Sentence("verdict", bad, ("RFC 1, 1",)), Sentence("cause", bad)),
        )
        for each in made.packets
    )
    return replace(made, packets=packets, notes=(Sentence("note", bad),), conn_state=bad)


def text(of: Connection, **options: object) -> str:
    stream = io.StringIO()
    explain_text.write(of, stream, Options(**options))  # type: ignore[arg-type]
    return stream.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120, 160])
def test_lines_keep_to_the_width(width: int) -> None:
    assert max(cell_len(line) for line in text(connection(), width=width).splitlines()) <= width


@pytest.mark.parametrize("width", [80, 120, 160])
def test_the_ladder_has_an_arrow_for_each_packet(width: int) -> None:
    lines = text(connection(), width=width).splitlines()
    rungs = [line for line in lines if re.match(r"\s+\d+\s+\d\.\d+\s+│", line)]
    assert [line.split("│")[1][-1] for line in rungs] == ["▶", "─", "▶", "▶", "✗", "─"]
    assert [line.split("│")[1][0] for line in rungs] == ["─", "◀", "─", "─", "╌", "◀"]
    lifelines = {tuple(m.start() for m in re.finditer("│", line)) for line in rungs}
    assert len(lifelines) == 1
    assert any("3.01 s later" in line for line in lines)


def test_text_names_numbers_verdict_and_sources_once() -> None:
    said = text(connection(), width=160)
    assert "seq 1001 (1)  58 B  next 1059 (59)  ack 5001 (1)" in said
    assert "INVALID: it begins 898000 bytes beyond" in said
    assert said.count("[RFC 7323 2.2]") < text(connection(), width=160, verbose=True).count(
        "[RFC 7323 2.2]"
    )


def test_the_ladder_alone_has_no_prose() -> None:
    stream = io.StringIO()
    explain_text.write(connection(), stream, Options(), prose=False)
    assert "#1" not in stream.getvalue() and "▶" in stream.getvalue()


def test_the_drawing_is_xml_with_an_arrow_for_each_packet() -> None:
    stream = io.StringIO()
    explain_svg.write(connection(), stream)
    drawn = ElementTree.fromstring(stream.getvalue())
    arrows = [p for p in drawn.iter(f"{SVG}path") if p.get("class", "").startswith("arrow")]
    assert [arrow.get("class") for arrow in arrows] == [
        "arrow plain", "arrow plain", "arrow plain", "arrow plain", "arrow invalid", "arrow odd",
    ]  # fmt: skip
    assert drawn.find(f"{SVG}script") is None
    assert "prefers-color-scheme: dark" in stream.getvalue()


def test_the_page_asks_for_nothing_and_runs_nothing() -> None:
    page = explain_html.page(connection())
    assert "default-src 'none'" in page
    assert not re.search(r"<script|<link|<img|src=|https?://(?!www\.w3\.org/2000/svg)", page)
    for packet in range(1, 7):
        assert f'id="packet-{packet}"' in page and f'href="#packet-{packet}"' in page


def test_no_renderer_lets_a_text_off_the_wire_through() -> None:
    said = text(hostile(), width=160, color=True)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e\u200b]", plain)
    page = explain_html.page(hostile())
    drawn = io.StringIO()
    explain_svg.write(hostile(), drawn)
    for made in (page, drawn.getvalue()):
        assert "<script" not in made and "onerror=" not in re.sub(r"&lt;.*?&gt;", "", made)
        assert "\x1b" not in made and "\u202e" not in made
    ElementTree.fromstring(drawn.getvalue())


def test_the_document_fits_its_schema(root: Path) -> None:
    schema = json.loads((root / "docs" / "schema" / "explain.v1.json").read_text(encoding="utf-8"))
    validator = Draft202012Validator(schema)
    for made in (connection(), hostile()):
        stream = io.StringIO()
        explain_json.write(made, stream)
        document = json.loads(stream.getvalue())
        assert list(validator.iter_errors(document)) == []
        assert set(document) == set(schema["properties"]) == set(schema["required"])
        packet = schema["properties"]["packets"]["items"]
        assert set(document["packets"][0]) == set(packet["properties"]) == set(packet["required"])
