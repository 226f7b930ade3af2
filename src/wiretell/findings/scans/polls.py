"""Who watches another machine's IP ID: asks for resets again and again, and reads the counter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from wiretell.findings.scans.distance import hops
from wiretell.findings.scans.gathered import Gathered
from wiretell.findings.scans.machines import (
    POLLED_STEP,
    Counter,
    counter,
    events_of_pairs,
    is_reset,
    is_syn_ack,
)

MIN_POLLS = 3
MAX_CANDIDATES = 1_000


@dataclass(frozen=True)
class Polls:
    """`scanner` got resets of `zombie`'s `port`: their times and IP IDs; `acks`: the
    acknowledgement numbers of its SYN/ACKs; `drawn_ttls`: in words, where their TTLs are drawn."""

    scanner: str
    zombie: str
    port: int
    times_ns: tuple[int, ...]
    ids: tuple[int, ...]
    acks: frozenset[int]
    n_asked: int
    drawn_ttls: str | None
    counter: Counter


def polls(gathered: Gathered) -> Iterator[Polls]:
    """Every address that sent SYN/ACKs nobody asked for to one port of another and was reset.

    The IP IDs of the resets must be one counter: else there is nothing to read.
    """
    events = gathered.events
    key = ["src", "dst", "dport"]
    asked = _unasked(gathered).sort("time_ns")
    many = (
        asked.group_by(key)
        .agg(pl.len().alias("n"), pl.col("time_ns").min())
        .filter(pl.col("n") >= MIN_POLLS)
        .sort("n", "time_ns", *key, descending=[True, False, False, False, False])
        .head(MAX_CANDIDATES)
    )
    ways = list(many.select("src", "dst").unique(maintain_order=True).iter_rows())
    out = events_of_pairs(asked, ways)
    back = events_of_pairs(
        events.filter(is_reset(pl.col("flags")) & pl.col("ipid").is_not_null()),
        [way[::-1] for way in ways],
    )
    for src, dst, port in many.select(key).iter_rows():
        own = out[src, dst].filter(pl.col("dport") == port)
        if (dst, src) not in back:
            continue
        answers = back[dst, src].filter(pl.col("sport") == port).sort("time_ns", "packet")
        ids = answers["ipid"].to_list()
        counted = counter(ids, POLLED_STEP)
        if len(ids) >= MIN_POLLS and counted.counts:
            acks = frozenset(own["ack"].drop_nulls().to_list())
            times = tuple(answers["time_ns"].to_list())
            drawn = _drawn(own["ttl"].drop_nulls().to_list())
            yield Polls(src, dst, port, times, tuple(ids), acks, own.height, drawn, counted)


def _drawn(ttls: list[int]) -> str | None:
    """`35 to 57` where TTLs are drawn packet by packet."""
    distance = hops(ttls)
    if distance is None or not distance.drawn:
        return None
    return f"{min(ttls)} to {max(ttls)}"


def _unasked(gathered: Gathered) -> pl.DataFrame:
    """SYN/ACKs in flows that hold no SYN."""
    events = gathered.events
    syns = events.filter(pl.col("flags") & 0x17 == 0x02).select("flow_id").unique()
    return events.filter(is_syn_ack(pl.col("flags"))).join(syns, on="flow_id", how="anti")
