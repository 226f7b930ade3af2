"""Two runs on the same draws: what a change of the engine did, draw by draw."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.accuracy.records import Record
from bench.accuracy.table import METRICS, OURS, Figure, Metric, resampling

_SHOWN = (
    "mae",
    "exact",
    "within_one",
    "interval",
    "over_claims",
    "ari",
    "pair_f1",
    "coverage",
    "rate",
    "regime",
    "member_ece",
    "pair_ece",
    "seconds",
)


def difference(metric: Metric, before: Sequence[Record], after: Sequence[Record]) -> Figure:
    """How much the metric grew from `before` to `after`, records of the same draws in order.

    The bootstrap takes both records of a draw together, so what draws have in common drops out.
    """
    parts = [np.array([metric.parts(r) for r in records]) for records in (before, after)]
    value = metric.figure(parts[1].sum(axis=0)) - metric.figure(parts[0].sum(axis=0))
    chosen = resampling(len(before))
    resampled = metric.figure(chosen @ parts[1]) - metric.figure(chosen @ parts[0])
    known = resampled[np.isfinite(resampled)]
    if not len(known):
        return Figure(float(value), math.nan, math.nan)
    low, high = np.percentile(known, [2.5, 97.5])
    return Figure(float(value), float(low), float(high))


def compared(before: Sequence[Record], after: Sequence[Record]) -> str:
    """A line per row and metric of ours that changed, with the bootstrap interval of the change.

    A change whose interval does not hold nought is marked. Draws whose captures differ are left
    out: the simulator was changed in between.
    """
    old = {r.key: r for r in before if r.method == OURS and not r.error}
    new = {r.key: r for r in after if r.method == OURS and not r.error}
    lines = ["row       metric                              before   after  change (95 %)"]
    for row in dict.fromkeys(r.row for r in after):
        shared = sorted(key for key in new.keys() & old.keys() if key[0] == row)
        keys = [key for key in shared if _of_one_capture(old[key], new[key])]
        if len(keys) < len(shared):
            lines.append(f"{row:8s}  {len(shared) - len(keys)} draws are other captures now")
        if not keys:
            lines.append(f"{row:8s}  no draws in common")
            continue
        pair = [old[key] for key in keys], [new[key] for key in keys]
        n_changed = sum(
            a.ari != b.ari or a.n_found != b.n_found for a, b in zip(*pair, strict=True)
        )
        lines.append(f"{row:8s}  {len(keys)} draws, {n_changed} of them judged otherwise")
        for name in _SHOWN:
            metric = METRICS[name]
            found = difference(metric, *pair)
            if found.value == 0.0 or math.isnan(found.value):
                continue
            was, now = (
                float(metric.figure(np.array([metric.parts(r) for r in x]).sum(axis=0)))
                for x in pair
            )
            n = metric.decimals
            sure = "" if found.low <= 0.0 <= found.high else "  *"
            lines.append(
                f"{row:8s}  {metric.words:34s} {was:7.{n}f} {now:7.{n}f}  "
                f"{found.value:+.{n}f} ({found.low:+.{n}f} to {found.high:+.{n}f}){sure}"
            )
    return "\n".join(lines) + "\n"


def _of_one_capture(a: Record, b: Record) -> bool:
    return (a.n_true, a.n_flows, a.n_addresses) == (b.n_true, b.n_flows, b.n_addresses)
