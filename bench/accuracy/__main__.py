"""`python -m bench.accuracy`: draw, analyse, score; print the table."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.accuracy import fingerprint, records, superposed
from bench.accuracy.captures import SUPERPOSED
from bench.accuracy.compare import compared
from bench.accuracy.document import renew
from bench.accuracy.records import Record
from bench.accuracy.rows import all_rows, rows
from bench.accuracy.run import Task, run
from bench.accuracy.table import OURS, table
from bench.accuracy.worst import ORDERS, worst
from lab.sim.draws import HELD_OUT_FROM

RESULTS = Path(__file__).resolve().parents[1] / "results" / "accuracy"


def _parser() -> argparse.ArgumentParser:
    names = [name for name in rows() if name != SUPERPOSED or superposed.folder()]
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description=__doc__)
    parser.add_argument("--rows", default=",".join(names), help="(default: %(default)s)")
    parser.add_argument("--methods", default="all", help="(default: all there are)")
    parser.add_argument("--draws", type=int, default=300, help="of each row (default: 300)")
    parser.add_argument(
        "--first-seed",
        type=int,
        default=HELD_OUT_FROM,
        help=f"those below {HELD_OUT_FROM} are for development (default: %(default)s)",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="(default: cores)")
    parser.add_argument("--cache", type=Path, help="keep captures here, for the next run")
    parser.add_argument("--results", type=Path, default=RESULTS, help="(default: %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="judge again what is known")
    parser.add_argument("--render", action="store_true", help="only show what is known")
    parser.add_argument("--worst", type=int, metavar="N", help="list our N worst draws of a row")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="DIR",
        help="say what changed since the results kept there, draw by draw",
    )
    parser.add_argument("--docs", action="store_true", help="renew the table in docs/accuracy.md")
    parser.add_argument("--by", choices=ORDERS, default="ari", help="worst in what")
    return parser


def _chosen(text: str, known: Sequence[str], what: str) -> list[str]:
    names = list(known) if text == "all" else [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"no {what} {', '.join(unknown)}; there are: {', '.join(known)}")
    return names


def main(words: list[str] | None = None) -> int:
    """Exit code 1 where a draw failed, 2 on wrong usage."""
    from bench.accuracy.methods import METHODS  # noqa: PLC0415 - usage without it is quick

    parser = _parser()
    arguments = parser.parse_args(words)
    try:
        row_names = _chosen(arguments.rows, list(rows()), "row")
        methods = _chosen(arguments.methods, list(METHODS), "method")
    except ValueError as error:
        parser.error(str(error))
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.draws)
    if seeds and seeds[0] < HELD_OUT_FROM <= seeds[-1]:
        parser.error(f"seeds of development and held-out ones in one run: {seeds[0]}-{seeds[-1]}")
    simulator = fingerprint.simulator()
    made_with = {name: f"{fingerprint.method(name)}/{simulator}" for name in methods}
    shown: list[Record] = []
    for row in row_names:
        shown += _row(row, seeds, made_with, arguments)
    known = all_rows()
    together = {name: row for name, row in known.items() if row.metrics and len(row_names) > 1}
    text = table(shown, {name: known[name] for name in row_names} | together)
    print(text)
    if arguments.against:
        before = [
            r
            for name in row_names
            for r in records.read(arguments.against / f"{name}.csv").values()
        ]
        print(compared(before, shown))
    if arguments.docs:
        renew(text, seeds)
    if arguments.worst:
        mine = [r for r in shown if arguments.methods != "all" or r.method == OURS]
        print(worst(mine, arguments.worst, arguments.by))
    return _told_failures(shown)


def _row(
    row: str, seeds: range, made_with: dict[str, str], arguments: argparse.Namespace
) -> list[Record]:
    """The records of a row: those known, and those that had to be made."""
    path: Path = arguments.results / f"{row}.csv"
    everything = records.read(path)
    known = {
        key: record
        for key, record in everything.items()
        if record.made_with == made_with.get(record.method)
    }
    if arguments.fresh:
        known = {key: record for key, record in known.items() if key[1] not in seeds}
    wanted = {(row, seed, method) for seed in seeds for method in made_with}
    if not arguments.render:
        others = [r for r in everything.values() if r.method not in made_with]
        records.write(path, [*known.values(), *others])
        tasks = [
            Task(row, seed, blanks, arguments.cache)
            for seed in seeds
            if (blanks := _blanks(row, seed, made_with, known))
        ]
        start = time.monotonic()
        for n, made in enumerate(run(tasks, arguments.jobs), start=1):
            for record in made:
                records.append(path, record)
                known[record.key] = record
            _progress(row, n, len(tasks), time.monotonic() - start)
    return [known[key] for key in sorted(wanted & known.keys())]


def _blanks(
    row: str, seed: int, made_with: dict[str, str], known: dict[records.Key, Record]
) -> tuple[Record, ...]:
    """Empty records of what is not known yet; what failed is tried again."""
    return tuple(
        Record(row, seed, method, made_with[method])
        for method in made_with
        if (row, seed, method) not in known or known[row, seed, method].error
    )


def _told_failures(shown: Sequence[Record]) -> int:
    failures = [record for record in shown if record.error]
    for record in failures:
        _say(f"failed: {record.row} {record.seed} {record.method}: {record.error}")
    return 1 if failures else 0


def _say(words: str) -> None:
    print(words, file=sys.stderr)


def _progress(row: str, n: int, n_all: int, seconds: float) -> None:
    if sys.stderr.isatty() or n == n_all:
        end = "\n" if n == n_all else "\r"
        left = seconds / n * (n_all - n)
        print(f"{row}: {n} of {n_all} draws, {left:.0f} s left ", end=end, file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
