"""Stages of `devices`: they add up to the process, and the report is that of no measuring."""

from __future__ import annotations

from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from bench.devices_stages import stages
from wiretell import pipeline
from wiretell.signals import ALL

CAPTURE = Path(__file__).parents[3] / "examples" / "single.pcap.zst"


def test_stages_add_up_and_change_nothing() -> None:
    report, seconds, total = stages([str(CAPTURE)])
    assert sum(seconds.values()) == pytest.approx(total)
    assert {"judge: clients", "explain", "score: tcp_timestamp"} <= seconds.keys()
    assert pipeline.ALL is ALL
    assert_frame_equal(report.members, pipeline.analyze(CAPTURE).members)
