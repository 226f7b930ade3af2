"""A few draws of each row, a line each, to be reviewed like code.

`python -m bench.accuracy.snapshot` prints them; with `--renew` it writes them to
tests/accuracy/snapshots/draws.txt, where a test compares.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from bench.accuracy.records import Record
from bench.accuracy.run import Task, run
from bench.accuracy.table import OURS

FILE = Path(__file__).resolve().parents[2] / "tests" / "accuracy" / "snapshots" / "draws.txt"
SEEDS = {
    "T1": (1, 2),
    "T2": (1, 2),
    "T3": (2, 3),
    "T4": (5, 6),
    "single": (1, 2, 3),
    "regimes": (1, 2, 3),
    "pool": (7,),
}
"""Of development, all of them: these are looked at."""
_HEAD = "row     seed  true found  90 %   ARI   flows given  rates    regimes  verdict"


def text(records: Iterable[Record]) -> str:
    """The records, a line each, by row and seed. No times: they differ from run to run."""
    ordered = sorted(records, key=lambda r: (list(SEEDS).index(r.row), r.seed))
    return "\n".join([_HEAD, *(_line(r) for r in ordered)]) + "\n"


def _line(r: Record) -> str:
    if r.error:
        return f"{r.row:8s}{r.seed:4d}  FAILED {r.error}"
    interval, rates = f"{r.low}-{r.high}", f"{r.n_rate_right}/{r.n_rate}"
    regimes = f"{r.n_regime_right}/{r.n_regime}"
    return (
        f"{r.row:8s}{r.seed:4d} {r.n_true:5d} {r.n_found:5d} {interval:>6s} {r.ari:5.2f} "
        f"{r.n_flows:6d} {100.0 * r.n_assigned / r.n_flows:5.1f}% {rates:>9s} {regimes:>6s}   "
        f"{r.verdicts}"
    )


def main(words: list[str] | None = None) -> int:
    """Exit code 1 where a draw failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy.snapshot", description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="(default: cores)")
    parser.add_argument("--renew", action="store_true", help=f"write {FILE.name}")
    arguments = parser.parse_args(words)
    tasks = [
        Task(row, seed, (Record(row, seed, OURS, ""),), None)
        for row, seeds in SEEDS.items()
        for seed in seeds
    ]
    records = [r for made in run(tasks, arguments.jobs) for r in made]
    shown = text(records)
    if arguments.renew:
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(shown, encoding="utf-8")
        print(f"written: {FILE.name}", file=sys.stderr)
    else:
        print(shown, end="")
    return int(any(r.error for r in records))


if __name__ == "__main__":
    raise SystemExit(main())
