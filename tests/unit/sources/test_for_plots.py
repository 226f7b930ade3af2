"""A report read for plots draws what the whole report draws."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wiretell.devices.edit_log import EditLog, to_json
from wiretell.devices.edits import Rename
from wiretell.exporter import Options
from wiretell.exporters import parquet
from wiretell.exporters.notes import notes
from wiretell.model.saved import EDITS
from wiretell.pipeline import analyze
from wiretell.sources.for_plots import load_for_plots
from wiretell.sources.saved import load

EXAMPLE = Path(__file__).parents[3] / "examples" / "single.pcap.zst"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    parquet.write(analyze(EXAMPLE, points=True), folder / "points", Options())
    parquet.write(analyze(EXAMPLE), folder / "samples", Options())
    return folder


@pytest.mark.parametrize(
    ("y", "asked"),
    [
        ("ip_id", "device"),
        ("clock_offset", "user_agent"),
        ("tsval_unwrapped", "syn"),
        ("src_port", "sni"),
        ("window", "web=dst_port = 443 and reverse.flow_ttl > 3"),
    ],
)
def test_what_is_drawn_is_the_same(saved: Path, y: str, asked: str) -> None:
    whole, part = load(saved / "points"), load_for_plots(saved / "points")
    drawn = part.plot(y, highlight=asked).to_dict()
    assert drawn == whole.plot(y, highlight=asked).to_dict()
    assert drawn["n_shown"] > 0
    assert part.samples.is_empty()
    assert part.flows.width < whole.flows.width / 2
    assert notes(part) == notes(whole)


def test_edits_and_missing_packets_need_the_whole_report(saved: Path) -> None:
    assert not load_for_plots(saved / "samples").samples.is_empty()
    folder = saved / "points"
    device = load(folder).devices["device"][0]
    log = EditLog().add(Rename(device, "Anna's phone"))
    (folder / EDITS).write_text(json.dumps(to_json(log)), encoding="utf-8")
    try:
        assert "Anna's phone" in load_for_plots(folder).devices["looks_like"][0]
    finally:
        (folder / EDITS).unlink()
