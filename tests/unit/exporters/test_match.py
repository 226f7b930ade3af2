"""What match found, as text, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from match_profiles import clock, line, profile, profile_set

from wiretell.exporter import Options
from wiretell.exporters import match_csv, match_json, match_text
from wiretell.findings.match.across import match
from wiretell.findings.match.aliases import aliases
from wiretell.findings.match.link_back import link_back
from wiretell.findings.match.siblings import siblings

EVIL = "203.0.113.7\x1b[31m"
FIRST = profile_set(
    profile(EVIL, clock(80.0, 0.1, line(5e8)), labels={"ja4": {"=t13d": 3}}),
    profile("192.0.2.2", clock(-35.0, 0.1, line(6e8))),
    profile("192.0.2.3"),
    profile("2001:db8::2", clock(-35.01, 0.1, line(6e8))),
    source="=monday",
)
SECOND = profile_set(
    profile("198.51.100.1", clock(80.1, 0.1), labels={"ja4": {"=t13d": 3}}, first_s=9e4),
    profile("198.51.100.2", first_s=9e4),
    source="tuesday",
)
FOUND: dict[str, Any] = {
    "match": [match(FIRST, SECOND)],
    "siblings": [siblings(FIRST)],
    "aliases": aliases(FIRST),
    "link-back": link_back(FIRST, SECOND),
}


@pytest.mark.parametrize("asked", FOUND)
def test_the_document_follows_its_schema(asked: str, root: Path) -> None:
    schema = json.loads((root / "docs/schema/match.v1.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    stream = io.StringIO()
    match_json.write(FOUND[asked], stream, asked)
    jsonschema.validate(json.loads(stream.getvalue()), schema)


@pytest.mark.parametrize("asked", FOUND)
@pytest.mark.parametrize("verbose", [False, True])
def test_text_is_plain_and_fits(asked: str, *, verbose: bool) -> None:
    stream = io.StringIO()
    match_text.write(FOUND[asked], stream, Options(width=90, verbose=verbose), asked)
    text = stream.getvalue()
    assert "\x1b" not in text
    assert max(len(text_line) for text_line in text.splitlines()) <= 90


def test_text_says_what_was_found_by_what_and_how_often_that_errs() -> None:
    stream = io.StringIO()
    match_text.write(FOUND["match"], stream, Options(), "match")
    text = stream.getvalue()
    assert "1 of 4 machines found again" in text
    assert "clock rates agree: +80.00 and +80.10 ppm" in text
    assert "How often this errs was not measured: 7 wrong pairs" in text
    assert "its clock runs free, at -35.00" in text


def test_cells_are_no_formulas() -> None:
    stream = io.StringIO()
    match_csv.write(FOUND["match"], stream)
    rows = list(csv.DictReader(io.StringIO(stream.getvalue())))
    assert [row["decision"] for row in rows].count("same machine") == 1
    assert rows[0]["source_a"] == "'=monday"
    assert "\x1b" not in stream.getvalue()


def test_aliases_are_rows_by_group() -> None:
    stream = io.StringIO()
    match_csv.write(FOUND["aliases"], stream)
    rows = list(csv.DictReader(io.StringIO(stream.getvalue())))
    grouped = [row["device"] for row in rows if row["group"] == "1"]
    assert grouped == ["192.0.2.2#1", "2001:db8::2#1"]
