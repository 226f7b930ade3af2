"""Whether two addresses that scan one target are one machine: arguments in bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from wiretell.findings.scans.belief import Reason, reason
from wiretell.findings.scans.distance import Hops, apart, hops
from wiretell.findings.scans.machines import counter

MIN_SHARED = 3
"""Ports that both asked, from which orders and times say something."""
CLOCK_MS = 50.0
CLOCK_RATES_HZ = (1000.0, 250.0, 100.0)
"""Rates of TCP timestamps that are tried (science: by system)."""
KINDS = {"connect": ("syn", "connect"), "syn": ("syn", "connect")}
"""Kinds of probes that a technique mixes."""


@dataclass(frozen=True)
class Prober:
    """One address and its probes of one target: a row per port, its first probe (columns of
    `asked.detailed`), in order of time."""

    address: str
    kinds: tuple[str, ...]
    probes: pl.DataFrame
    distance: Hops | None
    mac: str | None


def prober(address: str, target: str, technique: str, probes: pl.DataFrame) -> Prober:
    """What `address` asked of `target` by `technique`."""
    kinds = KINDS.get(technique, (technique,))
    own = probes.filter(
        (pl.col("src") == address) & (pl.col("dst") == target) & pl.col("kind").is_in(kinds)
    )
    macs = own["mac"].drop_nulls().unique()
    return Prober(
        address,
        kinds,
        own.unique("dport", keep="first", maintain_order=True),
        hops(own["ttl"].drop_nulls().to_list()),
        str(macs[0]) if len(macs) == 1 else None,
    )


def same_machine(a: Prober, b: Prober, *, several_macs: bool = False) -> list[Reason]:
    """All arguments; `several_macs`: this wire shows link addresses of several machines."""
    both = a.probes.join(b.probes, on="dport", how="inner", maintain_order="left", suffix="_b")
    return [
        reason("decoys", "prior"),
        *_same_numbers(both),
        *_same_time(a, b, both),
        *_same_look(a, b),
        *_same_place(a, b, several_macs),
        *_same_counter(a, b),
        *_same_clock(a, b),
    ]


def _same_numbers(both: pl.DataFrame) -> Iterator[Reason]:
    of = both.height
    seqs = both.filter(
        (pl.col("seq") == pl.col("seq_b")) & (pl.col("sport") == pl.col("sport_b"))
    ).height
    if seqs:
        yield reason("decoys", "same_isn", times=seqs, of=of)
    ids = both.filter((pl.col("ipid") == pl.col("ipid_b")) & (pl.col("ipid") != 0)).height
    if ids > of / 4:
        yield reason("decoys", "same_ipid", times=ids, of=of)
    ports = both.filter(pl.col("sport") == pl.col("sport_b")).height
    if not seqs and ports >= max(MIN_SHARED, of / 2):
        yield reason("decoys", "same_source_port", port=both["sport"][0])


def _same_time(a: Prober, b: Prober, both: pl.DataFrame) -> Iterator[Reason]:
    """In step: closer together than what lies between one port and the next."""
    if both.height < MIN_SHARED:
        return
    gaps = [int(each.probes["time_ns"].diff().drop_nulls().median() or 0) for each in (a, b)]  # type: ignore[arg-type]
    near_ns = max(min(gaps), 1_000)
    near = int(((both["time_ns"] - both["time_ns_b"]).abs() <= near_ns).sum())
    if near >= both.height / 2:
        words = f"{near_ns / 1e6:.3g}"
        yield reason("decoys", "lockstep", times=near, of=both.height, ms=words)
    order, other = both["dport"].to_list(), both.sort("time_ns_b")["dport"].to_list()
    sorted_ways = (sorted(order), sorted(order, reverse=True))
    if both.height > 2 * MIN_SHARED and order == other and order not in sorted_ways:
        yield reason("decoys", "same_order", of=both.height)


def _same_look(a: Prober, b: Prober) -> Iterator[Reason]:
    looks = [
        set(each.probes.select("options", "window").drop_nulls().unique().iter_rows())
        for each in (a, b)
    ]
    if not all(looks):
        return
    if looks[0] & looks[1]:
        yield reason("decoys", "same_syn")
    else:
        yield reason("decoys", "other_syn")


def _same_place(a: Prober, b: Prober, several_macs: bool) -> Iterator[Reason]:
    differ = apart(a.distance, b.distance)
    if differ:
        yield reason("decoys", "other_distance", a=a.distance, b=b.distance)
    elif differ is False:
        yield reason("decoys", "same_distance", own=a.distance)
    if several_macs and a.mac is not None and a.mac == b.mac:
        yield reason("decoys", "same_mac")


def _same_counter(a: Prober, b: Prober) -> Iterator[Reason]:
    """IP IDs that make one counter together, of which each has only some numbers."""
    together = pl.concat([a.probes, b.probes]).sort("time_ns", "flow_id")
    both = counter(together["ipid"].drop_nulls().to_list())
    apart_ = [counter(each.probes["ipid"].drop_nulls().to_list()) for each in (a, b)]
    skips = all(each.counts and each.n_skipped > each.n_small / 2 for each in apart_)
    if both.counts and skips and both.n_skipped < both.n_small / 2:
        yield reason("decoys", "one_counter", times=both.n_small, of=both.n_steps)


def _same_clock(a: Prober, b: Prober) -> Iterator[Reason]:
    """TSvals of both on one line of a rate that timestamps have (RFC 7323)."""
    lines = [
        each.probes.filter(pl.col("tsval").is_not_null()).select("time_ns", "tsval").rows()
        for each in (a, b)
    ]
    if min(map(len, lines)) < MIN_SHARED:
        return
    for hz in CLOCK_RATES_HZ:
        offsets = [[tsval / hz * 1e3 - time_ns / 1e6 for time_ns, tsval in line] for line in lines]
        spread = max(map(max, offsets)) - min(map(min, offsets))
        if spread <= CLOCK_MS:
            yield reason("decoys", "one_clock", ms=f"{spread:.3g}")
            return
