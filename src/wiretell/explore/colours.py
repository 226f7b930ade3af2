"""Which colour each flow side has: by machine, program, signature, or whatever is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.exporters.escape import shortened, visible
from wiretell.plots.palette import COLORS

OTHERS = "#8a9099"
BY = {
    "device": "machine",
    "user_agent": "User-Agent",
    "ja4": "JA4",
    "sni": "server name",
    "syn": "SYN signature",
    "ttl": "TTL",
    "dst": "far end",
    "dst_port": "service",
    "conn_state": "state",
}
"""Column of the side table -> what it is called."""
MAX_LABEL = 48


@dataclass(frozen=True)
class Colouring:
    """`kind` is a number for each row of the side table, into `labels` and `colors`.

    Kinds are in order of how many sides have them, machines in order of their numbers; past the
    last colour all share one, "others". Rows without a value are of the last kind.
    """

    kind: NDArray[np.int64]
    labels: tuple[str, ...]
    colors: tuple[str, ...]
    counts: tuple[int, ...]


def colouring(sides: pl.DataFrame, by: str) -> Colouring:
    """Colours of the sides by one of `BY`. Labels are visible text, not HTML."""
    values = sides[by].cast(pl.String)
    found = pl.DataFrame({"value": values}).drop_nulls().group_by("value").len()
    order: tuple[list[pl.Expr], list[bool]] = (
        ([pl.col("value").str.strip_prefix("#").cast(pl.Int64, strict=False)], [False])
        if by == "device"
        else ([pl.col("len"), pl.col("value")], [True, False])
    )
    found = found.sort(order[0], descending=order[1], nulls_last=True)
    n_own = min(found.height, len(COLORS))
    place = {value: min(n, n_own) for n, value in enumerate(found["value"].to_list())}
    n_rest = found.height - n_own
    nothing = n_own + (1 if n_rest else 0)
    kind = np.array([place.get(value, nothing) for value in values.to_list()], np.int64)
    labels = [shortened(visible(value), MAX_LABEL) for value in found["value"][:n_own].to_list()]
    colors = list(COLORS[:n_own])
    if n_rest:
        labels.append(f"{n_rest} others")
        colors.append(OTHERS)
    labels.append("none")
    colors.append(OTHERS)
    counts = np.bincount(kind, minlength=len(labels)).tolist()
    return Colouring(kind, tuple(labels), tuple(colors), tuple(counts))
