"""What is kept of a capture to find scans in it, added up batch by batch in bounded memory.

Memory grows with flows that carry no data, at most `MAX_ROWS` of each table; what is dropped for
that is counted. The most asked pairs of addresses are thinned first, so that a flood from one
source does not hide another's scan.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import polars as pl

from wiretell.findings.scans import probes as rows

MAX_ROWS = 1 << 20
"""Of each table: 16 scans of all ports, or a flood of a million forged addresses' first."""


@dataclass(frozen=True)
class Gathered:
    """Tables as `probes` names them. `alive` are events of flows that have not ended."""

    probes: pl.DataFrame = field(default_factory=rows.PROBES.to_frame)
    events: pl.DataFrame = field(default_factory=rows.EVENTS.to_frame)
    alive: pl.DataFrame = field(default_factory=rows.EVENTS.to_frame)
    errors: pl.DataFrame = field(default_factory=rows.ERRORS.to_frame)
    pairs: pl.DataFrame = field(default_factory=rows.PAIRS.to_frame)
    served: pl.DataFrame = field(default_factory=rows.SERVED.to_frame)
    first_ns: int | None = None
    last_ns: int | None = None
    n_flows: int = 0
    n_packets: int = 0
    n_probes_dropped: int = 0
    n_events_dropped: int = 0
    n_pairs_dropped: int = 0
    n_errors_dropped: int = 0


def gather(
    before: Gathered,
    packets: pl.DataFrame,
    segments: pl.DataFrame,
    flows: pl.DataFrame,
    *,
    max_rows: int = MAX_ROWS,
) -> Gathered:
    """`before` and one batch: PACKETS, SEGMENTS of the same, FLOWS that ended meanwhile."""
    sided = rows.sided(flows)
    probes = rows.probes_of(sided)
    pairs_now, served_now = rows.ordinary_of(sided, probes)
    alive = pl.concat([before.alive, rows.events_of(packets, segments)])
    over = alive.join(flows.select("flow_id"), on="flow_id", how="semi")
    events = over.join(probes.select("flow_id"), on="flow_id", how="semi")
    alive = alive.join(flows.select("flow_id"), on="flow_id", how="anti")
    kept_probes, n_probes = _bounded(pl.concat([before.probes, probes]), max_rows)
    kept_events, n_events = _bounded(pl.concat([before.events, events]), max_rows)
    kept_alive, n_alive = _bounded(alive, max_rows)
    errors = pl.concat([before.errors, rows.errors_of(packets, segments)]).unique(
        maintain_order=True
    )
    pairs = _summed_pairs(pl.concat([before.pairs, pairs_now]))
    served = (
        pl.concat([before.served, served_now])
        .group_by("src", "dport", maintain_order=True)
        .agg(pl.col("n_hosts").sum())
    )
    times = packets["time_ns"]
    first = [t for t in (before.first_ns, times.min()) if isinstance(t, int)]
    last = [t for t in (before.last_ns, times.max()) if isinstance(t, int)]
    return replace(
        before,
        probes=kept_probes,
        events=kept_events,
        alive=kept_alive,
        errors=errors.head(max_rows),
        pairs=pairs.head(max_rows),
        served=served.head(max_rows),
        first_ns=min(first, default=None),
        last_ns=max(last, default=None),
        n_flows=before.n_flows + flows.height,
        n_packets=before.n_packets + packets.height,
        n_probes_dropped=before.n_probes_dropped + n_probes,
        n_events_dropped=before.n_events_dropped + n_events + n_alive,
        n_pairs_dropped=before.n_pairs_dropped
        + max(0, pairs.height - max_rows)
        + max(0, served.height - max_rows),
        n_errors_dropped=before.n_errors_dropped + max(0, errors.height - max_rows),
    )


def _bounded(table: pl.DataFrame, max_rows: int) -> tuple[pl.DataFrame, int]:
    """At most `max_rows` rows in their order, and how many were dropped: of each pair of
    addresses only its first ones, ever fewer until they fit; at last of each target."""
    if table.height <= max_rows:
        return table, 0
    for over in (["src", "dst"], ["dst"]):
        place = table.select(pl.int_range(pl.len()).over(over)).to_series()
        most = max_rows
        while most:
            kept = table.filter(place < most)
            if kept.height <= max_rows:
                return kept, table.height - kept.height
            most //= 2
    return table.head(max_rows), table.height - max_rows


def _summed_pairs(pairs: pl.DataFrame) -> pl.DataFrame:
    return pairs.group_by("src", "dst", maintain_order=True).agg(
        pl.col("n_flows", "n_alone", "n_ports").sum(),
        pl.col("ttl_min").min(),
        pl.col("ttl_max").max(),
        pl.col("mac").drop_nulls().first(),
    )
