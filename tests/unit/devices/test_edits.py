"""An analyst's edits: what the tables say afterwards, and that nothing measured is lost."""

from __future__ import annotations

import json
from dataclasses import replace

import polars as pl
import pytest
from fixtures.report import ALONE, NAT, make_report
from hypothesis import given, settings
from hypothesis import strategies as st

from wiretell.devices.edit_log import EditLog, from_json, to_json
from wiretell.devices.edits import (
    Annotate,
    Edit,
    Merge,
    Move,
    Rename,
    Split,
    apply_edit,
    apply_edits,
    describe_edit,
)
from wiretell.model.report import Report


def sides_of(report: Report, device: str) -> list[tuple[int, int]]:
    own = report.members.filter(pl.col("device") == device)
    return list(zip(own["flow_id"].to_list(), own["side"].to_list(), strict=True))


def device(report: Report, name: str) -> dict[str, object]:
    return report.devices.row(by_predicate=pl.col("device") == name, named=True)


def count(report: Report, address: str) -> dict[str, object]:
    return report.addresses.row(by_predicate=pl.col("address") == address, named=True)


def test_a_merge_is_one_machine_with_the_flows_of_all() -> None:
    before = make_report()
    after = apply_edit(before, Merge((f"{NAT}#4", f"{NAT}#2")))
    assert f"{NAT}#4" not in after.devices["device"].to_list()
    row = device(after, f"{NAT}#2")
    both = [device(before, f"{NAT}#{number}") for number in (2, 4)]
    assert row["n_flows"] == sum(one["n_flows"] for one in both)
    assert row["bytes_out"] == sum(one["bytes_out"] for one in both)
    assert row["names"] == both[0]["names"] + both[1]["names"]
    assert row["confidence"] is None
    assert row["reasons"][0] == "The analyst merged #2, #4."
    assert sorted(sides_of(after, f"{NAT}#2")) == sorted(
        sides_of(before, f"{NAT}#2") + sides_of(before, f"{NAT}#4")
    )
    assert count(after, NAT)["n_devices"] == 4
    assert (count(after, NAT)["low"], count(after, NAT)["high"]) == (4, 6)


def test_evidence_follows_a_merge() -> None:
    report = make_report()
    moved = apply_edit(report, Merge((f"{NAT}#2", f"{NAT}#5"))).evidence
    assert moved["b"].to_list() == [f"{NAT}#2"]
    gone = apply_edit(report, Merge((f"{NAT}#1", f"{NAT}#5"))).evidence
    assert gone.is_empty()


def test_a_split_is_a_new_machine_and_the_rest() -> None:
    before = make_report()
    chosen = tuple(sides_of(before, f"{NAT}#1")[:5])
    after = apply_edit(before, Split(f"{NAT}#1", chosen))
    part, rest = device(after, f"{NAT}#6"), device(after, f"{NAT}#1")
    assert (part["n_flows"], rest["n_flows"]) == (5, 7)
    assert part["bytes_out"] == 5 * 1200
    assert part["bytes_in"] == 5 * 60_400
    assert part["clock_hz"] is None
    assert rest["clock_hz"] == 250.0
    assert rest["first_ns"] > part["first_ns"]
    assert sides_of(after, f"{NAT}#6") == list(chosen)
    assert count(after, NAT)["n_devices"] == 6
    assert after.members.height == before.members.height


def test_a_number_is_never_given_twice() -> None:
    report = make_report()
    report = apply_edit(report, Merge((f"{NAT}#4", f"{NAT}#5")))
    chosen = tuple(sides_of(report, f"{NAT}#1")[:2])
    report = apply_edit(report, Split(f"{NAT}#1", chosen))
    assert f"{NAT}#6" in report.devices["device"].to_list()


def test_flows_are_moved_and_a_machine_without_flows_is_gone() -> None:
    before = make_report()
    own = tuple(sides_of(before, f"{NAT}#3"))
    after = apply_edit(before, Move(own, f"{NAT}#2"))
    assert f"{NAT}#3" not in after.devices["device"].to_list()
    assert device(after, f"{NAT}#2")["n_flows"] == 24
    assert count(after, NAT)["n_devices"] == 4
    nobody = apply_edit(before, Move(own[:4], None))
    assert device(nobody, f"{NAT}#3")["n_flows"] == len(own) - 4
    assert nobody.members["device"].null_count() == before.members["device"].null_count() + 4


def test_names_and_notes() -> None:
    report = apply_edit(make_report(), Rename(f"{NAT}#1", "Anna's  phone"))
    assert device(report, f"{NAT}#1")["looks_like"] == "“Anna's phone” (Android 9)"
    report = apply_edit(report, Rename(f"{NAT}#1", "Ben's"))
    assert device(report, f"{NAT}#1")["looks_like"] == "“Ben's” (Android 9)"
    report = apply_edit(report, Rename(f"{NAT}#1", " "))
    assert device(report, f"{NAT}#1")["looks_like"] == "Android 9"
    report = apply_edit(report, Annotate(f"{NAT}#1", "seen in room 12"))
    assert device(report, f"{NAT}#1")["reasons"][0] == "Note: seen in room 12"


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (Merge((f"{NAT}#1",)), "two machines or more"),
        (Merge((f"{NAT}#1", f"{ALONE}#1")), "two addresses"),
        (Merge((f"{NAT}#1", f"{NAT}#99")), "no machine"),
        (Split(f"{NAT}#1", ((1, 0),)), "none of these flows"),
        (Split(f"{NAT}#1", tuple((n, 0) for n in range(60))), "nothing would be left"),
        (Move(((10_000, 0),), f"{NAT}#1"), "none of these flows"),
        (Rename("nobody", "x"), "no machine nobody"),
        (Annotate(f"{NAT}#1", "  "), "words"),
    ],
)
def test_edits_that_do_not_fit_say_why_and_change_nothing(edit: Edit, words: str) -> None:
    report = make_report()
    with pytest.raises(ValueError, match=words):
        apply_edit(report, edit)
    same, problems = apply_edits(report, [edit])
    assert same.devices.equals(report.devices)
    assert words in problems[0]


