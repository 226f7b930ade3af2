"""The JSON document and its schema."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fixtures.report import HOSTILE, NAT, make_report

from wiretell.exporter import Options
from wiretell.exporters import json as json_exporter
from wiretell.exporters.json_schema import schema
from wiretell.model.report import Report

SCHEMA_FILE = Path(__file__).parents[3] / "docs" / "schema" / "devices.v2.json"


def document_of(report: Report, options: Options | None = None) -> Any:
    stream = io.StringIO()
    json_exporter.write(report, stream, options or Options())
    assert stream.getvalue().isascii()

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(stream.getvalue(), parse_constant=refuse)


def test_the_published_schema_is_the_one_of_the_code() -> None:
    assert json.loads(SCHEMA_FILE.read_text(encoding="utf-8")) == schema()
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_document_fits_the_schema() -> None:
    jsonschema.validate(document_of(make_report()), schema())


def test_the_schema_refuses_what_does_not_fit() -> None:
    document = document_of(make_report())
    document["addresses"][0]["devices"][0]["clock_hz"] = "fast"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema())


def test_numbers_that_are_none_are_null() -> None:
    report = make_report()
    devices = report.devices.with_columns(skew_ppm=float("nan"), clock_hz=float("inf"))
    document = document_of(replace(report, devices=devices))
    jsonschema.validate(document, schema())
    assert document["addresses"][0]["devices"][0]["skew_ppm"] is None


def test_hostile_texts_are_kept_whole() -> None:
    nat = document_of(make_report())["addresses"][0]
    assert nat["address"] == NAT
    assert [device["names"][0] for device in nat["devices"][:4]] == list(HOSTILE)


def test_chosen_addresses_only() -> None:
    document = document_of(make_report(), Options(top=1))
    assert [address["address"] for address in document["addresses"]] == [NAT]
    assert {flow["src"] for flow in document["flows"]} == {NAT}
