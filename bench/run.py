"""Speed and memory of whole processes, wiretell beside its peers, on the same captures in one run.

The captures are generated, and one of real machines is repeated (`bench.repeat`). Writes
bench/results/speed.md; with --readme, also the blocks of figures in README.md.
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
REAL = "real"
REAL_CAPTURE = FOLDER.parent / "examples" / "office.pcap.zst"
N_PACKETS = 5_000_000


@dataclass(frozen=True)
class Row:
    """A contender's cost on each kind of capture where it did not fail, if it is installed."""

    contender: Contender
    version: str
    n_packets: int
    costs: dict[str, Cost]

    def rate(self, kind: str) -> float:
        """Million packets a second, of wall-clock time."""
        return self.n_packets / self.costs[kind].wall_s / 1e6


def capture(n_packets: int, kind: str) -> Path:
    """The capture of a kind, made where it is not there yet, and read once into memory.

    Made by other processes, so that this one stays small (see `bench.process.run`).
    """
    path = FOLDER / "data" / f"{kind}-{n_packets}.pcap"
    if not path.exists():
        print(f"making {path.name}", file=sys.stderr)
        path.parent.mkdir(exist_ok=True)
        if kind == REAL:
            _repeat_real(path, n_packets)
        else:
            options = ["--packets", str(n_packets), "--snaplen", str(SNAPLENS[kind])]
            subprocess.run([sys.executable, "-m", "bench.generate", path, *options], check=True)
    with path.open("rb") as file:
        while file.read(1 << 22):
            pass
    return path


def _repeat_real(path: Path, n_packets: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plain, part = Path(folder) / "plain.pcap", path.with_suffix(".part")
        copy = ["flows", str(REAL_CAPTURE), "-w", str(plain), "-q"]
        subprocess.run([sys.executable, "-m", "wiretell", *copy], check=True)
        repeat = [sys.executable, "-m", "bench.repeat", str(plain), "--packets", str(n_packets)]
        with part.open("wb") as file:
            subprocess.run(repeat, stdout=file, check=True)
        part.replace(path)


def measure(
    contenders: Sequence[Contender], n_packets: int, kinds: Sequence[str], n_runs: int
) -> list[Row]:
    """Runs all of them on every kind of capture, one after the other, and so `n_runs` times.

    What else the machine does in the meantime meets all of them alike.
    """
    costs: dict[tuple[str, str], list[Cost]] = {}
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
                    continue
            costs.setdefault((contender.name, kind), []).append(cost)
    rows = []
    for contender in contenders:
        n_measured = _n_packets(contender, n_packets)
        if contender not in there:
            where = f" (Debian: {contender.package})" if contender.package else ""
            rows.append(Row(contender, f"missing{where}", 0, {}))
        else:
            medians = {
                kind: median(costs[contender.name, kind])
                for kind in kinds
                if len(costs.get((contender.name, kind), ())) == n_runs
            }
            rows.append(Row(contender, contender.version(), n_measured, medians))
    return rows


def _n_packets(contender: Contender, n_packets: int) -> int:
    return n_packets if contender.at_most is None else min(n_packets, contender.at_most)


def table(rows: list[Row], kinds: list[str]) -> list[str]:
    """Markdown: rate, CPU time, memory by kind of capture; how many times slower than we."""
    heads = ["", "version", *(f"{k}: M packets/s | CPU s | peak MB | ours is" for k in kinds)]
    lines = ["| " + " | ".join(heads) + " |", "|---|---" + "|--:|--:|--:|--:" * len(kinds) + "|"]
    base = next(row for row in rows if row.contender.ours)
    for row in rows:
        mark = " †" if row.contender.at_most else ""
        cells = [row.contender.name + mark, row.version]
        for kind in kinds:
            if kind not in row.costs:
                cells += ["failed" if row.n_packets else "", "", "", ""]
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


def page(rows: list[Row], exporters: list[Row], n_packets: int, n_runs: int) -> str:
    """The whole of bench/results/speed.md."""
    does = [f"- {row.contender.name}: {row.contender.does}" for row in rows + exporters]
    slow = sorted({row.contender.at_most for row in rows if row.contender.at_most})
    return "\n".join(
        [
            *table(rows, list(SNAPLENS)),
            "",
            "Flow records from a capture:",
            "",
            *table(exporters, list(SNAPLENS)),
            "",
            f"Captures of {REAL_CAPTURE.name.partition('.')[0]}, real machines, whole packets, the"
            " same again and again, moved in time:",
            "",
            *table(rows, [REAL]),
            "",
            *table(exporters, [REAL]),
            "",
            f"Whole processes on captures of {n_packets / 1e6:g} million packets; the first two "
            "tables: generated TCP, headers only (74 bytes of each packet) and full. Medians of "
            f"{n_runs} runs, file in memory, output thrown away, {os.cpu_count()} cores "
            f"({platform.machine()}). “Ours is” compares with the first line of its table. † "
            f"measured on the first {' or '.join(f'{n / 1e6:g}' for n in slow)} million packets.",
            "",
            *does,
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
    parser.add_argument("--kind", action="append", choices=[*SNAPLENS, REAL], help="only these")
    parser.add_argument("--exporters", action="store_true", help="only what makes flow records")
    parser.add_argument("--readme", action="store_true", help="renew the tables in README.md")
    arguments = parser.parse_args()
    n_packets, n_runs = arguments.packets, arguments.runs
    kinds = [kind for kind in (*SNAPLENS, REAL) if kind in (arguments.kind or (*SNAPLENS, REAL))]

    def measured(contenders: tuple[Contender, ...]) -> list[Row]:
        chosen = [c for c in contenders if c.ours or not arguments.only or arguments.only in c.name]
        return measure(chosen, n_packets, kinds, n_runs)

    with socket.socket(type=socket.SOCK_DGRAM) as discard:
        # Never read: the kernel throws away what its buffer does not hold.
        discard.bind(("127.0.0.1", DISCARD_PORT))
        exporters = measured(EXPORTERS)
    shown = [kind for kind in kinds if kind != REAL] or kinds
    is_whole = arguments.only is None and arguments.kind is None
    if arguments.readme:
        renew_readme("export speed", table(exporters, shown))
    if arguments.exporters:
        print("\n".join(table(exporters, kinds)))
        return
    rows = measured(CONTENDERS)
    print("\n".join([*table(rows, kinds), "", *table(exporters, kinds)]))
    if is_whole:
        results = FOLDER / "results"
        results.mkdir(exist_ok=True)
        (results / "speed.md").write_text(page(rows, exporters, n_packets, n_runs))
    if arguments.readme:
        renew_readme("speed", table(rows, shown))


if __name__ == "__main__":
    main()
