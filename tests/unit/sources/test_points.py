"""Points of real packets: each is there once, with its flow; kept in files as in memory."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import wiretell
from wiretell.errors import ConfigError
from wiretell.exporter import Options
from wiretell.exporters import parquet
from wiretell.model.points import POINTS, POINTS_FOLDER
from wiretell.model.report import Report
from wiretell.pipeline import Config, measure
from wiretell.sources import points as kept
from wiretell.sources.points import PointFiles
from wiretell.sources.saved import load

CAPTURE = "examples/office.pcap.zst"
ALL = POINTS.schema.names()


@pytest.fixture(scope="module")
def report(root: Path) -> Report:
    return measure(root / CAPTURE, points=True)


def _rows(report: Report) -> pl.DataFrame:
    assert report.points is not None
    return pl.concat(list(report.points.batches(ALL)))


def test_every_packet_is_a_point_with_its_fields(report: Report, root: Path) -> None:
    rows = _rows(report)
    assert rows.schema == POINTS.schema
    packets = pl.concat(list(wiretell.read(root / CAPTURE)))
    assert rows["packet"].to_list() == packets["number"].to_list()
    for name in ("time_ns", "ipid", "tsval", "ttl", "sport", "dport", "wire_len", "payload_len"):
        assert rows[name].to_list() == packets[name].to_list(), name
    per_side = rows.group_by("flow_id", "side").len()
    flows = report.flows.select("flow_id", "orig_pkts", "resp_pkts")
    counted = per_side.join(flows, on="flow_id")
    own = pl.when(pl.col("side") == 0).then("orig_pkts").otherwise("resp_pkts")
    assert counted.filter(pl.col("len") != own).is_empty()


def test_initial_sequence_numbers_are_those_of_the_flows(report: Report) -> None:
    syns = _rows(report).filter(pl.col("isn").is_not_null() & (pl.col("side") == 0))
    flows = report.flows.filter(pl.col("orig_n_syn") > 0)
    first = syns.group_by("flow_id").agg(pl.col("isn").first())
    both = flows.join(first, on="flow_id")
    assert both.height == flows.height
    assert (both["orig_isn"] == both["isn"]).all()


def test_round_trips_are_at_least_those_of_the_handshake(report: Report) -> None:
    """The first acknowledgement of a SYN/ACK is the handshake's second half."""
    rows = _rows(report).filter(pl.col("rtt_ns").is_not_null())
    assert rows.height > 1_000
    assert (rows["rtt_ns"] >= 0).all()
    flows = report.flows.filter(pl.col("resp_rtt_ns").is_not_null() & (pl.col("orig_n_syn") == 1))
    first = rows.filter(pl.col("side") == 1).group_by("flow_id").agg(pl.col("rtt_ns").first())
    both = flows.join(first, on="flow_id")
    assert both.height > 100
    assert (both["resp_rtt_ns"] == both["rtt_ns"]).mean() > 0.95  # type: ignore[operator]


def test_points_do_not_depend_on_batches(report: Report, root: Path) -> None:
    cut = measure(root / CAPTURE, points=True, config=Config(batch_packets=1_000))
    assert_frame_equal(_rows(report), _rows(cut))


def test_judging_is_the_same_with_and_without_points(report: Report, root: Path) -> None:
    without = measure(root / CAPTURE)
    assert without.points is None
    for name, table in report.tables().items():
        assert_frame_equal(table, without.tables()[name])


def test_a_saved_report_holds_its_points(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "PART_ROWS", 4_000)
    parquet.write(report, tmp_path / "saved", Options())
    assert len(list((tmp_path / "saved" / POINTS_FOLDER).iterdir())) == 3
    again = load(tmp_path / "saved")
    assert_frame_equal(_rows(again), _rows(report))
    parquet.write(again, tmp_path / "copied", Options())
    assert_frame_equal(_rows(load(tmp_path / "copied")), _rows(report))


def test_points_are_written_while_they_are_read(root: Path, tmp_path: Path) -> None:
    told = measure(root / "examples/single.pcap.zst", points=tmp_path / "points")
    assert told.points is not None
    assert told.points.n_rows == 3_602
    assert sum(1 for _ in (tmp_path / "points").iterdir()) == 1


@pytest.mark.parametrize("damage", ["cut", "other columns", "text"])
def test_damaged_files_are_told(report: Report, tmp_path: Path, damage: str) -> None:
    assert report.points is not None
    report.points.save(tmp_path / "points")
    part = next((tmp_path / "points").iterdir())
    if damage == "cut":
        part.write_bytes(part.read_bytes()[:-200])
    elif damage == "text":
        part.write_text("no Parquet")
    else:
        pl.DataFrame({"packet": [1]}).write_parquet(part)
    with pytest.raises(ConfigError, match="points"):
        PointFiles(tmp_path / "points")
