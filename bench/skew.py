"""How well a skew is known, by duration, jitter and rate: our figures beside published ones.

    python -m bench.skew [--trials 400] [--seed 10000]

A clock of -35 ppm is read through a way of 20 ms with exponential jitter. The published figures
are standard deviations of 60 trials, so each is itself only known to about 9 %; ours have the
95 % interval of their trials. Linear program: `stats.line`; least squares: plain; robust:
`stats.robust_slope`; both: weighted mean of program and robust, as `wiretell clocks` gives it;
claimed: the root mean square of the standard errors that `stats.joint_rate` gives beside the
linear program.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import chi2

from wiretell.findings.clocks.report import HULL_CAUTION
from wiretell.stats.clouds import clouds_of
from wiretell.stats.joint_rate import combine, edges_of, rates_each
from wiretell.stats.line import FloatArray, bound_from_above
from wiretell.stats.robust_slope import robust_slopes
from wiretell.stats.wander import cloud_of

PUBLISHED = Path(__file__).with_name("skew.toml")
SKEW_PPM = -35.0
WAY_S = 0.02
HELD_OUT_FROM = 10_000
FLOWS, FLOW_S, FLOW_PACKETS = 100, 60.0, 600


@dataclass(frozen=True)
class Cell:
    """Standard deviations in ppm; `claimed_ppm` is what the errors said; `n` trials."""

    hz: float
    jitter_ms: float
    span: str
    program_ppm: float
    squares_ppm: float
    robust_ppm: float
    both_ppm: float
    claimed_ppm: float
    published_program_ppm: float
    published_squares_ppm: float
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of `program_ppm`, by the chi-squared law of a variance."""
        low, high = (
            self.program_ppm * ((self.n - 1) / float(chi2.ppf(p, self.n - 1))) ** 0.5
            for p in (0.975, 0.025)
        )
        return low, high


def readings(
    rng: np.random.Generator, hz: float, jitter_s: float, span_s: float, n: int
) -> tuple[FloatArray, FloatArray]:
    """(time s, ticks) of one capture, in order of arrival, from its first reading."""
    sent = np.sort(rng.uniform(0.0, span_s, n))
    seen = sent + WAY_S + rng.exponential(jitter_s, n)
    ticks = np.floor(hz * (1.0 + SKEW_PPM * 1e-6) * sent + rng.random())
    order = np.argsort(seen, kind="stable")
    x, v = seen[order], ticks[order]
    return x - x[0], v - v[0]


def cell(
    hz: float, jitter_ms: float, span: tuple[str, float, int], published: list[float], trials: int,
    seed: int,
) -> Cell:  # fmt: skip
    """One cell of the table."""
    name, span_s, n = span
    rng = np.random.default_rng([seed, round(hz), round(jitter_ms), n])
    drawn = [readings(rng, hz, jitter_ms / 1e3, span_s, n) for _ in range(trials)]
    clouds = [cloud_of(x, v) for x, v in drawn]
    lines = [bound_from_above(cloud) for cloud in clouds]
    program = np.array([line.slope if line else np.nan for line in lines])
    squares = np.array([np.polyfit(x, v, 1)[0] for x, v in drawn])
    unit = np.repeat(np.arange(trials), n)
    x, v = (np.concatenate([each[i] for each in drawn]) for i in (0, 1))
    robust, robust_errors = robust_slopes(x, v / hz - x, unit, np.arange(trials))
    _, errors = rates_each(clouds_of(clouds))
    weights = (HULL_CAUTION / errors) ** 2, robust_errors**-2
    both = (weights[0] * (program / hz - 1.0) + weights[1] * robust) / (weights[0] + weights[1])
    return Cell(
        hz,
        jitter_ms,
        name,
        _sd(program / hz),
        _sd(squares / hz),
        _sd(robust),
        _sd(both),
        float(np.sqrt(np.nanmean(errors**2))) * 1e6,
        published[0],
        published[1],
        trials,
    )


def _sd(rates: FloatArray) -> float:
    return float(np.nanstd(rates, ddof=1)) * 1e6


def cells(trials: int, seed: int) -> Iterator[Cell]:
    """Every cell of the published table."""
    table = tomllib.loads(PUBLISHED.read_text(encoding="utf-8"))
    spans = [(s["name"], float(s["seconds"]), int(s["packets"])) for s in table["spans"]]
    for row in table["rows"]:
        for span, published in zip(spans, row["sd_ppm"], strict=True):
            yield cell(row["hz"], row["jitter_ms"], span, published, trials, seed)


def joint(trials: int, seed: int) -> tuple[float, float]:
    """(standard deviation, root mean square claimed) of the joint fit of short flows, in ppm."""
    rng = np.random.default_rng([seed, FLOWS])
    found: list[tuple[float, float]] = []
    for _ in range(trials):
        several = [
            cloud_of(*readings(rng, 1000.0, 0.01, FLOW_S, FLOW_PACKETS)) for _ in range(FLOWS)
        ]
        parts = [edges for cloud in several if (edges := edges_of(cloud)) is not None]
        found.append(combine(parts).rate.skew_ppm(1000.0))
    ppm, claimed = np.array(found).T
    return float(ppm.std(ddof=1)), float(np.sqrt(np.mean(claimed**2)))


def markdown(found: list[Cell], of_joint: tuple[float, float], joint_trials: int) -> str:
    """The table as Markdown."""
    lines = [
        "| Hz | jitter | watched | program: ours (95 %) | published | squares: ours | published |"
        " robust | both | claimed |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for each in found:
        low, high = each.interval
        lines.append(
            f"| {each.hz:g} | {each.jitter_ms:g} ms | {each.span} |"
            f" {_ppm(each.program_ppm)} ({_ppm(low)}-{_ppm(high)}) |"
            f" {each.published_program_ppm:g} | {_ppm(each.squares_ppm)} |"
            f" {each.published_squares_ppm:g} | {_ppm(each.robust_ppm)} |"
            f" {_ppm(each.both_ppm)} | {_ppm(each.claimed_ppm)} |"
        )
    lines += [
        "",
        f"Standard deviations in ppm, {found[0].n} trials a row. Joint fit of {FLOWS} flows of"
        f" {FLOW_S:g} s, 1000 Hz, 10 ms: {of_joint[0]:.2f} ppm ({joint_trials} trials; it claims"
        f" {of_joint[1]:.2f}); the target is 0.8.",
    ]
    return "\n".join(lines)


def _ppm(value: float) -> str:
    return f"{value:.2g}" if value < 10.0 else f"{value:.0f}"


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--seed", type=int, default=HELD_OUT_FROM)
    given = parser.parse_args()
    joint_trials = max(given.trials // 4, 20)
    print(
        markdown(
            list(cells(given.trials, given.seed)), joint(joint_trials, given.seed), joint_trials
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
