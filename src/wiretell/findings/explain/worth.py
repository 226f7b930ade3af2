"""Which connections are worth explaining: those with INVALID packets, then the disturbed ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

_SCHEMA = pl.Schema(
    {"flow_id": pl.UInt64, "kind": pl.String, "name": pl.String, "n": pl.UInt64, "first": pl.UInt64}
)
_ORDINARY = ("window_update",)
"""Marks that a healthy connection shows as well."""


@dataclass(frozen=True, slots=True)
class Worth:
    """A connection and what is odd in it: INVALID verdicts by reason, marks; most first.

    `first_odd` is the packet of the first INVALID verdict, else of the first mark.
    """

    flow_id: int
    proto: int
    orig: tuple[str, int]
    resp: tuple[str, int]
    n_packets: int
    n_invalid: int
    first_odd: int | None
    reasons: tuple[tuple[str, int], ...]
    notes: tuple[tuple[str, int], ...]
    marks: tuple[tuple[str, int], ...]
    conn_state: str | None


def oddities(segments: pl.DataFrame) -> pl.DataFrame:
    """Counts of one batch of SEGMENTS: per flow and kind (`reason`, `note`, `mark`) and name.

    Columns flow_id, kind, name, n, first (packet). Batches are put together by `summed`.
    """
    reasons = segments.filter(pl.col("ct_state") == "invalid").select(
        "flow_id", "packet", name=pl.col("reason").fill_null("unknown")
    )
    notes = segments.filter(pl.col("note").is_not_null()).select("flow_id", "packet", name="note")
    marks = segments.select("flow_id", "packet", name="analysis").explode("name").drop_nulls("name")
    parts = [
        part.group_by("flow_id", "name")
        .agg(n=pl.len().cast(pl.UInt64), first=pl.col("packet").min())
        .select("flow_id", pl.lit(kind).alias("kind"), "name", "n", "first")
        for kind, part in (("reason", reasons), ("note", notes), ("mark", marks))
    ]
    return pl.concat(parts).match_to_schema(_SCHEMA)


def summed(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The counts of several batches as one table, in a fixed order."""
    whole = pl.concat([pl.DataFrame(schema=_SCHEMA), *parts])
    return (
        whole.group_by("flow_id", "kind", "name")
        .agg(pl.col("n").sum(), pl.col("first").min())
        .sort("flow_id", "kind", "n", "name", descending=[False, False, True, False])
    )


def worth_explaining(counts: pl.DataFrame, flows: pl.DataFrame) -> list[Worth]:
    """Connections with something odd, INVALID ones first, then by how much is odd in them."""
    odd = counts.group_by("flow_id").agg(
        n_invalid=pl.col("n").filter(pl.col("kind") == "reason").sum(),
        n_odd=pl.col("n")
        .filter((pl.col("kind") != "note") & ~pl.col("name").is_in(list(_ORDINARY)))
        .sum(),
        first_invalid=pl.col("first").filter(pl.col("kind") == "reason").min(),
        first_mark=pl.col("first").filter(pl.col("kind") == "mark").min(),
    )
    chosen = (
        flows.join(odd, on="flow_id", how="inner")
        .filter(pl.col("n_odd") > 0)
        .sort("n_invalid", "n_odd", "flow_id", descending=[True, True, False])
    )
    named: dict[tuple[int, str], list[tuple[str, int]]] = {}
    for row in counts.iter_rows(named=True):
        named.setdefault((row["flow_id"], row["kind"]), []).append((row["name"], row["n"]))
    return [
        Worth(
            flow_id=row["flow_id"],
            proto=row["proto"],
            orig=(row["orig_h"], row["orig_p"]),
            resp=(row["resp_h"], row["resp_p"]),
            n_packets=row["orig_pkts"] + row["resp_pkts"],
            n_invalid=row["n_invalid"],
            first_odd=row["first_mark"] if row["first_invalid"] is None else row["first_invalid"],
            reasons=tuple(named.get((row["flow_id"], "reason"), ())),
            notes=tuple(named.get((row["flow_id"], "note"), ())),
            marks=tuple(named.get((row["flow_id"], "mark"), ())),
            conn_state=row["conn_state"],
        )
        for row in chosen.iter_rows(named=True)
    ]
