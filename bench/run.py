"""Speed and memory of whole processes, wiretell beside its peers, on one generated capture.

Writes bench/results/speed.md; with --readme, also the blocks of figures in README.md.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contenders import CONTENDERS, DISCARD_PORT, EXPORTERS, Contender
from bench.process import Cost, median, run

FOLDER = Path(__file__).parent
SNAPLENS = {"headers": 74, "full": 65535}
N_PACKETS = 5_000_000
N_PACKETS_SLOW = 300_000
LONGER = 4
"""The capture that shows whether memory grows is this many times longer."""


@dataclass(frozen=True)
class Row:
    """A contender's cost on each kind of capture; none where it is not installed, or failed."""

    contender: Contender
    version: str
    n_packets: int
    costs: dict[str, Cost]

    def rate(self, kind: str) -> float:
        """Million packets a second, of wall-clock time."""
        return self.n_packets / self.costs[kind].wall_s / 1e6


def capture(n_packets: int, kind: str) -> Path:
    """The generated capture, made where it is not there yet, and read once into memory.

    Made by another process, so that this one stays small (see `bench.process.run`).
    """
    path = FOLDER / "data" / f"{kind}-{n_packets}.pcap"
    if not path.exists():
        print(f"generating {path.name}", file=sys.stderr)
        options = ["--packets", str(n_packets), "--snaplen", str(SNAPLENS[kind])]
        subprocess.run([sys.executable, "-m", "bench.generate", path, *options], check=True)
    with path.open("rb") as file:
        while file.read(1 << 22):
            pass
    return path


def measure(
    contenders: Sequence[Contender], n_packets: int, kinds: Sequence[str], n_runs: int
) -> list[Row]:
    """Runs all of them on every kind of capture, one after the other, and so `n_runs` times.

    What else the machine does in the meantime meets all of them alike.
    """
    costs: dict[tuple[str, str], list[Cost]] = {}
    failed: set[str] = set()
    there = [contender for contender in contenders if contender.path() is not None]
    for kind, number in itertools.product(kinds, range(n_runs)):
        for contender in there:
            path = capture(_n_packets(contender, n_packets), kind)
            print(f"{contender.name}: {path.name}, run {number + 1}", file=sys.stderr)
            with tempfile.TemporaryDirectory() as out:
                try:
                    cost = run(contender.command(str(path), out))
                except RuntimeError as error:
                    print(error, file=sys.stderr)
                    failed.add(contender.name)
                    continue
            costs.setdefault((contender.name, kind), []).append(cost)
    rows = []
    for contender in contenders:
        n_measured = _n_packets(contender, n_packets)
        if contender not in there:
            rows.append(Row(contender, "missing", 0, {}))
        elif contender.name in failed:
            rows.append(Row(contender, "failed", n_measured, {}))
        else:
            medians = {kind: median(costs[contender.name, kind]) for kind in kinds}
            rows.append(Row(contender, contender.version(), n_measured, medians))
    return rows


def _n_packets(contender: Contender, n_packets: int) -> int:
    return min(n_packets, N_PACKETS_SLOW) if contender.slow else n_packets


