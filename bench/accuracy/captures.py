"""The capture of a draw and its truth, simulated or taken from the cache."""

from __future__ import annotations

import csv
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.accuracy import fingerprint, superposed
from lab.score import TrueFlows, read_truth
from lab.sim.draws import draw
from lab.sim.simulate import simulate
from lab.sim.truth import write_truth
from lab.sim.write import write_pcapng

SUPERPOSED = "shared"
"""The row whose captures are not simulated."""


@dataclass(frozen=True)
class TrueMachine:
    """What the truth file says of a machine.

    `ts_regime` is None where the truth does not know it; so is `hz`, and where it sends none.
    """

    device: str
    ts_regime: str | None
    hz: float | None


@dataclass(frozen=True)
class Drawn:
    """A capture on disk, its flows and machines; `rewritten` where the NAT makes timestamps new."""

    path: Path
    flows: TrueFlows
    machines: dict[str, TrueMachine]
    rewritten: bool


@contextmanager
def drawn(row: str, seed: int, cache: Path | None) -> Iterator[Drawn]:
    """The capture of this draw; without a `cache` folder it is gone afterwards.

    A cached capture is found by the fingerprint of the simulator, so that a change of that makes
    a new one. Raises ValueError if there is no such row, OSError.
    """
    rewritten = row != SUPERPOSED and draw(row, seed).nat.modulates_timestamps
    if cache is None:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "draw.pcapng"
            _make(row, seed, path)
            yield _read(path, rewritten)
        return
    folder = cache / fingerprint.simulator() / row
    folder.mkdir(parents=True, exist_ok=True)
    found = _cached(folder, seed)
    if found is None:
        found = _fill(folder, row, seed)
    yield _read(found, rewritten)


def _cached(folder: Path, seed: int) -> Path | None:
    places = (folder / f"{seed}.pcapng.zst", folder / f"{seed}.pcapng")
    return next((path for path in places if path.is_file()), None)


def _fill(folder: Path, row: str, seed: int) -> Path:
    """Makes the files aside and moves them in, the capture last: what is there is whole."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path = Path(name) / f"{seed}.pcapng"
        _make(row, seed, path)
        if (zstd := shutil.which("zstd")) is not None:
            subprocess.run([zstd, "-q", "-1", "--rm", path], check=True)
            path = path.with_suffix(".pcapng.zst")
        for other in Path(name).glob("*.csv"):
            other.replace(folder / other.name)
        return path.replace(folder / path.name)


def _make(row: str, seed: int, path: Path) -> None:
    if row == SUPERPOSED:
        superposed.make(seed, path)
        return
    scenario = draw(row, seed)
    capture = simulate(scenario, seed)
    write_pcapng(path, capture.packets, scenario.snaplen)
    write_truth(path, capture.truth)


def _read(path: Path, rewritten: bool) -> Drawn:
    stem = path.name.split(".")[0]
    flows = read_truth(path.with_name(f"{stem}.truth.csv"))
    with path.with_name(f"{stem}.devices.csv").open(newline="", encoding="utf-8") as file:
        machines = {
            row["device_id"]: TrueMachine(
                row["device_id"],
                row.get("ts_regime"),
                float(row["hz"]) if row.get("hz") else None,
            )
            for row in csv.DictReader(file)
        }
    return Drawn(path, flows, machines, rewritten)
