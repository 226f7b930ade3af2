"""What all pages share: the edits, their log, and word of every change."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import pytest
from fixtures.report import ALONE, NAT, make_report
from polars.testing import assert_frame_equal

from wiretell.devices.edit_log import EditLog
from wiretell.devices.edits import Annotate, Merge, Move, Rename, Split
from wiretell.errors import ConfigError
from wiretell.explore import edits_file
from wiretell.explore.held import InMemory, unjudged
from wiretell.explore.judging import Judging
from wiretell.explore.workspace import MOST_OPEN, Workspace
from wiretell.exporter import Options
from wiretell.exporters import parquet
from wiretell.sources.saved import load, load_edits


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


def test_no_edit_of_two_who_edit_one_report_is_lost(folder: Path) -> None:
    one, two = Workspace.open(folder), Workspace.open(folder)
    heard: list[int] = []
    two.opened(NAT)
    two.listen(lambda: heard.append(two.revision))
    one.edit(Rename(f"{NAT}#1", "one"))
    two.edit(Rename(f"{NAT}#2", "two"))
    one.edit(Annotate(f"{NAT}#3", "three"))
    log = load_edits(folder)
    assert len(log.edits) == 3
    assert one.log == log
    assert two.log.edits == log.edits[:2]
    assert len(heard) == 2  # of what was taken in, and of its own
    looks = two.opened(NAT).report.devices["looks_like"].to_list()
    assert sum(text.startswith(("“one”", "“two”")) for text in looks) == 2
    assert_frame_equal(Workspace.open(folder).addresses, one.addresses)


def test_an_edit_that_fits_no_more_is_refused_and_the_others_shown(folder: Path) -> None:
    one, two = Workspace.open(folder), Workspace.open(folder)
    own = two.opened(NAT).report.members
    sides = tuple(own.filter(own["device"] == f"{NAT}#1").select("flow_id", "side").rows()[:4])
    one.edit(Merge((f"{NAT}#1", f"{NAT}#2")))
    with pytest.raises(ValueError, match=r"made elsewhere .* no machine .*#2"):
        two.edit(Rename(f"{NAT}#2", "two"))
    assert two.log == one.log == load_edits(folder)
    assert_frame_equal(two.addresses, one.addresses)
    assert_frame_equal(two.opened(NAT).report.devices, one.opened(NAT).report.devices)
    one.edit(Split(f"{NAT}#1", sides[:2]))
    with pytest.raises(ValueError, match="of another machine now"):
        two.edit(Split(f"{NAT}#1", sides))
    one.edit(Rename(f"{NAT}#3", "x"))
    with pytest.raises(ValueError, match="nothing was undone yet"):
        two.undo()
    assert two.undo() == Rename(f"{NAT}#3", "x")
    with pytest.raises(ValueError, match="nothing was done again yet"):
        one.redo()
    assert one.redo() == Rename(f"{NAT}#3", "x")
    assert len(load_edits(folder).active) == 3


def test_an_edit_that_cannot_be_saved_is_not_kept(folder: Path) -> None:
    work = Workspace.open(folder)
    work.edit(Rename(f"{NAT}#1", "kept"))
    before, revision = work.opened(NAT).report, work.revision
    away = folder.with_name("away")
    shutil.move(folder, away)
    for act in (lambda: work.edit(Rename(f"{NAT}#2", "lost")), work.undo):
        with pytest.raises(ValueError, match=r"the folder .* is gone; nothing was changed"):
            act()
    assert work.opened(NAT).report is before
    assert (len(work.log.active), work.revision) == (1, revision)
    shutil.move(away, folder)
    work.edit(Annotate(f"{NAT}#3", "later"))
    assert load_edits(folder).edits == (Rename(f"{NAT}#1", "kept"), Annotate(f"{NAT}#3", "later"))
    assert not list(folder.glob("*.partial"))


def test_a_write_that_fails_leaves_the_old_log(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Workspace.open(folder)
    work.edit(Rename(f"{NAT}#1", "kept"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        with pytest.raises(ValueError, match="No space left on device; nothing was changed"):
            work.edit(Rename(f"{NAT}#2", "lost"))
    assert work.log == load_edits(folder)
    assert not list(folder.glob(".*.partial"))
    work.edit(Rename(f"{NAT}#2", "two"))  # the lock was released
    (folder / "edits.json").write_text("{")
    with pytest.raises(ConfigError, match=r"edits\.json"):
        work.edit(Rename(f"{NAT}#3", "three"))
    assert (folder / "edits.json").read_text() == "{"


def test_a_lock_that_another_process_keeps_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edits_file, "LOCK_WAIT_S", 0.05)
    work = Workspace.open(folder)
    lock = os.open(folder / edits_file.LOCK, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(ValueError, match="another process"):
        work.edit(Rename(f"{NAT}#1", "x"))
    assert work.log == EditLog()
    os.close(lock)
    work.edit(Rename(f"{NAT}#1", "x"))
