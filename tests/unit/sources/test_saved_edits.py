"""An analyst's edits beside a saved report: every reader of the report sees them."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from fixtures.report import NAT, make_report

from wiretell.devices.edit_log import EditLog, to_json
from wiretell.devices.edits import Merge, Rename
from wiretell.errors import ConfigError
from wiretell.exporter import Options
from wiretell.exporters import parquet
from wiretell.exporters.notes import notes
from wiretell.model.saved import EDITS
from wiretell.sources.saved import load, load_edits, load_measured


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    parquet.write(make_report(), tmp_path / "report", Options())
    return tmp_path / "report"


def save(folder: Path, log: EditLog) -> None:
    (folder / EDITS).write_text(json.dumps(to_json(log)), encoding="utf-8")


def test_edits_are_applied_and_the_measured_report_stays(folder: Path) -> None:
    log = EditLog().add(Merge((f"{NAT}#1", f"{NAT}#2"))).add(Rename(f"{NAT}#3", "x")).undo()
    save(folder, log)
    assert load_edits(folder) == log
    report = load(folder)
    assert f"{NAT}#2" not in report.devices["device"].to_list()
    assert not report.devices["looks_like"].str.contains("“x”").any()
    assert load_measured(folder).devices.equals(make_report().devices)
    counted = report.addresses.filter(pl.col("address") == NAT)["n_devices"]
    assert counted.to_list() == [4]


def test_edits_of_another_report_are_left_out_and_said(folder: Path) -> None:
    save(folder, EditLog((Rename("192.0.2.99#4", "x"),)))
    report = load(folder)
    assert report.devices.equals(make_report().devices)
    assert any("192.0.2.99#4" in note for note in notes(report))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"version": 9, "edits": [], "n_undone": 0}'])
def test_what_is_no_log_is_an_error_in_words(folder: Path, text: str) -> None:
    (folder / EDITS).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"edits\.json"):
        load(folder)
