"""What all pages share: the edits, their log, and word of every change."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.report import ALONE, NAT, make_report
from polars.testing import assert_frame_equal

from wiretell.devices.edit_log import EditLog
from wiretell.devices.edits import Merge, Move, Rename, Split
from wiretell.explore.held import InMemory, unjudged
from wiretell.explore.judging import Judging
from wiretell.explore.workspace import MOST_OPEN, Workspace
from wiretell.exporter import Options
from wiretell.exporters import parquet
from wiretell.sources.saved import load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    parquet.write(make_report(), tmp_path / "report", Options())
    return tmp_path / "report"


def test_it_keeps_the_log(folder: Path) -> None:
    work = Workspace.open(folder)
    work.edit(Merge((f"{NAT}#1", f"{NAT}#2")))
    work.edit(Rename(f"{NAT}#3", "x"))
    assert work.undo() == Rename(f"{NAT}#3", "x")
    again = Workspace.open(folder)
    assert again.log == work.log
    assert_frame_equal(again.addresses, work.addresses)
    assert_frame_equal(again.opened(NAT).report.devices, work.opened(NAT).report.devices)
    assert again.redo() == Rename(f"{NAT}#3", "x")
    assert again.redo() is None
    with pytest.raises(ValueError, match="no machine"):
        again.edit(Rename("gone", "y"))
    with pytest.raises(ValueError, match="no machine"):
        again.edit(Merge((f"{NAT}#1", f"{ALONE}#1")))
    assert len(again.log.edits) == 2


def test_a_name_that_changes_nothing_is_no_edit() -> None:
    work = Workspace(InMemory(make_report()), None, EditLog())
    with pytest.raises(ValueError, match="into the box"):
        work.edit(Rename(f"{NAT}#3", " "))
    work.edit(Rename(f"{NAT}#3", "x"))
    with pytest.raises(ValueError, match="already"):
        work.edit(Rename(f"{NAT}#3", "x"))
    work.edit(Rename(f"{NAT}#3", ""))  # takes the name back
    assert len(work.log.edits) == 2


def test_it_shows_what_a_loaded_report_shows(folder: Path) -> None:
    work = Workspace.open(folder)
    own = work.opened(NAT).report.members
    sides = own.filter(own["device"] == f"{NAT}#1").select("flow_id", "side").rows()
    work.edit(Merge((f"{NAT}#4", f"{NAT}#2")))
    work.edit(Split(f"{NAT}#1", tuple(sides[:3])))
    work.edit(Move(tuple(sides[3:5]), None))
    work.edit(Rename(f"{ALONE}#1", "printer"))
    whole = load(folder)
    for address in (NAT, ALONE):
        shown = work.opened(address).report
        for name in ("devices", "members", "addresses"):
            expected = whole.tables()[name]
            assert_frame_equal(
                shown.tables()[name],
                expected.filter(expected["address"] == address),
                check_row_order=False,
            )
    counted = work.addresses.select(whole.addresses.columns)
    assert_frame_equal(counted, whole.addresses, check_row_order=False)
    for _ in range(4):
        work.undo()
    assert work.opened(NAT).report.members.equals(work.opened(NAT).measured.members)
    assert_frame_equal(work.addresses, Workspace.open(folder).addresses)


def test_edits_of_another_report_are_named(folder: Path) -> None:
    Workspace.open(folder).edit(Rename(f"{NAT}#1", "x"))
    edits = folder / "edits.json"
    edits.write_text(edits.read_text().replace("#1", "#77"))
    assert "#77" in Workspace.open(folder).problems[0]


def test_every_change_is_told_to_all_until_they_leave() -> None:
    work = Workspace(InMemory(make_report()), None, EditLog())
    heard: list[int] = []
    leave = work.listen(lambda: heard.append(1))
    work.listen(lambda: heard.append(2))
    work.edit(Rename(f"{NAT}#1", "x"))
    assert heard == [1, 2]
    leave()
    assert work.undo() is not None
    assert heard == [1, 2, 2]
    assert work.undo() is None
    assert heard == [1, 2, 2]


def test_nothing_is_edited_before_machines_are_told_apart(tmp_path: Path) -> None:
    report = make_report()
    early = InMemory(unjudged(report))
    promised = tmp_path / "report"
    begun = Judging.begun(early.addresses.height)
    work = Workspace(early, None, EditLog(), state=begun, promised=promised)
    revision = work.revision
    with pytest.raises(ValueError, match="not told apart yet"):
        work.edit(Rename(f"{NAT}#1", "x"))
    work.advance(work.state.advanced(1))
    assert work.revision == revision  # nothing to draw again
    parquet.write(report, promised, Options())
    judged = InMemory(report)
    work.judged(judged, promised, work.state.finished())
    assert work.revision > revision
    work.edit(Rename(f"{NAT}#1", "x"))
    assert (promised / "edits.json").exists()


def test_few_addresses_are_kept_in_memory() -> None:
    report = make_report()
    work = Workspace(InMemory(report), None, EditLog())
    first = work.opened(NAT)
    assert work.opened(NAT) is first
    for address in work.addresses["address"].to_list()[1 : MOST_OPEN + 2]:
        work.opened(address)
    if work.addresses.height > MOST_OPEN:
        assert work.opened(NAT) is not first
