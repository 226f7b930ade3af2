"""Nanoseconds of a packet in each stage of the core, with the history kept: python -m bench.stages

Processor time of one thread, so that a busy machine changes little. A stage holds what it takes to
get there: reading, decoding. `--keep` adds the figures to bench/results/stages.csv; they are shown
beside the latest of the same class of machines. `--cargo` adds the passes of `cargo run --release
--example track`, by their own clock.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.run import FOLDER, SNAPLENS, capture
from wiretell._core import FlowCounter, PcapWriter, Reader, Tracker

HISTORY = FOLDER / "results" / "stages.csv"
N_PACKETS = 2_000_000
BATCH = 1 << 18
ALL_AT_ONCE = 1 << 40

_PASS = re.compile(r"^(.+?)\s+(\d+) packets, \d+ flows, .*CPU ([\d.]+) s")


@dataclass(frozen=True)
class Measured:
    """One figure of the history."""

    date: str
    version: str
    machine: str
    capture: str
    stage: str
    ns_per_packet: float


def read(path: str) -> None:
    """Read, and written to nowhere: nothing is decoded."""
    reader, writer = Reader([path]), PcapWriter("/dev/null")
    writer.consume(reader, ALL_AT_ONCE)


def decode(path: str) -> None:
    """Read and decoded into tables, which are thrown away."""
    reader = Reader([path])
    while reader.packets(BATCH) is not None:
        pass


def count(path: str) -> None:
    """Read, decoded and tracked for totals alone, as `flows --count` does."""
    counter, reader = FlowCounter(threads=1), Reader([path])
    counter.consume(reader, ALL_AT_ONCE)
    counter.finish()


def track(**settings: object) -> Callable[[str], None]:
    """Read, decoded and tracked; the rows of flows are handed out, or they would pile up."""

    def run(path: str) -> None:
        tracker, reader = Tracker(threads=1, **settings), Reader([path])  # type: ignore[arg-type]
        while tracker.consume(reader, BATCH):
            tracker.drain_flows()
            tracker.drain_samples()
        tracker.finish()
        tracker.drain_flows()
        tracker.drain_samples()

    return run


_LEAN = {"max_payload_bytes": 0, "samples_per_side": 0, "max_hull": 0}
STAGES: Mapping[str, Callable[[str], None]] = {
    "read": read,
    "read + decode into tables": decode,
    "track, totals alone": count,
    "track + rows, no clocks, no payloads": track(**_LEAN),
    "track + rows": track(),
    "track + rows + analysis": track(analysis=True),
    "track + rows + connections": track(ct="linux"),
}


def ns_per_packet(stage: Callable[[str], None], path: str, n_packets: int, n_runs: int) -> float:
    """The median of some runs."""
    spent = []
    for _ in range(n_runs):
        before = time.process_time_ns()
        stage(path)
        spent.append((time.process_time_ns() - before) / n_packets)
    return statistics.median(spent)


def passes(text: str) -> dict[str, float]:
    """Nanoseconds of a packet by the output of the core's example `track`.

    Passes that begin with dots go on from the one before them.
    """
    told: dict[str, float] = {}
    whole = ""
    for found in filter(None, map(_PASS.match, text.splitlines())):
        name = found[1].replace("...", whole)
        if "threads" not in name:
            whole = name
        told[f"core: {name}"] = float(found[3]) * 1e9 / int(found[2])
    return told


def machine_class() -> str:
    """Processor, model and number of cores: figures of one class are compared."""
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    model = " ".join(found[1].split()) if found else platform.processor() or "unknown"
    return f"{platform.machine()}, {model}, {os.cpu_count()} cores"


def history(path: Path = HISTORY) -> list[Measured]:
    """All rows, the oldest first; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        Measured(
            **{each.name: row[each.name] for each in fields(Measured)[:-1]},
            ns_per_packet=float(row["ns_per_packet"]),
        )
        for row in rows
    ]


def append(rows: Sequence[Measured], path: Path = HISTORY) -> None:
    """Adds rows at the end."""
    is_new = not path.exists()
    path.parent.mkdir(exist_ok=True)
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [each.name for each in fields(Measured)], lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerows(
            {**asdict(row), "ns_per_packet": f"{row.ns_per_packet:.1f}"} for row in rows
        )


def compared(rows: Sequence[Measured], before: Sequence[Measured]) -> list[str]:
    """A line for each row, with the latest figure before it of the same stage and machine."""
    latest = {(row.machine, row.capture, row.stage): row for row in before}
    lines = []
    for row in rows:
        line = f"{row.capture:8} {row.stage:36} {row.ns_per_packet:7.1f} ns"
        if (old := latest.get((row.machine, row.capture, row.stage))) is not None:
            change = row.ns_per_packet / old.ns_per_packet - 1
            line += f"  ({old.ns_per_packet:.1f} on {old.date}, {change:+.0%})"
        lines.append(line)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=N_PACKETS)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cargo", action="store_true", help="the passes of the core's example too")
    parser.add_argument("--keep", action="store_true", help="add the figures to the history")
    arguments = parser.parse_args()
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "version": version("wiretell"),
        "machine": machine_class(),
    }
    rows = []
    for kind in SNAPLENS:
        path = str(capture(arguments.packets, kind))
        told = {
            name: ns_per_packet(stage, path, arguments.packets, arguments.runs)
            for name, stage in STAGES.items()
        }
        if arguments.cargo:
            command = ["cargo", "run", "--quiet", "--release", "--example", "track", "--", path]
            core = FOLDER.parent / "core"
            done = subprocess.run(command, cwd=core, check=True, capture_output=True, text=True)
            told |= passes(done.stdout)
        rows += [
            Measured(**about, capture=kind, stage=name, ns_per_packet=ns)
            for name, ns in told.items()
        ]
    print("\n".join(compared(rows, history())))
    if arguments.keep:
        append(rows)


if __name__ == "__main__":
    main()
