"""How time and memory grow with the length of a capture, and time with the cores:
python -m bench.growth

Long captures are not stored: one is repeated (`bench.repeat`), or generated, into standard input.
Feeding takes processor time of its own, which is not counted, but which slows the wall clock where
there are few cores. Writes bench/results/growth.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.process import Cost, median, run
from bench.run import FOLDER, capture

MILLIONS = (1, 10, 100)
MILLIONS_JUDGED = (1, 5, 10)
"""For `devices`, whose memory grows with the flows."""
PIECE_PACKETS = 2_000_000
"""What is repeated: longer than most flows."""
CORES_PACKETS = 5_000_000
RESULT = FOLDER / "results" / "growth.md"


@dataclass(frozen=True)
class Grown:
    """A command; `words` gets the capture and a folder for what is written."""

    name: str
    words: Callable[[str, str], list[str]]


def _flows(*words: str) -> Callable[[str, str], list[str]]:
    return lambda name, out: ["flows", name, *(word.replace("OUT", out) for word in words)]


FLAT = (
    Grown("flows --count", _flows("--count")),
    Grown("flows --csv", _flows("--csv=OUT/flows.csv", "-q")),
    Grown("flows --export v9", _flows("--export", "v9:OUT/flows", "-q")),
)
JUDGED = Grown("devices --csv", lambda name, out: ["devices", name, f"--csv={out}/devices.csv"])


def cost(grown: Grown, feed: Sequence[str], cores: Sequence[int] = ()) -> Cost:
    """One run on what `feed` writes, or on the capture that is its one word."""
    stored = len(feed) == 1
    with tempfile.TemporaryDirectory() as out:
        wiretell = str(Path(sys.executable).with_name("wiretell"))
        command = [wiretell, *grown.words(feed[0] if stored else "-", out)]
        return run(command, fed_by=() if stored else feed, cores=cores)


def by_length(n_runs: int, most: float) -> list[str]:
    """Markdown: every command at every length up to `most` million packets."""
    piece = str(capture(PIECE_PACKETS, "headers"))
    lines = ["| | million packets | wall s | CPU s | CPU s per million | peak MB |"]
    lines.append("|---|--:|--:|--:|--:|--:|")
    for grown, lengths in (*((each, MILLIONS) for each in FLAT), (JUDGED, MILLIONS_JUDGED)):
        for millions in (n for n in lengths if n <= most):
            n_packets = ["--packets", str(millions * 1_000_000)]
            feed = [sys.executable, "-m", "bench.repeat", piece, *n_packets]
            if grown is JUDGED:  # clocks that go on: a repeated one would be many machines
                feed = [sys.executable, "-m", "bench.generate", "-", *n_packets]
            print(f"{grown.name}: {millions} million packets", file=sys.stderr)
            told = median([cost(grown, feed) for _ in range(n_runs)])
            lines.append(
                f"| {grown.name} | {millions} | {told.wall_s:.1f} | {told.cpu_s:.1f} "
                f"| {told.cpu_s / millions:.2f} | {told.peak_rss_bytes / 1e6:.0f} |"
            )
    return lines


def by_cores(n_runs: int) -> list[str]:
    """Markdown: every command with one core, two, and so on, on a capture in memory."""
    lines = ["| | cores | wall s | CPU s | times one core |", "|---|--:|--:|--:|--:|"]
    path = str(capture(CORES_PACKETS, "headers"))
    allowed = sorted(os.sched_getaffinity(0))
    counts = [n for n in range(1, len(allowed) + 1) if n & (n - 1) == 0 or n == len(allowed)]
    for grown in (*FLAT, JUDGED):
        alone_s = 0.0
        for n in counts:
            print(f"{grown.name}: {n} cores", file=sys.stderr)
            told = median([cost(grown, [path], allowed[:n]) for _ in range(n_runs)])
            alone_s = alone_s or told.wall_s
            lines.append(
                f"| {grown.name} | {n} | {told.wall_s:.2f} | {told.cpu_s:.2f} "
                f"| {alone_s / told.wall_s:.2f} |"
            )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--most", type=float, default=max(MILLIONS), help="million packets")
    arguments = parser.parse_args()
    text = "\n".join(
        [
            "Headers only (74 bytes of each packet), through a pipe; for `flows` "
            f"{PIECE_PACKETS / 1e6:g} million packets again and again, later each time, for "
            "`devices` one long capture:",
            "",
            *by_length(arguments.runs, arguments.most),
            "",
            f"{CORES_PACKETS / 1e6:g} million packets, file in memory:",
            "",
            *by_cores(arguments.runs),
            "",
            f"Whole processes, medians of {arguments.runs} runs, {os.cpu_count()} cores "
            f"({platform.machine()}).",
            "",
        ]
    )
    print(text)
    if arguments.most >= max(MILLIONS):
        RESULT.write_text(text)


if __name__ == "__main__":
    main()
