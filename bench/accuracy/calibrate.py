"""`python -m bench.accuracy.calibrate`: fits how far flows keep together, on development draws.

Writes `src/wiretell/devices/together.toml`; what its numbers are: `wiretell.devices.together`.
Rows weigh alike in the sum of log losses, and the map is the same for all of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from bench.accuracy.answers import Material, material
from bench.accuracy.captures import drawn
from bench.accuracy.pairs import drawn_pairs, owners_of
from lab.sim.draws import HELD_OUT_FROM
from wiretell.devices import together
from wiretell.devices.assign import Evidence, chains
from wiretell.devices.engine import judge_address
from wiretell.devices.judge import Judgement
from wiretell.devices.multiplicity import beyond
from wiretell.signals import ALL
from wiretell.stats.likelihood import probability

FILE = Path(together.__file__).with_name("together.toml")
DRAWS = "T1=17,T2=18,T3=27,T4=28,regimes=300"
FIRST_SEED = 1000
RIDGE = 1e-3
"""Weights that draws do not tell stay near nought."""
_HEAD = "# Weights of `devices/together.py`: written by `python -m bench.accuracy.calibrate`.\n"

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Two flows: what is weighed of them, and whether they are one machine's (`so`).

    `of` is "tied" (one chain), "lone" (nothing is told apart), "within" (one device), or "across"
    (devices of one look that may be several machines each). `one`: the device has a main machine.
    `sure` and `attached` are probabilities that the device is one group, and that both flows belong
    to it.
    """

    of: str
    so: bool
    one: bool = False
    weighed: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    chance: float = 0.0
    sure: float = 1.0
    attached: float = 1.0


def pairs(of: Material) -> Iterator[Pair]:
    """What is weighed of the pairs of a draw."""
    owners = owners_of(of)
    for address in of.addresses:
        judged = judge_address(address, of.report.flows, of.report.observations, ALL)
        keys = judged.sides.select("flow_id", "side", "number").iter_rows()
        number = {(flow_id, side): n for flow_id, side, n in keys}
        asked = [
            (number[a], number[b], owners[a] == owners[b])
            for a, b in drawn_pairs(of, address, owners.keys())
        ]
        yield from weighed(judged.judgement, judged.evidence, asked)


def draws_asked(text: str, refuse: Callable[[str], NoReturn]) -> list[tuple[str, int]]:
    """Rows and how many draws of each: "ROW=NUMBER,...", of development alone."""
    asked: list[tuple[str, int]] = []
    for part in text.split(","):
        row, _, n_draws = part.partition("=")
        if not n_draws.isdigit() or int(n_draws) > HELD_OUT_FROM - FIRST_SEED:
            refuse(f"{part}: not ROW=NUMBER of draws for development")
        asked.append((row, int(n_draws)))
    return asked


def gathered(row: str, n_draws: int, cache: Path | None) -> Iterator[tuple[int, tuple[Pair, ...]]]:
    """Seed and pairs of each of the first draws of development of a row."""
    for seed in range(FIRST_SEED, FIRST_SEED + n_draws):
        with drawn(row, seed, cache) as capture:
            yield seed, tuple(pairs(material(capture)))


def weighed(
    judgement: Judgement, evidence: Evidence, asked: Sequence[tuple[int, int, bool]]
) -> Iterator[Pair]:
    """Pairs of sides, by number, and whether they are one machine's -> what is weighed of them."""
    bodies = judgement.count.bodies
    lone = together.lone_chance(judgement.count.distribution)
    more = beyond(bodies, max(evidence.starts) - min(evidence.starts))
    weighed_of, chance_of = together.features(bodies, more), together.chances(bodies, more)
    chain = {side: i for i, own in enumerate(chains(evidence)) for side in own}
    for i, j, so in asked:
        (g, p), (h, q) = judgement.home[i], judgement.home[j]
        if chain[i] == chain[j]:
            yield Pair("tied", so)
        elif len(bodies) == 1:
            yield Pair("lone", so, chance=lone)
        elif g == h:
            sure = probability(judgement.partition.weakest[g][0])
            yield Pair(
                "within",
                so,
                bodies[g].one,
                weighed_of[g],
                chance_of[g],
                sure=sure,
                attached=p * q,
            )
        elif bodies[g].look == bodies[h].look and not (bodies[g].one or bodies[h].one):
            yield Pair("across", so, chance=chance_of[g])


def fitted(rows: Sequence[Sequence[Pair]]) -> dict[str, float]:
    """The numbers of the file. `rows` are the pairs of each row of the bench."""
    parts = [Within.of(row) for row in rows if any(pair.of == "within" for pair in row)]

    def loss(x: FloatArray) -> float:
        return sum(part.loss(x) for part in parts) + RIDGE * float(x @ x)

    best = minimize(loss, np.array([0.0, 0.5, 0.0, 0.0])).x
    across = [pair for row in rows for pair in row if pair.of == "across"]
    tied = [pair for row in rows for pair in row if pair.of == "tied"]
    return {
        **dict(zip(WEIGHED, best.tolist(), strict=True)),
        "across": sum(p.so for p in across) / max(sum(p.chance for p in across), 1e-9),
        "tied": (sum(p.so for p in tied) + 1.0) / (len(tied) + 2.0),
    }


WEIGHED = ("bias", "chance", "held", "informed")
"""What the logistic map weighs, in the order of `Pair.weighed`."""


@dataclass(frozen=True)
class Within:
    """Pairs within devices of one row, as arrays."""

    weighed: FloatArray
    one: NDArray[np.bool_]
    chance: FloatArray
    sure: FloatArray
    attached: FloatArray
    so: NDArray[np.bool_]

    @classmethod
    def of(cls, row: Sequence[Pair]) -> Within:
        own = [pair for pair in row if pair.of == "within"]
        return cls(
            np.array([p.weighed for p in own]),
            np.array([p.one for p in own]),
            np.array([p.chance for p in own]),
            np.array([p.sure for p in own]),
            np.array([p.attached for p in own]),
            np.array([p.so for p in own]),
        )

    def said(self, weights: FloatArray) -> FloatArray:
        """The probability that both flows are one machine's, of each pair."""
        kept: FloatArray = np.where(self.one, self.chance, expit(self.weighed @ weights))
        return kept * self.sure**2 * self.attached

    def loss(self, x: FloatArray) -> float:
        """Mean log loss (nats)."""
        said = np.clip(self.said(x), 1e-3, 1.0 - 1e-3)
        return float(-np.log(np.where(self.so, said, 1.0 - said)).mean())


def main(words: list[str] | None = None) -> int:
    """Exit code 2 on wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy.calibrate", description=__doc__)
    parser.add_argument("--draws", default=DRAWS, help="of each row (default: %(default)s)")
    parser.add_argument("--cache", type=Path, help="as for python -m bench.accuracy")
    arguments = parser.parse_args(words)
    rows: list[list[Pair]] = []
    for row, n_draws in draws_asked(arguments.draws, parser.error):
        every = gathered(row, n_draws, arguments.cache)
        found = [pair for _, of_draw in every for pair in of_draw]
        rows.append(found)
        print(f"{row}: {len(found)} pairs", file=sys.stderr)
    lines = [f"{name} = {value:.4f}\n" for name, value in fitted(rows).items()]
    FILE.write_text(_HEAD + "".join(lines), encoding="utf-8")
    print("".join(lines), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