def test_undo_and_redo() -> None:
    log = EditLog().add(Rename("a", "1")).add(Rename("a", "2")).undo()
    assert [edit.name for edit in log.active] == ["1"]  # type: ignore[union-attr]
    assert log.redo().active == log.edits
    assert log.undo().undo().undo().active == ()
    assert log.add(Rename("a", "3")).edits == (Rename("a", "1"), Rename("a", "3"))


def test_no_verdict_of_the_engine_speaks_of_edited_machines() -> None:
    before = make_report()
    told = count(before, NAT)
    own = tuple(sides_of(before, f"{NAT}#1"))
    first, second = Merge((f"{NAT}#1", f"{NAT}#2")), Merge((f"{NAT}#1", f"{NAT}#3"))
    for edit in (first, Split(f"{NAT}#1", own[:2]), Move(own[:2], f"{NAT}#2"), Move(own[:2], None)):
        row = count(apply_edit(before, edit), NAT)
        assert row["verdict"] == "edited"
        assert len(row["reasons"]) == 2
        assert row["reasons"][0].startswith("The analyst")
        assert not set(row["reasons"]) & set(told["reasons"])
    interval = f"{told['low']}-{told['high']}"
    engine = f"Before the edits it was told: 5 machines (90 %: {interval}), {told['verdict']}."
    twice, _ = apply_edits(before, [first, second, Rename(f"{NAT}#4", "x")])
    assert count(twice, NAT)["reasons"] == [
        "The analyst merged #1, #3.",
        engine,
        "The analyst merged #1, #2.",
    ]
    named = apply_edit(before, Rename(f"{NAT}#1", "x"))
    assert count(named, NAT) == told
    assert count(twice, ALONE) == count(before, ALONE)


def test_a_merged_machine_is_not_told_from_its_own_parts() -> None:
    report = make_report()
    apart = [f"not {NAT}#2: other clocks: -11.0 bits", f"not {NAT}#4: other clocks: -12.0 bits"]
    is_first = pl.col("device") == f"{NAT}#1"
    given = pl.when(is_first).then(pl.lit(apart, pl.List(pl.String))).otherwise("reasons")
    report = replace(report, devices=report.devices.with_columns(given.alias("reasons")))
    reasons = device(apply_edit(report, Merge((f"{NAT}#1", f"{NAT}#2"))), f"{NAT}#1")["reasons"]
    assert apart[0] not in reasons
    assert apart[1] in reasons


NAMES = st.sampled_from([f"{NAT}#{number}" for number in range(1, 8)])
SIDES = st.lists(st.tuples(st.integers(0, 64), st.integers(0, 1)), max_size=12).map(tuple)
EDITS = st.one_of(
    st.builds(Merge, st.lists(NAMES, max_size=3).map(tuple)),
    st.builds(Split, NAMES, SIDES),
    st.builds(Move, SIDES, st.none() | NAMES),
    st.builds(Rename, NAMES, st.text(max_size=20)),
    st.builds(Annotate, NAMES, st.text(max_size=20)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(EDITS, max_size=6), st.integers(0, 6))
def test_any_edits_keep_the_tables_whole(edits: list[Edit], n_undone: int) -> None:
    before = make_report()
    log = EditLog(tuple(edits), min(n_undone, len(edits)))
    assert from_json(json.loads(json.dumps(to_json(log)))) == log
    after, _ = apply_edits(before, log.active)
    assert after.members.drop("device", "confidence", "reason").equals(
        before.members.drop("device", "confidence", "reason")
    )
    for name, table in after.tables().items():
        assert table.schema == before.tables()[name].schema
    held = after.members.drop_nulls("device").group_by("device").len().sort("device")
    told = after.devices.select("device", pl.col("n_flows").alias("len")).sort("device")
    known = told.filter(pl.col("device").str.starts_with(NAT))
    assert held.filter(pl.col("device").str.starts_with(NAT))["device"].equals(known["device"])
    n_machines = after.devices.filter(pl.col("address") == NAT)["n_machines"].sum()
    assert count(after, NAT)["n_devices"] == max(1, n_machines)
    assert all(describe_edit(edit) for edit in edits)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"version": 2, "edits": [], "n_undone": 0},
        {"version": 1, "edits": [{"kind": "burn"}], "n_undone": 0},
        {"version": 1, "edits": [{"kind": "split", "device": "a"}], "n_undone": 0},
        {
            "version": 1,
            "edits": [{"kind": "move", "device": None, "sides": [[1, 5]]}],
            "n_undone": 0,
        },
        {"version": 1, "edits": [], "n_undone": 3},
    ],
)
def test_what_is_no_log_is_refused_in_words(value: object) -> None:
    with pytest.raises(ValueError, match="not a"):
        from_json(value)
