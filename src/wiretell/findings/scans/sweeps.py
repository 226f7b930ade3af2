"""Sweeps: one port of many hosts."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from wiretell.findings.scans.asked import (
    SHOWN_HOSTS,
    is_one_host,
    look_of,
    look_reasons,
    neighbourhood,
    ports_of,
    services,
)
from wiretell.findings.scans.belief import Reason, alternatives, probability, reason
from wiretell.findings.scans.finding import SWEEP, Finding
from wiretell.findings.scans.gathered import Gathered
from wiretell.findings.scans.port_scans import (
    FAMILIES,
    LOW,
    MAX_CANDIDATES,
    SERVER_PORTS,
    technique_of,
)

MIN_HOSTS = 5
MIN_SCATTERED = 12
SCATTERED = 0.7
"""/8 networks by hosts: 50 drawn addresses are in 45, those of one service in few."""
SERVES_SHARE = 0.1
"""Of all hosts asked on a port, from which answers with data make it a client."""


def sweeps(probes: pl.DataFrame, gathered: Gathered) -> Iterator[Finding]:
    """Every candidate, however unlikely; `probes` as of `asked.detailed`."""
    asked = probes.filter(~pl.col("kind").is_in(["rst", "synack"])).with_columns(
        family=pl.col("kind").replace(FAMILIES)
    )
    key = ["src", "dport", "family"]
    many = (
        asked.group_by(key)
        .agg(pl.col("dst").n_unique().alias("n"), pl.col("time_ns").min())
        .filter(pl.col("n") >= MIN_HOSTS)
        .sort("n", "time_ns", *key, descending=[True, False, False, False, False])
        .head(MAX_CANDIDATES)
    )
    groups = asked.join(many.select(key), on=key, how="semi").partition_by(
        key, as_dict=True, maintain_order=True
    )
    for src, port, family in many.select(key).iter_rows():
        found = _judge(groups[src, port, family], gathered)
        if found is not None:
            yield found


def _judge(given: pl.DataFrame, gathered: Gathered) -> Finding | None:
    hosts = [dst for dst in given["dst"].unique(maintain_order=True).to_list() if is_one_host(dst)]
    own = given.filter(pl.col("dst").is_in(hosts))
    failed = own.filter(pl.col("answer").fill_null("") != "data")
    if len(hosts) < MIN_HOSTS or failed["dst"].n_unique() < MIN_HOSTS:
        return None
    src, port, look = own["src"][0], int(own["dport"][0]), look_of(own)
    n_failed = failed["dst"].n_unique()
    reasons = [
        reason("sweep", "prior"),
        reason("sweep", "hosts", times=n_failed, port=port),
        *look_reasons("sweep", look),
    ]
    network, n_near = neighbourhood(failed["dst"].unique().to_list())
    if n_near > max(2, n_failed / 2):
        reasons.append(reason("sweep", "neighbours", times=n_near - 2, network=network))
    reasons += _strangers(port, own, n_failed)
    served = gathered.served.filter((pl.col("src") == src) & (pl.col("dport") == port))
    n_served = int(served["n_hosts"].sum()) + len(hosts) - n_failed
    if n_served >= SERVES_SHARE * len(hosts):
        reasons.append(reason("sweep", "serves", times=n_served))
    if look.source_port is not None and port >= LOW and own["kind"][0] not in FAMILIES:
        sport, _ = look.source_port
        if sport < LOW or sport in SERVER_PORTS:
            reasons.append(reason("sweep", "answers_of_a_server", port=sport))
    kind = own["kind"][0]
    return Finding(
        kind=SWEEP,
        technique=kind if kind == "ping" else technique_of(own, look),
        probability=probability(reasons),
        sources=(src,),
        targets=tuple(hosts[:SHOWN_HOSTS]),
        n_targets=len(hosts),
        scanner=src,
        zombie=None,
        first_ns=look.first_ns,
        last_ns=look.last_ns,
        n_probes=look.n,
        ports=ports_of(own),
        reasons=tuple(reasons),
        alternatives=alternatives(SWEEP),
        notes=_answers(own),
    )


def _strangers(port: int, own: pl.DataFrame, n_failed: int) -> Iterator[Reason]:
    """Whether these hosts have anything to do with whoever asks."""
    if port in services("worms") and own["kind"][0] in FAMILIES:
        yield reason("sweep", "worm_port", port=port, service=services("worms")[port])
    if port in services("web") and own["kind"][0] in (*FAMILIES, "udp"):
        yield reason("sweep", "web", port=port)
    hosts = own["dst"].unique().to_list()
    blocks = {host.split(".")[0] for host in hosts if "." in host}
    if len(blocks) >= max(MIN_SCATTERED, SCATTERED * len(hosts)):
        yield reason("sweep", "scattered", times=len(blocks))
    if own["answer"].null_count() == own.height:
        yield reason("sweep", "none_answered", times=n_failed)


def _answers(own: pl.DataFrame) -> tuple[str, ...]:
    """`open at 10.0.0.5, 10.0.0.9`: hosts whose port answered."""
    up = own.filter(pl.col("state") == "open")["dst"].unique(maintain_order=True).to_list()
    if not up:
        return ()
    more = f" and {len(up) - SHOWN_HOSTS} more" if len(up) > SHOWN_HOSTS else ""
    return (f"answered by {', '.join(up[:SHOWN_HOSTS])}{more}",)
