"""A capture at a glance: connections worth explaining, and how good the capture is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from wiretell.findings.capture_quality import Quality, judge_capture
from wiretell.findings.explain.worth import Worth, oddities, summed, worth_explaining
from wiretell.findings.quality_counts import Counts, add, count_batch


@dataclass(frozen=True)
class Overview:
    """`worth` has connections with something odd, INVALID ones first; `n_flows` counts all."""

    n_flows: int
    n_invalid: int
    worth: tuple[Worth, ...]
    quality: Quality
    provenance: Mapping[str, Any]


@dataclass(frozen=True)
class Glance:
    """What one batch adds to an overview."""

    counts: Counts
    odd: pl.DataFrame
    flows: pl.DataFrame


def glance(packets: pl.DataFrame, segments: pl.DataFrame, flows: pl.DataFrame) -> Glance:
    """Counts one batch: rows of PACKETS and SEGMENTS, and of FLOWS that ended."""
    return Glance(count_batch(packets, segments), oddities(segments), flows)


def overview(glances: Iterable[Glance], provenance: Mapping[str, Any]) -> Overview:
    """All batches together. `provenance` is of the whole capture, as in `Report`."""
    counts = Counts()
    odd: list[pl.DataFrame] = []
    flows: list[pl.DataFrame] = []
    for each in glances:
        counts = add(counts, each.counts)
        odd.append(each.odd)
        flows.append(each.flows)
    table = pl.concat(flows, how="diagonal")
    worth = tuple(worth_explaining(summed(odd), table))
    return Overview(
        n_flows=table.height,
        n_invalid=sum(each.n_invalid for each in worth),
        worth=worth,
        quality=judge_capture(counts, table, provenance),
        provenance=provenance,
    )
