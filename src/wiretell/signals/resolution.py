"""A name looked up, then its address called: both by the same machine.

Physics: a client that resolves a name connects to the answer within moments (RFC 1034, 8305).
Blind spots: caches, resolvers shared inside, encrypted DNS, machines that ask the same at once.
"""

from __future__ import annotations

import bisect
import math
from collections import defaultdict
from collections.abc import Iterator

import polars as pl

from wiretell.signal import Link, Scores, Signal

NAME = "resolution"
WITHIN_S = 5.0
BITS = 7.0
"""Of a look-up whose answer nobody else was given within the same seconds."""


def score(sides: pl.DataFrame, observations: pl.DataFrame) -> Scores:
    """Links from a DNS flow to the first flow towards the address it was answered."""
    answers = observations.filter(
        (pl.col("quantity") == "dns_answer")
        & pl.col("time_ns").is_not_null()
        & pl.col("text").is_not_null()
    ).select("flow_id", "side", "text", "time_ns")
    if answers.is_empty():
        return Scores()
    asked = answers.join(
        sides.select("flow_id", "side", "number"), on=["flow_id", "side"], maintain_order="left"
    )
    calls: dict[str, list[tuple[int, int]]] = defaultdict(list)
    opened = sides.filter(pl.col("initiator") & (pl.col("peer_port") != 53))
    for peer, call in zip(opened["peer"].to_list(), _pairs(opened, "start_ns"), strict=True):
        calls[peer].append(call)
    told: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for text, (time_ns, asker) in zip(
        asked["text"].to_list(), _pairs(asked, "time_ns"), strict=True
    ):
        name, _, address = text.rpartition(" ")
        if address in calls:
            told[address].append((time_ns, asker, name))
    links: list[Link] = []
    window_ns = int(WITHIN_S * 1e9)
    for address, answered in sorted(told.items()):
        answered.sort()
        called, times_ns = calls[address], [time_ns for time_ns, _, _ in answered]
        for time_ns, asker, name in answered:
            at = bisect.bisect_left(called, (time_ns, -1))
            if at == len(called) or called[at][0] - time_ns > window_ns:
                continue
            start_ns, caller = called[at]
            since = bisect.bisect_left(times_ns, start_ns - window_ns)
            until = bisect.bisect_right(times_ns, start_ns)
            rivals = {a for _, a, _ in answered[since:until]}
            last = bisect.bisect_right(called, (time_ns + window_ns, sides.height))
            bits = BITS - 2.0 * math.log2(len(rivals)) - math.log2(last - at)
            if bits > 0.0:
                wait = (start_ns - time_ns) / 1e9
                links.append(
                    Link(
                        NAME,
                        asker,
                        caller,
                        bits,
                        f"asked for {name}, then called {address} after {wait:.2f} s",
                    )
                )
    return Scores(links=links)


def _pairs(rows: pl.DataFrame, time: str) -> Iterator[tuple[int, int]]:
    """A time and the number of the side, of each row."""
    return zip(rows[time].to_list(), rows["number"].to_list(), strict=True)


SIGNAL = Signal(NAME, score=score)
