"""Head counts and attribution on real captures with known truth."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import wiretell
from lab.score import score
from wiretell.exporter import Options
from wiretell.exporters import exporter

KNOWN = [
    # capture, machines, error allowed, least ARI
    ("nat/single_a", 1, 0, 1.0),
    ("nat/phones_a", 5, 0, 0.88),
    ("nat/iot_a", 7, 1, 0.85),
    ("nat/mixed_a", 5, 1, 0.85),
    ("lab/vm6", 6, 0, 0.95),
    ("lab/vm6short", 6, 0, 0.95),
    ("lab/mixed8", 8, 0, 0.95),
]


def _pair(captures: Path, name: str) -> tuple[Path, Path]:
    capture, truth = captures / f"{name}.pcap", captures / f"{name}.truth.csv"
    for path in (capture, truth):
        if not path.is_file():
            pytest.skip(f"{path.name} is not among the shared captures")
    return capture, truth


@pytest.mark.parametrize(("name", "n_machines", "error", "least_ari"), KNOWN)
def test_machines_behind_one_address(
    captures: Path, tmp_path: Path, name: str, n_machines: int, error: int, least_ari: float
) -> None:
    capture, truth = _pair(captures, name)
    with truth.open(newline="", encoding="utf-8") as file:
        nat_ip = next(csv.DictReader(file))["nat_ip"]
    report = wiretell.analyze(capture)
    prediction = tmp_path / "prediction.csv"
    exporter("csv").write(report, prediction, Options())
    scores = score(truth, prediction)
    row = report.addresses.row(by_predicate=pl.col("address") == nat_ip, named=True)
    assert scores.n_true == n_machines
    assert abs(row["n_devices"] - n_machines) <= error
    assert row["low"] <= n_machines <= row["high"]
    assert scores.ari >= least_ari
    assert scores.coverage >= 0.94  # what nothing tells stays without a machine
    assert not report.provenance["failed_signals"]
    _check_by_their_scorer(captures, truth, prediction, scores.ari)


def _check_by_their_scorer(captures: Path, truth: Path, prediction: Path, ari: float) -> None:
    """The captures' own scorer knows no times: flows of one 5-tuple count once there."""
    scorer = captures / "score.py"
    if not scorer.is_file():
        return
    done = subprocess.run(
        [sys.executable, str(scorer), "--json", str(truth), str(prediction)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["ari"] == pytest.approx(ari, abs=0.02)


@pytest.mark.parametrize("folder", ["multi-clock", "NAT-source"])
def test_single_clients_are_never_split(captures: Path, folder: str) -> None:
    """One machine behind each client address, whatever it shows.

    Offsets drawn for each connection, rates off nominal, several User-Agents, two distances,
    several days in one file.
    """
    paths = sorted((captures / folder).glob("*.pcap*"))
    if not paths:
        pytest.skip(f"no {folder} captures among the shared captures")
    split = [
        (path.name, address, n_devices)
        for path in paths
        for address, n_devices in wiretell.analyze(path)
        .addresses.filter(pl.col("role") == "client")
        .select("address", "n_devices")
        .iter_rows()
        if n_devices != 1
    ]
    assert not split
