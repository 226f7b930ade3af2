"""A report cut by address: the same rows from memory and from files, judged or not."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from fixtures.report import ALONE, NAT, make_report
from polars.testing import assert_frame_equal

from wiretell.errors import ConfigError
from wiretell.explore.background import _saved
from wiretell.explore.colours import colouring
from wiretell.explore.held import InMemory, unjudged
from wiretell.explore.sides import side_table
from wiretell.explore.view import View
from wiretell.explore.workspace import Opened
from wiretell.exporter import Options
from wiretell.exporters import parquet
from wiretell.pipeline import judge, measure
from wiretell.sources.by_address import SavedByAddress

EXAMPLE = Path(__file__).parents[3] / "examples" / "single.pcap.zst"


def test_files_and_memory_hold_the_same_of_an_address(tmp_path: Path) -> None:
    report = make_report()
    parquet.write(report, tmp_path / "report", Options())
    files, memory = SavedByAddress(tmp_path / "report"), InMemory(report)
    assert_frame_equal(files.addresses, memory.addresses)
    assert files.n_flows == memory.n_flows == report.flows.height
    flow_ids = report.flows["flow_id"].to_list()[:5]
    assert files.addresses_of(flow_ids) == memory.addresses_of(flow_ids)
    for asked in ((NAT,), (ALONE,), (NAT, ALONE), ("192.0.2.250",), ()):
        for name, rows in files.of(*asked).tables().items():
            every = memory.of(*asked).tables()[name].select(rows.columns)
            assert_frame_equal(rows, every, check_row_order=False)
    assert files.of(NAT).members.height == (report.members["address"] == NAT).sum() > 0
    table = side_table(files.of(NAT), NAT)
    assert_frame_equal(table, side_table(memory.of(NAT), NAT), check_row_order=True)


def test_a_damaged_part_of_a_saved_report_is_named(tmp_path: Path) -> None:
    parquet.write(make_report(), tmp_path / "report", Options())
    held = SavedByAddress(tmp_path / "report")
    (tmp_path / "report" / "samples.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(ConfigError, match=r"samples\.parquet"):
        held.of(NAT)
    with pytest.raises(ConfigError, match=r"samples\.parquet"):
        SavedByAddress(tmp_path / "report")
    (tmp_path / "report" / "flows.parquet").unlink()
    with pytest.raises(ConfigError, match=r"lacks flows\.parquet"):
        SavedByAddress(tmp_path / "report")


def test_the_order_of_addresses_and_flows_does_not_wait_for_machines() -> None:
    measured = measure(EXAMPLE)
    before, after = InMemory(unjudged(measured)), InMemory(judge(measured))
    order = ["address", "n_opened", "n_flows"]
    assert_frame_equal(before.addresses.select(order), after.addresses.select(order))
    assert before.addresses["n_devices"].null_count() == before.addresses.height > 1
    address = before.addresses["address"][0]
    early = View(Opened(before.of(address), before.of(address)), address)
    late = early.edited(Opened(after.of(address), after.of(address)))
    key = ["row", "flow_id", "side", "src_port"]
    assert_frame_equal(early.sides.select(key), late.sides.select(key))
    assert early.sides["device"].null_count() == early.sides.height
    assert late.sides["device"].null_count() < late.sides.height
    assert not early.is_judged
    assert late.is_judged
    assert not len(early.points["drift"].x)
    assert colouring(early.sides, "syn").counts[0] > 0


def test_what_is_shown_marked_and_selected_outlives_the_judgement() -> None:
    measured = measure(EXAMPLE)
    before, after = InMemory(unjudged(measured)), InMemory(judge(measured))
    address = before.addresses["address"][0]
    early = View(Opened(before.of(address), before.of(address)), address)
    early.filter("proto = tcp")
    early.highlight("dst_port = 443")
    early.choose_rows([0, 1])
    late = early.edited(Opened(after.of(address), after.of(address)))
    assert late.shown is early.shown
    assert late.marked is early.marked
    assert late.selected()["row"].to_list() == [0, 1]


def test_a_report_that_cannot_be_saved_is_kept_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    held, folder, problem = _saved(make_report(), tmp_path / "file" / "report")
    assert folder is None
    assert "could not be saved" in problem
    assert held.of(NAT).members.height > 0
    held, folder, problem = _saved(make_report(), tmp_path / "report")
    assert (folder, problem) == (tmp_path / "report", "")
    assert isinstance(held.addresses, pl.DataFrame)
