"""The history of nanoseconds per stage: what is kept, what is compared, whose words are read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.generate import generate
from bench.stages import STAGES, Measured, append, compared, history, ns_per_packet, passes

ROW = Measured("2026-01-02", "0.1.0", "x86_64, a processor, 2 cores", "headers", "track", 170.0)
TOLD = """\
read                   1000 packets, 0 flows, 0.1 s, 5.1 M/s, CPU 0.01 s
read + decode + track  1000 packets, 5 flows, 0.6 s, 5.1 M/s, CPU 0.20 s
... in two threads     1000 packets, 5 flows, 0.3 s, 5.1 M/s, CPU 0.30 s
... with connections   1000 packets, 5 flows, 0.7 s, 5.1 M/s, CPU 0.40 s
... in two threads     1000 packets, 5 flows, 0.5 s, 5.1 M/s, CPU 0.50 s
a line of something else
"""


def test_the_history_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "results" / "stages.csv"
    assert history(path) == []
    append([ROW], path)
    append([replace(ROW, date="2026-01-03", ns_per_packet=85.04)], path)
    assert history(path) == [ROW, replace(ROW, date="2026-01-03", ns_per_packet=85.0)]
    assert path.read_text().startswith("date,version,machine,capture,stage,ns_per_packet\n")


def test_figures_of_one_class_of_machines_are_compared() -> None:
    before = [ROW, replace(ROW, date="2026-01-03", ns_per_packet=100.0)]
    now = replace(ROW, ns_per_packet=150.0)
    assert compared([now], before)[0].endswith("150.0 ns  (100.0 on 2026-01-03, +50%)")
    elsewhere = replace(now, machine="another")
    assert compared([elsewhere], before)[0].endswith("150.0 ns")


def test_passes_of_the_example_are_named_in_full() -> None:
    whole = "core: read + decode + track"
    assert passes(TOLD) == {
        "core: read": 10_000.0,
        whole: 200_000.0,
        f"{whole} in two threads": 300_000.0,
        f"{whole} with connections": 400_000.0,
        f"{whole} with connections in two threads": 500_000.0,
    }


def test_every_stage_runs(tmp_path: Path) -> None:
    path = tmp_path / "small.pcap"
    generate(path, 2000, 74)
    assert all(ns_per_packet(stage, str(path), 2000, 1) > 0 for stage in STAGES.values())
