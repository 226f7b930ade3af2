"""`python -m bench.match`: machines found again (T8), siblings (T7), addresses of one clock.

Seeded. Prints the tables; with `--renew` puts them between the marks of docs/match.md.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.match import across, aliases, siblings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "match.md"
HELD_OUT = 10_000
"""Seeds from here on were looked at for nothing else."""
TARGETED = ("free", "held")
"""Kinds that T8 is about: the others have fewer machines."""
WALKS = (0.0, 0.01, 0.1, 0.3)
TARGET_EER, TARGET_MCC, TARGET_PRECISION = 0.10, 0.98, 0.99


def across_table(n: int, seeds: range) -> Iterator[str]:
    """T8, a line per kind of clock."""
    yield "| clocks | machines | EER | rank 1 | claimed | wrongly | no information |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for kind in across.KINDS:
        own = n if kind.name in TARGETED else n * 2 // 5
        found = across.measured(kind, own, seeds, WALKS if kind.name == "restless" else ())
        met = ""
        if kind.name == "free":
            met = " met" if found.eer.value <= TARGET_EER else " **not met**"
        yield (
            f"| {kind.words} | {len(seeds)} x {own} | {found.eer.words()}{met} |"
            f" {found.rank_one.words()} | {found.n_claimed} | {found.n_wrong} |"
            f" {found.n_nothing} of {found.n_machines} |"
        )
        for walk, eer in found.by_drift.items():
            yield f"| the same, {walk:g} ppm per root hour allowed | | {eer.words()} | | | | |"


def siblings_table(n: int, seed: int) -> Iterator[str]:
    """T7, a line per method and kind of data."""
    yield "| data | method | TP | FP | TN | FN | undecided | precision | recall | MCC |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    for data in siblings.DATA:
        for row in siblings.measured(data, n, seed):
            counts = " | ".join(str(row.counts[key]) for key in ("tp", "fp", "tn", "fn", "unknown"))
            precision, mcc = row.precision.words(), row.mcc.words()
            if row.method == siblings.OURS and data.name == "2016":
                mcc += " met" if row.mcc.value >= TARGET_MCC else " **not met**"
            if row.method == siblings.OURS and data.name == "random":
                precision += " met" if row.precision.value >= TARGET_PRECISION else " **not met**"
            yield (
                f"| {data.words} | {row.method} | {counts} | {precision} |"
                f" {row.recall.words()} | {mcc} |"
            )


def aliases_table(n_sets: int, seed: int) -> Iterator[str]:
    """A line per setting: false groups and found ones."""
    yield "| addresses | captures drawn | with a wrong group | the crystal's addresses found, all |"
    yield "|---|--:|--:|--:|"
    for setting in aliases.SETTINGS:
        found = aliases.measured(setting, n_sets, seed)
        share = f"{found.n_found / n_sets:.3f}" if setting.k > 1 else ""
        yield f"| {setting.words} | {n_sets} | {found.n_wrong / n_sets:.4f} | {share} |"


def main(words: list[str] | None = None) -> int:
    """Runs the tables that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.match", description=__doc__)
    parser.add_argument("tables", nargs="*", help="across siblings aliases (default: all)")
    parser.add_argument("--machines", type=int, default=100, help="of across (100)")
    parser.add_argument("--seeds", type=int, default=1, help="of across (1)")
    parser.add_argument("--hosts", type=int, default=30, help="of siblings (30)")
    parser.add_argument("--sets", type=int, default=500, help="captures of aliases (500)")
    parser.add_argument("--first-seed", type=int, default=HELD_OUT)
    parser.add_argument("--renew", action="store_true", help="write them into docs/match.md")
    asked = parser.parse_args(words)
    seed = asked.first_seed
    makers = {
        "across": lambda: across_table(asked.machines, range(seed, seed + asked.seeds)),
        "siblings": lambda: siblings_table(asked.hosts, seed),
        "aliases": lambda: aliases_table(asked.sets, seed),
    }
    for name in asked.tables or makers:
        lines = []
        for line in makers[name]():
            print(line, flush=True)
            lines.append(line)
        if asked.renew:
            _renew(name, "\n".join(lines))
    return 0


def _renew(name: str, table: str) -> None:
    """Puts the table between its marks. Raises ValueError where the page has none."""
    old = PAGE.read_text(encoding="utf-8")
    block = re.compile(rf"<!-- {name} -->.*<!-- end of {name} -->", re.S)
    new, n = block.subn(lambda _: f"<!-- {name} -->\n{table}\n<!-- end of {name} -->", old)
    if n != 1:
        raise ValueError(f"{PAGE.name}: {n} blocks of {name} between marks")
    PAGE.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
