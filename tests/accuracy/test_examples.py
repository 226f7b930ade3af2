"""The shipped examples: the command line's CSV against their truth."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from lab.score import score


@pytest.mark.parametrize(
    ("name", "n_machines", "coverage"),
    # In the office a few look-ups could be of several machines.
    [("office", 6, 0.98), ("single", 1, 1.0), ("counters", 4, 1.0)],
)
def test_examples(root: Path, tmp_path: Path, name: str, n_machines: int, coverage: float) -> None:
    truth = root / "examples" / f"{name}.truth.csv"
    with truth.open(newline="", encoding="utf-8") as file:
        nat_ip = next(csv.DictReader(file))["nat_ip"]
    prediction = tmp_path / "flows.csv"
    capture = root / "examples" / f"{name}.pcap.zst"
    done = subprocess.run(
        [sys.executable, "-m", "wiretell", "devices", capture, f"--csv={prediction}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with prediction.open(newline="", encoding="utf-8") as file:
        named = {row["device"] for row in csv.DictReader(file) if row["src"] == nat_ip}
    scores = score(truth, prediction)
    assert len(named - {""}) == scores.n_true == n_machines
    assert scores.coverage >= coverage
    assert scores.pair_precision >= 0.95
    assert score(truth, prediction, frozenset({"tcp"})).ari >= 0.98
