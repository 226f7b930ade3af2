"""Flows told apart per second, on one address and over many: python -m bench.clustering.

Writes bench/results/clustering.md. The flows are those of the generated captures; only the step
from flows to machines is timed, each case in a process of its own, with a limit.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from bench.generate import generate
from bench.traffic import FLOWS_PER_S
from wiretell._core import Reader, Tracker
from wiretell.devices.engine import find_devices
from wiretell.signals import ALL

FOLDER = Path(__file__).parent
HEADERS = 74
PACKETS_A_FLOW = 130
"""More than the mean: a capture has at least the flows asked for, and is cut to their number."""
MOST_GENERATED = 100_000
"""Flows of one capture; of more, the captures are copies behind other addresses."""
LINE_S = 100
"""Where there are many addresses, a machine's line changes its own this often."""
PLACES = ("one", "many")
_NET = "203.0.113."


@dataclass(frozen=True)
class Timed:
    """Time of `find_devices` in seconds, greatest memory of the process, what was found."""

    wall_s: float
    cpu_s: float
    peak_rss_bytes: int
    n_addresses: int
    n_devices: int


def flow_tables(n_flows: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Flows and observations of a generated capture, kept as Parquet for the next case."""
    folder = FOLDER / "data"
    paths = [folder / f"clustering-{n_flows}-{name}.parquet" for name in ("flows", "said")]
    if not all(path.exists() for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
        capture = folder / f"clustering-{n_flows}.pcap"
        print(f"generating {capture.name}", file=sys.stderr)
        generate(capture, n_flows * PACKETS_A_FLOW, HEADERS)
        for table, path in zip(_tracked(capture, n_flows), paths, strict=True):
            table.write_parquet(path)
        capture.unlink()
    flows, said = (pl.read_parquet(path) for path in paths)
    return flows, said


def _tracked(capture: Path, n_flows: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    reader, tracker = Reader([str(capture)]), Tracker()
    parts: list[pl.DataFrame] = []
    while tracker.consume(reader, 1 << 18):
        if (batch := tracker.drain_flows()) is not None:
            parts.append(pl.DataFrame(batch))
    tracker.finish()
    if (batch := tracker.drain_flows()) is not None:
        parts.append(pl.DataFrame(batch))
    flows = pl.concat(parts).sort("flow_id").head(n_flows)
    if flows.height < n_flows:
        raise ValueError(f"{capture.name}: only {flows.height} flows")
    said = pl.concat(signal.extract(flows) for signal in ALL if signal.extract is not None)
    return flows.drop("orig_payload", "resp_payload", strict=False), said


def placed(
    flows: pl.DataFrame, said: pl.DataFrame, place: str, n_flows: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables with the clients behind one address or many, repeated until `n_flows`."""
    if place == "one":
        own = pl.lit(f"{_NET}1")
    else:
        line = (pl.col("first_ns") - pl.col("first_ns").min()) // (LINE_S * 10**9)
        own = pl.format("{}/{}", pl.col("orig_h"), line)
    flows = flows.with_columns(pl.when(pl.col("orig_h").str.starts_with(_NET)).then(own)
                               .otherwise("orig_h").alias("orig_h"))  # fmt: skip
    names = flows.select("flow_id", "orig_h", "resp_h")
    said = said.join(names, on="flow_id", how="left", maintain_order="left")
    address = pl.when(pl.col("side") == 0).then("orig_h").otherwise("resp_h")
    said = said.with_columns(address.alias("address")).drop("orig_h", "resp_h")
    n_copies = -(-n_flows // flows.height)
    if n_copies == 1:
        return flows, said
    step = flows.height
    copies, words = [], []
    for i in range(n_copies):
        moved = pl.col("flow_id") + pl.lit(i * step, pl.UInt64)
        copies.append(flows.with_columns(moved, _copied("orig_h", i), _copied("resp_h", i)))
        words.append(said.with_columns(moved, _copied("address", i)))
    return pl.concat(copies).head(n_flows), pl.concat(words)


def _copied(column: str, i: int) -> pl.Expr:
    return pl.format("{}/copy {}", pl.col(column), pl.lit(i)).alias(column)


def _peak_rss_bytes() -> int:
    """Of this program alone: getrusage counts what the parent had when it started it."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(place: str, n_flows: int) -> Timed:
    """Time one case in this process."""
    flows, said = flow_tables(min(n_flows, MOST_GENERATED))
    flows, said = placed(flows, said, place, n_flows)
    wall, cpu = time.perf_counter(), time.process_time()
    found = find_devices(flows, said, ALL)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    clients = found.addresses.filter(pl.col("role") != "server")
    return Timed(wall, cpu, _peak_rss_bytes(), clients.height, int(clients["n_devices"].sum()))


def case(place: str, n_flows: int, limit_s: float) -> Timed | str:
    """The same in a new process; in words where it failed or took longer than the limit."""
    command = [sys.executable, "-m", "bench.clustering", "--measure", place, "--flows"]
    try:
        done = subprocess.run(
            [*command, str(n_flows)], capture_output=True, text=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        return f"more than {limit_s:.0f} s"
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
        return "failed"
    return Timed(**json.loads(done.stdout))


def page(results: dict[tuple[str, int], Timed | str]) -> str:
    """Markdown: a line per case."""
    lines = [
        "| clients behind | flows | addresses | machines | s | CPU s | flows/s | peak MB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for (place, n_flows), found in results.items():
        words = "one address" if place == "one" else "many addresses"
        if isinstance(found, str):
            lines.append(f"| {words} | {n_flows:,} | | | {found} | | | |")
            continue
        lines.append(
            f"| {words} | {n_flows:,} | {found.n_addresses:,} | {found.n_devices:,} "
            f"| {found.wall_s:.1f} | {found.cpu_s:.1f} | {n_flows / found.wall_s:,.0f} "
            f"| {found.peak_rss_bytes / 1e6:.0f} |"
        )
    note = (
        f"From flow tables to machines, {FLOWS_PER_S} flows a second with servers at their far "
        f"ends, which are judged too; {os.cpu_count()} cores ({platform.machine()}). "
        "Wanted: 1,000,000 flows in 60 s, 16,667 flows/s."
    )
    return "\n".join([*lines, "", note, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flows", default="1000,10000,100000", help="(default: %(default)s)")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds a case (default: 600)")
    parser.add_argument("--measure", choices=PLACES, help="one case, in this process, as JSON")
    arguments = parser.parse_args()
    sizes = [int(x) for x in arguments.flows.split(",")]
    if arguments.measure:
        print(json.dumps(asdict(measure(arguments.measure, sizes[0]))))
        return
    for n_flows in sizes:
        flow_tables(min(n_flows, MOST_GENERATED))
    results: dict[tuple[str, int], Timed | str] = {}
    for place in PLACES:
        for n_flows in sizes:
            print(f"{place}: {n_flows} flows", file=sys.stderr)
            results[place, n_flows] = case(place, n_flows, arguments.limit)
    text = page(results)
    print(text)
    (FOLDER / "results" / "clustering.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