def table(rows: list[Row], kinds: list[str]) -> list[str]:
    """Markdown: rate, CPU time, memory by kind of capture; how many times slower than we."""
    heads = ["", "version", *(f"{k}: M packets/s | CPU s | peak MB | ours is" for k in kinds)]
    lines = ["| " + " | ".join(heads) + " |", "|---|---" + "|--:|--:|--:|--:" * len(kinds) + "|"]
    base = next(row for row in rows if row.contender.ours)
    for row in rows:
        mark = " †" if row.contender.slow else ""
        cells = [row.contender.name + mark, row.version]
        for kind in kinds:
            if kind not in row.costs:
                cells += ["", "", "", ""]
                continue
            cost = row.costs[kind]
            ratio = base.rate(kind) / row.rate(kind)
            cells += [
                f"{row.rate(kind):.2f}",
                f"{cost.cpu_s:.2f}",
                f"{cost.peak_rss_bytes / 1e6:.0f}",
                "" if row.contender.ours else f"{ratio:.1f} ×",
            ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def growth(n_packets: int, n_runs: int) -> list[str]:
    """Markdown: memory on a capture and on a longer one with the same rate of flows."""
    lines = ["| | packets | seconds | peak MB |", "|---|--:|--:|--:|"]
    for contender in (each for each in CONTENDERS if each.ours):
        for n in (n_packets, LONGER * n_packets):
            (row,) = measure([contender], n, ["headers"], n_runs)
            if "headers" not in row.costs:
                lines.append(f"| {contender.name} | {n / 1e6:g} M | {row.version} | |")
                continue
            cost = row.costs["headers"]
            lines.append(
                f"| {contender.name} | {n / 1e6:g} M | {cost.wall_s:.1f} "
                f"| {cost.peak_rss_bytes / 1e6:.0f} |"
            )
    return lines


def page(
    rows: list[Row], exporters: list[Row], grown: list[str], n_packets: int, n_runs: int
) -> str:
    """The whole of bench/results/speed.md."""
    does = [f"- {row.contender.name}: {row.contender.does}" for row in rows + exporters]
    return "\n".join(
        [
            *table(rows, list(SNAPLENS)),
            "",
            "Flow records from a capture:",
            "",
            *table(exporters, list(SNAPLENS)),
            "",
            f"Whole processes on generated TCP captures of {n_packets / 1e6:g} million packets, "
            f"headers only (74 bytes of each) and full; medians of {n_runs} runs, file in memory, "
            f"output thrown away, {os.cpu_count()} cores ({platform.machine()}). "
            f"“Ours is” compares with the first line of its table. "
            f"† measured on the first {N_PACKETS_SLOW / 1e6:g} million packets.",
            "",
            *does,
            "",
            "Memory and the length of a capture (headers only, flows begin at the same rate):",
            "",
            *grown,
            "",
        ]
    )


def renew_readme(name: str, lines: list[str]) -> None:
    """Puts the lines between the marks of that name in README.md."""
    readme = FOLDER.parent / "README.md"
    block = "\n".join([f"<!-- {name} -->", *lines, f"<!-- end of {name} -->"])
    marks = f"<!-- {name} -->.*<!-- end of {name} -->"
    readme.write_text(re.sub(marks, block, readme.read_text(), flags=re.S))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=N_PACKETS)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", metavar="TEXT", help="contenders whose name has this in it")
    parser.add_argument("--exporters", action="store_true", help="only what makes flow records")
    parser.add_argument("--readme", action="store_true", help="renew the tables in README.md")
    arguments = parser.parse_args()
    n_packets, n_runs = arguments.packets, arguments.runs
    kinds = list(SNAPLENS)

    def measured(contenders: tuple[Contender, ...]) -> list[Row]:
        chosen = [c for c in contenders if c.ours or not arguments.only or arguments.only in c.name]
        return measure(chosen, n_packets, kinds, n_runs)

    with socket.socket(type=socket.SOCK_DGRAM) as discard:
        # Never read: the kernel throws away what its buffer does not hold.
        discard.bind(("127.0.0.1", DISCARD_PORT))
        exporters = measured(EXPORTERS)
    if arguments.readme:
        renew_readme("export speed", table(exporters, kinds))
    if arguments.exporters:
        print("\n".join(table(exporters, kinds)))
        return
    rows = measured(CONTENDERS)
    text = page(rows, exporters, growth(n_packets, n_runs), n_packets, n_runs)
    print(text)
    if arguments.only is None:
        results = FOLDER / "results"
        results.mkdir(exist_ok=True)
        (results / "speed.md").write_text(text)
    if arguments.readme:
        renew_readme("speed", table(rows, kinds))


if __name__ == "__main__":
    main()
