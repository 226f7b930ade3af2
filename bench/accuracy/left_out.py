"""`python -m bench.accuracy.left_out`: do fitted weights hold where they were not fitted?

Each row of simulated draws, and each capture that real machines were taken from, is left out once:
the weights of `devices/together.toml` are fitted on all other draws and asked about the pairs of
flows of those left out. Beside it: the weights as they are stored (fitted on simulated draws
alone), and weights fitted on everything, which no honest figure may use.
"""

from __future__ import annotations

import argparse
import math
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from bench.accuracy.calibrate import DRAWS, WEIGHED, Pair, Within, draws_asked, fitted, gathered
from bench.accuracy.captures import SUPERPOSED
from bench.accuracy.superposed import sources
from lab.score import Reliability, reliability
from wiretell.devices.together import fit

HEAD = (
    "| left out | draws | pairs of flows | one machine's | ECE: fitted without it | ECE: as stored "
    "| ECE: fitted with it |\n|---|--:|--:|--:|--:|--:|--:|"
)

Weights = Mapping[str, float]


@dataclass(frozen=True)
class Draw:
    """The pairs of one draw. `origins` are what it was made from: its row, or captures."""

    row: str
    origins: frozenset[str]
    pairs: tuple[Pair, ...]


def said(pair: Pair, weights: Weights) -> float:
    """The probability that both flows are one machine's, by these weights."""
    if pair.of == "tied":
        return weights["tied"]
    if pair.of == "across":
        return min(1.0, weights["across"] * pair.chance)
    if pair.of == "lone":
        return min(pair.chance, weights["tied"])
    told = Within.of([pair]).said(np.array([weights[name] for name in WEIGHED]))[0]
    return min(float(told), weights["tied"])


def asked(draws: Sequence[Draw], weights: Weights) -> Reliability:
    """What these weights say of the draws, and whether it was so."""
    all_pairs = [pair for draw in draws for pair in draw.pairs]
    return reliability([said(p, weights) for p in all_pairs], [p.so for p in all_pairs])


def fitted_on(draws: Sequence[Draw]) -> Weights:
    """Rows weigh alike, as in `bench.accuracy.calibrate`."""
    rows = groupby(sorted(draws, key=lambda draw: draw.row), lambda draw: draw.row)
    return fitted([[pair for draw in row for pair in draw.pairs] for _, row in rows])


def table(draws: Sequence[Draw], stored: Weights) -> Iterator[str]:
    """A line for each origin, then the mean over rows and over captures."""
    yield HEAD
    everything = fitted_on(draws)
    simulated = {draw.row for draw in draws if draw.row != SUPERPOSED}
    total: dict[str, list[tuple[float, float, float]]] = {"rows": [], "captures": []}
    for origin in sorted({o for draw in draws for o in draw.origins}):
        own = [draw for draw in draws if origin in draw.origins]
        others = [draw for draw in draws if origin not in draw.origins]
        n = sum(len(draw.pairs) for draw in own)
        if not n or not others:
            continue
        share = sum(pair.so for draw in own for pair in draw.pairs) / n
        errors = (
            asked(own, fitted_on(others)).ece(),
            asked(own, stored).ece(),
            asked(own, everything).ece(),
        )
        total["rows" if origin in simulated else "captures"].append(errors)
        yield _line(origin, str(len(own)), str(n), f"{share:.2f}", errors)
    for name, rows in total.items():
        if rows:
            means = tuple(math.fsum(column) / len(rows) for column in zip(*rows, strict=True))
            yield _line(f"**mean of {len(rows)} {name}**", "", "", "", means)


def _line(name: str, n_draws: str, n: str, share: str, errors: Sequence[float]) -> str:
    cells = " | ".join(f"{error:.3f}" for error in errors)
    return f"| {name} | {n_draws} | {n} | {share} | {cells} |"


def gather(row: str, n_draws: int, cache: Path | None) -> Iterator[Draw]:
    """The draws of development of a row, with what is weighed of their pairs."""
    for seed, found in gathered(row, n_draws, cache):
        origins = {row}
        if row == SUPERPOSED:
            origins = {Path(source.capture).name for source in sources(seed)}
        yield Draw(row, frozenset(origins), found)


def _kept(path: Path | None, make: Callable[[], list[Draw]]) -> list[Draw]:
    if path is None:
        return make()
    if not path.is_file():
        path.write_bytes(pickle.dumps(make()))
    return list(pickle.loads(path.read_bytes()))


def main(words: list[str] | None = None) -> int:
    """Exit code 2 on wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy.left_out", description=__doc__)
    parser.add_argument("--draws", default=f"{DRAWS},{SUPERPOSED}=40", help="default: %(default)s")
    parser.add_argument("--cache", type=Path, help="as for python -m bench.accuracy")
    parser.add_argument("--keep", type=Path, help="folder to keep what was gathered in")
    arguments = parser.parse_args(words)
    draws: list[Draw] = []
    for row, n in draws_asked(arguments.draws, parser.error):
        kept = arguments.keep / f"{row}-{n}.pickle" if arguments.keep else None
        draws += _kept(kept, lambda: list(gather(row, n, arguments.cache)))  # noqa: B023 - at once
        print(f"{row}: {n} draws", file=sys.stderr)
    for line in table(draws, vars(fit())):
        print(line)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
