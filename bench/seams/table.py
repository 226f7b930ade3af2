"""Records -> the table: whole beside in windows, with bootstrap intervals over the draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from bench.seams.measure import Record

RESAMPLES, SEED = 2000, 1
FIGURES: dict[str, Callable[[Record], float]] = {
    "count error": lambda r: float(abs(r.n_found - r.n_true)),
    "exact": lambda r: float(r.n_found == r.n_true),
    "in interval": lambda r: float(r.covered),
    "ARI": lambda r: r.ari,
    "purity": lambda r: r.purity,
    "right": lambda r: r.right,
    "confidence": lambda r: r.said,
    "unassigned": lambda r: r.unassigned,
    "separated": lambda r: float(r.verdict in ("separated", "single")),
    "claims too much": lambda r: float(r.claims_too_much),
    "CPU s": lambda r: r.cpu_s,
}


def table(records: Sequence[Record]) -> str:
    """Markdown: a line per kind and way; lines that were not cut into windows are left out."""
    head = ["draws", "machines", "judged", *FIGURES]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for kind in dict.fromkeys(r.kind for r in records):
        for way in ("whole", "windows"):
            own = [r for r in records if r.kind == kind and r.way == way]
            true = [r.n_true for r in own]
            cells = [f"{len(own)} {kind}", f"{min(true)}-{max(true)}", way]
            cells += [_figure([of(r) for r in own]) for of in FIGURES.values()]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _figure(values: Sequence[float]) -> str:
    """The mean and its bootstrap interval of 95 %."""
    rng = np.random.default_rng(SEED)
    means = rng.choice(values, (RESAMPLES, len(values))).mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{np.mean(values):.2f} ({low:.2f}-{high:.2f})"
