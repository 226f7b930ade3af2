"""Simulated captures, analysed and scored against what was simulated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

import wiretell
from lab.score import Scores, score
from lab.sim import Capture, Scenario, simulate, write_pcapng, write_truth
from wiretell.exporter import Options
from wiretell.exporters import exporter
from wiretell.model.report import Report


@dataclass(frozen=True)
class Outcome:
    """What the analysis made of one simulated line, all its public addresses together."""

    n_true: int
    n_found: int
    low: int
    high: int
    ari: float

    @property
    def error(self) -> int:
        """Machines found too many (+) or too few (-)."""
        return self.n_found - self.n_true

    @property
    def covers(self) -> bool:
        """The interval of the count holds the truth."""
        return self.low <= self.n_true <= self.high


def analyse(scenario: Scenario, seed: int, folder: Path) -> tuple[Capture, Report, Scores]:
    """Simulates, writes files in `folder`, reads the capture back, scores the flows' machines."""
    capture = simulate(scenario, seed)
    path = folder / "line.pcapng"
    write_pcapng(path, capture.packets, scenario.snaplen)
    truth, _ = write_truth(path, capture.truth)
    report = wiretell.analyze(path)
    prediction = folder / "line.csv"
    exporter("csv").write(report, prediction, Options())
    return capture, report, score(truth, prediction)


def outcome(scenario: Scenario, seed: int, folder: Path) -> Outcome:
    """Count and attribution of a simulated line against its truth.

    Only machines that sent something count, and the public addresses are added up.
    """
    _, report, scores = analyse(scenario, seed, folder)
    judged = report.addresses.filter(pl.col("address").is_in(list(scenario.nat.public_ips)))
    return Outcome(
        n_true=scores.n_true,
        n_found=int(judged["n_devices"].sum()),
        low=int(judged["low"].sum()),
        high=int(judged["high"].sum()),
        ari=scores.ari,
    )
