"""Backscatter: answers to questions that somebody else asked in the receivers' names.

A flood of SYNs with drawn source addresses is answered to these (Moore, Voelker, Savage 2001): each
gets a SYN/ACK or a reset that it never asked for. Whoever sees them sees no scan, but a victim.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from wiretell.findings.scans.asked import SHOWN_HOSTS, shared_value
from wiretell.findings.scans.belief import Reason, alternatives, probability, reason
from wiretell.findings.scans.finding import BACKSCATTER, Finding, Ports
from wiretell.findings.scans.gathered import Gathered
from wiretell.findings.scans.port_scans import LOW, MAX_CANDIDATES

MIN_ANSWERS = 4
BEGINNING_NS = 10_000_000_000
"""What was asked before the capture began is mostly answered by then."""
_WHAT = {"synack": "SYN/ACKs", "rst": "resets"}


def backscatter(probes: pl.DataFrame, gathered: Gathered) -> Iterator[Finding]:
    """Every candidate, however unlikely; `probes` as of `asked.detailed`."""
    answers = probes.filter(pl.col("kind").is_in(list(_WHAT)))
    many = (
        answers.group_by("src")
        .agg(pl.struct("dst", "dport").n_unique().alias("n"), pl.col("time_ns").min())
        .filter(pl.col("n") >= MIN_ANSWERS)
        .sort("n", "time_ns", "src", descending=[True, False, False])
        .head(MAX_CANDIDATES)
    )
    for src in many["src"].to_list():
        yield _judge(answers.filter(pl.col("src") == src), gathered)


def _judge(own: pl.DataFrame, gathered: Gathered) -> Finding:
    src = str(own["src"][0])
    asked = own.unique(["dst", "dport"], keep="first", maintain_order=True)
    hosts = own["dst"].unique(maintain_order=True).to_list()
    what = " and ".join(_WHAT[kind] for kind in sorted(set(own["kind"]), reverse=True))
    to = f"{len(hosts)} addresses" if len(hosts) > 1 else hosts[0]
    reasons = [
        reason("backscatter", "prior"),
        reason("backscatter", "unasked", times=asked.height, what=what, hosts=to),
        *_service(own),
        *_spread(asked),
        *_innocence(src, own, gathered),
    ]
    first, last = own["time_ns"].min(), own["time_ns"].max()
    assert isinstance(first, int) and isinstance(last, int)
    return Finding(
        kind=BACKSCATTER,
        technique=str(own["kind"].mode().sort()[-1]),
        probability=probability(reasons),
        sources=(src,),
        targets=tuple(hosts[:SHOWN_HOSTS]),
        n_targets=len(hosts),
        scanner=None,
        zombie=None,
        first_ns=first,
        last_ns=last,
        n_probes=own.height,
        ports=Ports(unfiltered=tuple(sorted(set(asked["sport"].to_list()))[:SHOWN_HOSTS])),
        reasons=tuple(reasons),
        alternatives=alternatives(BACKSCATTER),
        notes=(f"{src} is the victim of whoever forged the questions",),
    )


def _service(own: pl.DataFrame) -> Iterator[Reason]:
    named = shared_value(own["sport"].to_list())
    if named is not None:
        yield reason("backscatter", "one_service", port=named[0])


def _spread(asked: pl.DataFrame) -> Iterator[Reason]:
    """Ports of the receivers: drawn ones are all over, those of services are few and low."""
    ports = asked["dport"].unique()
    low = int((ports < LOW).sum())
    if low >= max(MIN_ANSWERS, asked.height / 4):
        yield reason("backscatter", "asks_services", times=low)
    elif len(ports) >= asked.height / 2:
        yield reason("backscatter", "spread", times=len(ports))


def _innocence(src: str, own: pl.DataFrame, gathered: Gathered) -> Iterator[Reason]:
    pairs = gathered.pairs.filter(pl.col("src") == src)
    alone = int(pairs["n_alone"].sum())
    if alone:
        yield reason("backscatter", "one_sided", times=alone)
    else:
        yield reason("backscatter", "never_more")
    hosts = own["dst"].unique().to_list()
    asked = gathered.events.filter(
        (pl.col("dst") == src) & pl.col("src").is_in(hosts) & (pl.col("flags") & 0x17 == 0x02)
    ).height
    if asked:
        yield reason("backscatter", "elsewhere", times=asked)
    start = gathered.first_ns or 0
    early = own.filter(pl.col("time_ns") < start + BEGINNING_NS).height
    if early == own.height:
        yield reason("backscatter", "beginning", seconds=BEGINNING_NS // 1_000_000_000)
