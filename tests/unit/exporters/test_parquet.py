"""Saved reports: written, read again, refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from fixtures.report import make_report

from wiretell.errors import ConfigError
from wiretell.exporter import Options
from wiretell.exporters import parquet
from wiretell.sources.saved import load


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    folder = tmp_path / "deep" / "report"
    parquet.write(make_report(), folder, Options(top=1))
    return folder


def test_comes_back_as_it_was(saved: Path) -> None:
    report, again = make_report(), load(saved)
    for name, frame in report.tables().items():
        assert frame.schema == again.tables()[name].schema
        assert frame.equals(again.tables()[name], null_equal=True), name
    assert again.provenance == report.provenance


def test_same_report_same_bytes(saved: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    parquet.write(load(saved), other, Options())
    names = sorted(path.name for path in saved.iterdir())
    assert names == sorted(path.name for path in other.iterdir())
    for name in names:
        assert (saved / name).read_bytes() == (other / name).read_bytes(), name


def test_replaces_a_report_and_nothing_else(saved: Path, tmp_path: Path) -> None:
    parquet.write(make_report(), saved, Options())
    assert [path.name for path in saved.parent.iterdir()] == ["report"]
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="not a saved report"):
        parquet.write(make_report(), precious, Options())
    assert (precious / "thesis.txt").read_text() == "years of work"
    with pytest.raises(ConfigError, match="folder"):
        parquet.write(make_report(), sys.stdout, Options())


@pytest.mark.parametrize(("schema", "words"), [(99, "newer wiretell"), (1, "older wiretell")])
def test_refuses_another_schema(saved: Path, schema: int, words: str) -> None:
    manifest = json.loads((saved / "report.json").read_text())
    (saved / "report.json").write_text(json.dumps({**manifest, "schema": schema}))
    with pytest.raises(ConfigError, match=words):
        load(saved)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "x", "provenance": {}}', "\x00"])
def test_refuses_a_broken_manifest(saved: Path, text: str) -> None:
    (saved / "report.json").write_text(text)
    with pytest.raises(ConfigError, match="manifest"):
        load(saved)


def test_refuses_broken_tables(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a saved report"):
        load(tmp_path)
    whole = (saved / "flows.parquet").read_bytes()
    (saved / "flows.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigError, match="Parquet"):
        load(saved)
    (saved / "flows.parquet").write_bytes((saved / "members.parquet").read_bytes())
    with pytest.raises(ConfigError, match="columns"):
        load(saved)
    (saved / "flows.parquet").unlink()
    with pytest.raises(ConfigError, match="lacks"):
        load(saved)
