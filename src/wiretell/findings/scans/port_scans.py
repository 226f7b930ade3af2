"""Port scans: many ports of one host, and of none anything was wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import polars as pl

from wiretell.findings.scans.asked import Look, is_one_host, look_of, look_reasons, ports_of
from wiretell.findings.scans.belief import Reason, alternatives, probability, reason
from wiretell.findings.scans.finding import PORT_SCAN, Finding, Ports
from wiretell.findings.scans.gathered import Gathered
from wiretell.findings.scans.kinds import kinds

MIN_PORTS = 4
"""Fewer ports of a host are no scan worth the name: browsers and mail programs ask as many."""
MIN_ODD_PORTS = 2
"""Of segments that no stack sends: a second one is no accident."""
MAX_CANDIDATES = 20_000
LOW = 1024
SERVER_PORTS = frozenset({3074, 3306, 3389, 3478, 5060, 5222, 5228, 5432, 6881, 8000, 8080, 8443})
"""Above 1023 too, services answer from these."""
MAX_TRACE_TTL = 30
FAMILIES = {"syn": "open", "connect": "open"}
"""Kinds that one scan mixes: a connect scan's closed ports show a SYN alone."""


def port_scans(probes: pl.DataFrame, gathered: Gathered) -> Iterator[Finding]:
    """Every candidate, however unlikely; `probes` as of `asked.detailed`."""
    key = ["src", "dst", "family"]
    asked = _in_families(probes.filter(~pl.col("kind").is_in(["ping", "rst"])))
    least = pl.when(pl.col("family") == "mixed").then(MIN_ODD_PORTS).otherwise(MIN_PORTS)
    many = (
        asked.group_by(key)
        .agg(pl.col("dport").n_unique().alias("n"), pl.col("time_ns").min())
        .filter(pl.col("n") >= least)
        .sort("n", "time_ns", *key, descending=[True, False, False, False, False])
        .head(MAX_CANDIDATES)
    )
    groups = asked.join(many.select(key), on=key, how="semi").partition_by(
        key, as_dict=True, maintain_order=True
    )
    names = pl.col("kind").replace(FAMILIES).unique().sort().alias("techniques")
    tried = {
        (src, dst): techniques
        for src, dst, techniques in asked.join(
            many.select("src", "dst"), on=["src", "dst"], how="semi"
        )
        .group_by("src", "dst")
        .agg(names)
        .iter_rows()
    }
    for src, dst, family in many.select(key).iter_rows():
        if is_one_host(dst):
            yield _judge(groups[src, dst, family], tried[src, dst], gathered)


def _in_families(asked: pl.DataFrame) -> pl.DataFrame:
    """With `family`: what one scan may mix. Segments that no stack sends, of kinds that have few
    ports each, are a family together."""
    odd = [name for name, kind in kinds().items() if kind.odd]
    family = pl.col("kind").replace(FAMILIES)
    few = pl.col("dport").n_unique().over("src", "dst", "kind") < MIN_PORTS
    rare = pl.col("kind").is_in(odd) & few
    return asked.with_columns(family=pl.when(rare).then(pl.lit("mixed")).otherwise(family))


def _judge(own: pl.DataFrame, tried: Sequence[str], gathered: Gathered) -> Finding:
    src, dst = own["src"][0], own["dst"][0]
    ports, look = ports_of(own), look_of(own)
    technique = technique_of(own, look)
    reasons = [
        reason("port_scan", "prior"),
        reason("port_scan", "ports", times=ports.n),
        *look_reasons("port_scan", look),
        *_behaviour(own, ports),
        *_mixed(tried),
        *_innocence(own, look, ports, gathered),
    ]
    return Finding(
        kind=PORT_SCAN,
        technique=technique,
        probability=probability(reasons),
        sources=(src,),
        targets=(dst,),
        n_targets=1,
        scanner=src,
        zombie=None,
        first_ns=look.first_ns,
        last_ns=look.last_ns,
        n_probes=look.n,
        ports=ports,
        reasons=tuple(reasons),
        alternatives=alternatives(PORT_SCAN),
    )


def technique_of(own: pl.DataFrame, look: Look) -> str:
    """syn, connect, fin, ... of probes of one family."""
    counts = (
        own["kind"].value_counts(sort=True, name="n").sort("n", "kind", descending=[True, False])
    )
    if not set(own["kind"]) & set(FAMILIES):
        return str(counts["kind"][0])
    if (
        look.crafted is not None
        or _n_half_open(own) > own.filter(pl.col("kind") == "connect").height
    ):
        return "syn"
    return "connect"


def _n_half_open(own: pl.DataFrame) -> int:
    offered = (pl.col("kind") == "syn") & (pl.col("answer") == "synack")
    return own.filter(offered & pl.col("resets")).height


def _behaviour(own: pl.DataFrame, ports: Ports) -> Iterator[Reason]:
    half_open = _n_half_open(own)
    if half_open:
        yield reason("port_scan", "half_open", times=half_open)
    unused = own.filter(pl.col("kind") == "connect").height
    if unused:
        yield reason("port_scan", "unused", times=unused)
    asked = own["dport"].unique()
    low = int((asked < LOW).sum())
    if low >= MIN_PORTS:
        yield reason("port_scan", "low_ports", times=low)
    if own["kind"][0] == "udp" and len(ports.open) > ports.n / 2:
        yield reason("port_scan", "few_failed", times=len(ports.open), of=ports.n)


def _mixed(tried: Sequence[str]) -> Iterator[Reason]:
    if len(tried) > 2:
        names = ", ".join("SYN" if name == "open" else kinds()[name].called for name in tried)
        yield reason("port_scan", "mixed", times=len(tried), techniques=names)


def _innocence(own: pl.DataFrame, look: Look, ports: Ports, gathered: Gathered) -> Iterator[Reason]:
    src, dst = own["src"][0], own["dst"][0]
    lowest = int(own["dport"].min())  # type: ignore[arg-type]
    asks = bool(set(own["kind"]) & set(FAMILIES))  # a SYN is nobody's answer
    if look.source_port is not None and lowest >= LOW and not asks:
        port, _ = look.source_port
        if port < LOW or port in SERVER_PORTS:
            yield reason("port_scan", "answers_of_a_server", port=port, low=lowest)
            return
    pair = gathered.pairs.filter((pl.col("src") == src) & (pl.col("dst") == dst))
    used = int(pair["n_ports"].sum())
    if used >= ports.n:
        yield reason("port_scan", "client_of_it", times=used)
    if lowest >= LOW and look.crafted is None and look.odd_flags is None:
        yield reason("port_scan", "high_ports", low=lowest)
    if _is_traceroute(own):
        yield reason("port_scan", "traceroute", first=int(own["ttl"].min()))  # type: ignore[arg-type]


def _is_traceroute(own: pl.DataFrame) -> bool:
    """TTLs from few upwards that follow the ports."""
    told = own.filter(pl.col("ttl").is_not_null()).sort("dport")
    ttls: list[int] = told["ttl"].to_list()
    if len(ttls) < MIN_PORTS or min(ttls) > 3 or len(set(ttls)) < MIN_PORTS:
        return False
    rising = sum(b >= a for a, b in pairwise(ttls))
    return max(ttls) <= 2 * MAX_TRACE_TTL and rising >= 0.9 * (len(ttls) - 1)
