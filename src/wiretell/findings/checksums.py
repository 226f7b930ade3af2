"""Wrong checksums, by who sent them: left to a network card, made wrong in the file, or damage.

`count_checksums` looks at one batch, `add_checksums` puts two together, `sort_out` says which of
the wrong ones are which. Counted per pair of addresses: memory grows with flows alone.

A checksum that holds the pseudo header's sum only, or 0, was left to the sender's card (RFC 1071
sums can be continued): no damage makes that. Others are judged by consistency: damage hits here
and there; a card, a fault or an edit of the file hits all that one address sends.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from wiretell.model.packets import CHECKSUMS

PAIRS = pl.Schema(
    {
        "src": pl.String,
        "dst": pl.String,
        "proto": pl.UInt8,
        "n": pl.UInt64,
        "n_bad": pl.UInt64,
        "n_unfinished": pl.UInt64,
    }
)
"""Verified packets from `src` to `dst`: wrong ones, and those left to the card."""
CONSISTENT = 0.9
"""Share of an address's packets from which being wrong is how it sends, not damage."""
MIN_PACKETS = 10
"""Fewer than these show no consistency."""


@dataclass(frozen=True)
class Wrong:
    """Numbers of packets, and the addresses that sent them, most packets first.

    `unfinished`: left to the sender's card. `own`: all that one address sends is wrong, what
    it is answered is right. `edited`: all is wrong both ways. `damaged`: the rest.
    """

    n_verified: int
    unfinished: int
    own: int
    edited: int
    damaged: int
    unfinished_by: tuple[str, ...]
    own_by: tuple[str, ...]
    damaged_by: tuple[str, ...]


def count_checksums(packets: pl.DataFrame) -> pl.DataFrame:
    """`PAIRS` of one batch of PACKETS with the columns `CHECKSUMS`; empty without them."""
    names = [column.name for column in CHECKSUMS]
    if not set(names) <= set(packets.columns):
        return PAIRS.to_frame()
    known = packets.filter(
        pl.col("src").is_not_null() & pl.any_horizontal(pl.col(names).is_not_null())
    )
    is_bad = pl.any_horizontal((pl.col(name) == "bad").fill_null(value=False) for name in names)
    is_left = pl.any_horizontal(
        pl.col(name).is_in(["partial", "zero"]).fill_null(value=False) for name in names
    )
    pairs = known.group_by("src", "dst", "proto").agg(
        n=pl.len(), n_bad=is_bad.sum(), n_unfinished=(is_left & ~is_bad).sum()
    )
    return pairs.select(PAIRS.names()).cast(PAIRS)


def add_checksums(a: pl.DataFrame, b: pl.DataFrame) -> pl.DataFrame:
    """Both together."""
    if a.is_empty() or b.is_empty():
        return b if a.is_empty() else a
    both = pl.concat([a, b]).group_by("src", "dst", "proto")
    return both.agg(pl.col("n", "n_bad", "n_unfinished").sum()).select(PAIRS.names()).cast(PAIRS)


def sort_out(pairs: pl.DataFrame) -> Wrong:
    """Which of the wrong checksums are harmless."""
    senders = pairs.group_by("src", "proto").agg(pl.col("n", "n_bad").sum())
    always = senders.filter(
        (pl.col("n") >= MIN_PACKETS) & (pl.col("n_bad") >= CONSISTENT * pl.col("n"))
    ).select("src", "proto", always=pl.lit(value=True))
    answers = pairs.select(dst="src", src="dst", proto="proto", answered=pl.lit(value=True))
    other = always.select(dst="src", proto="proto", always_other="always")
    judged = (
        pairs.filter(pl.col("n_bad") > 0)
        .join(always, on=["src", "proto"], how="left")
        .join(answers, on=["src", "dst", "proto"], how="left")
        .join(other, on=["dst", "proto"], how="left")
    )
    # Who is answered was understood: on the wire it was right.
    told = pl.col("always").fill_null(value=False) & pl.col("answered").fill_null(value=False)
    both = told & pl.col("always_other").fill_null(value=False)
    edited, own, damaged = (judged.filter(rows) for rows in (both, told & ~both, ~told))
    return Wrong(
        n_verified=int(pairs["n"].sum()),
        unfinished=int(pairs["n_unfinished"].sum()),
        own=int(own["n_bad"].sum()),
        edited=int(edited["n_bad"].sum()),
        damaged=int(damaged["n_bad"].sum()),
        unfinished_by=_senders(pairs, "n_unfinished"),
        own_by=_senders(own, "n_bad"),
        damaged_by=_senders(damaged, "n_bad"),
    )


def _senders(pairs: pl.DataFrame, number: str) -> tuple[str, ...]:
    summed = pairs.group_by("src").agg(pl.col(number).sum()).filter(pl.col(number) > 0)
    return tuple(summed.sort([number, "src"], descending=[True, False])["src"])
