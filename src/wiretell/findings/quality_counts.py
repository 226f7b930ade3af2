"""What a capture's quality is judged by, counted batch by batch: memory grows with flows alone.

`count_batch` looks at one batch of packets and segments, `add` puts two counts together. Steps
and copies across the edge of two batches are not seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from wiretell.findings.checksums import PAIRS, add_checksums, count_checksums
from wiretell.findings.clock_jumps import JUMPS, clock_jumps

SECOND_NS = 1_000_000_000
COPY_NS = 5_000_000
"""A packet with all numbers the same, IP ID included, within this time is a copy."""
BIG_PAYLOAD = 1460
"""More than this in one segment is looked at: the most that Ethernet carries in IPv4."""
MAX_BINS = 20_000
"""Rows kept of what was lost when; beyond, the seconds are put together by tens."""
CUT_HEADERS = (
    "link_header_cut", "ip_header_cut", "ip_extension_cut", "tunnel_header_cut", "tcp_header_cut",
    "tcp_options_cut", "udp_header_cut", "icmp_header_cut", "icmp_quote_cut",
)  # fmt: skip
SIZES = pl.Schema(
    {
        "flow_id": pl.UInt64,
        "side": pl.UInt8,
        "n_big": pl.UInt64,
        "max_payload": pl.UInt32,
        "mss": pl.UInt16,
    }
)
"""Of a flow's side: segments above `BIG_PAYLOAD`, the largest payload, the MSS it announced."""
GAPS = pl.Schema({"start_ns": pl.Int64, "side": pl.UInt8, "kind": pl.String, "n": pl.UInt64})
"""How often the marks `kind` were met, by time and by the side whose bytes are missing."""
_COPY_KEY = (
    "src", "dst", "proto", "sport", "dport", "ipid", "frag_offset", "flags", "seq", "ack",
    "window", "tsval", "icmp_type", "icmp_seq", "payload_len",
)  # fmt: skip


@dataclass(frozen=True)
class Counts:
    """What was counted. Lengths in bytes, times in ns; None where nothing was seen."""

    n_packets: int = 0
    n_ip: int = 0
    n_analysed: int = 0
    """TCP segments that the tracker has looked at for marks."""
    n_cut: int = 0
    n_header_cut: int = 0
    max_cut_len: int = 0
    """The longest captured part of a packet that was cut: the snap length."""
    n_copies: int = 0
    n_copies_hop: int = 0
    """Copies whose TTL is not the first one's: seen before and behind a router."""
    n_back: int = 0
    largest_back_ns: int = 0
    n_not_us: int = 0
    n_not_ms: int = 0
    n_not_s: int = 0
    """Times that are no whole microseconds, milliseconds, seconds."""
    first_ns: int | None = None
    last_ns: int | None = None
    sizes: pl.DataFrame = field(default_factory=SIZES.to_frame)
    gaps: pl.DataFrame = field(default_factory=GAPS.to_frame)
    gap_width_ns: int = SECOND_NS
    jumps: pl.DataFrame = field(default_factory=JUMPS.to_frame)
    checksums: pl.DataFrame = field(default_factory=PAIRS.to_frame)


def count_batch(packets: pl.DataFrame, segments: pl.DataFrame) -> Counts:
    """The counts of one batch: rows of PACKETS, and the rows of SEGMENTS of the same packets."""
    if packets.is_empty():
        return Counts()
    times = packets["time_ns"]
    steps = times.diff().drop_nulls()
    cut = packets.filter(pl.col("captured_len") < pl.col("wire_len"))
    n_copies, n_hop = _copies(packets)
    joined = segments.select("packet", "flow_id", "side").join(
        packets.select("number", "time_ns", "payload_len", "mss", "tsval", "proto"),
        left_on="packet",
        right_on="number",
    )
    return Counts(
        n_packets=packets.height,
        n_ip=packets["ip_version"].count(),
        n_analysed=segments["analysis"].count(),
        n_cut=cut.height,
        n_header_cut=packets.filter(pl.col("weird").is_in(list(CUT_HEADERS))).height,
        max_cut_len=_int(cut["captured_len"].max()),
        n_copies=n_copies,
        n_copies_hop=n_hop,
        n_back=int((steps < 0).sum()),
        largest_back_ns=max(0, -_int(steps.min())),
        n_not_us=int((times % 1_000 != 0).sum()),
        n_not_ms=int((times % 1_000_000 != 0).sum()),
        n_not_s=int((times % SECOND_NS != 0).sum()),
        first_ns=_int(times.min()),
        last_ns=_int(times.max()),
        sizes=_sizes(joined),
        gaps=_gaps(segments, SECOND_NS),
        jumps=clock_jumps(joined),
        checksums=count_checksums(packets),
    )


def add(a: Counts, b: Counts) -> Counts:
    """Both together; `b` is later."""
    if a.n_packets == 0:
        return b
    if b.n_packets == 0:
        return a
    width = max(a.gap_width_ns, b.gap_width_ns)
    gaps = _rebinned(pl.concat([a.gaps, b.gaps]), width)
    while gaps.height > MAX_BINS:
        width *= 10
        gaps = _rebinned(gaps, width)
    stepped = (b.first_ns or 0) < (a.last_ns or 0)
    return Counts(
        n_packets=a.n_packets + b.n_packets,
        n_ip=a.n_ip + b.n_ip,
        n_analysed=a.n_analysed + b.n_analysed,
        n_cut=a.n_cut + b.n_cut,
        n_header_cut=a.n_header_cut + b.n_header_cut,
        max_cut_len=max(a.max_cut_len, b.max_cut_len),
        n_copies=a.n_copies + b.n_copies,
        n_copies_hop=a.n_copies_hop + b.n_copies_hop,
        n_back=a.n_back + b.n_back,
        largest_back_ns=max(a.largest_back_ns, b.largest_back_ns),
        n_not_us=a.n_not_us + b.n_not_us,
        n_not_ms=a.n_not_ms + b.n_not_ms,
        n_not_s=a.n_not_s + b.n_not_s,
        first_ns=min(a.first_ns or 0, b.first_ns or 0) if stepped else a.first_ns,
        last_ns=max(a.last_ns or 0, b.last_ns or 0),
        sizes=_summed_sizes(pl.concat([a.sizes, b.sizes])),
        gaps=gaps,
        gap_width_ns=width,
        jumps=pl.concat([a.jumps, b.jumps]),
        checksums=add_checksums(a.checksums, b.checksums),
    )


def _copies(packets: pl.DataFrame) -> tuple[int, int]:
    """How many packets are copies of one shortly before; of these, with another TTL.

    Only packets with an IP ID other than 0 can tell: a retransmission has a new one.
    """
    telling = (pl.col("ipid") != 0) & (
        # A sender whose IP IDs stand still tells nothing by them.
        pl.col("ipid").n_unique().over("src") * 3 >= pl.len().over("src")
    )
    known = packets.filter(pl.col("src").is_not_null() & telling)
    same = known.select(
        since=pl.col("time_ns").diff().over(_COPY_KEY),
        hops=pl.col("ttl").cast(pl.Int16).diff().over(_COPY_KEY),
    ).filter(pl.col("since").abs() <= COPY_NS)
    return same.height, int((same["hops"] != 0).sum())


def _sizes(joined: pl.DataFrame) -> pl.DataFrame:
    tcp = joined.filter(pl.col("proto") == 6)
    sides = tcp.group_by("flow_id", "side").agg(
        n_big=(pl.col("payload_len") > BIG_PAYLOAD).sum().cast(pl.UInt64),
        max_payload=pl.col("payload_len").max(),
        mss=pl.col("mss").drop_nulls().first(),
    )
    return _needed(sides.select(SIZES.names()).cast(SIZES))


def _summed_sizes(sizes: pl.DataFrame) -> pl.DataFrame:
    sides = sizes.group_by("flow_id", "side", maintain_order=True).agg(
        pl.col("n_big").sum(), pl.col("max_payload").max(), pl.col("mss").drop_nulls().first()
    )
    return sides.select(SIZES.names()).cast(SIZES)


def _needed(sides: pl.DataFrame) -> pl.DataFrame:
    """Sides that sent something big or told an MSS: the rest says nothing."""
    return sides.filter((pl.col("n_big") > 0) | pl.col("mss").is_not_null())


def _gaps(segments: pl.DataFrame, width_ns: int) -> pl.DataFrame:
    """Whose bytes are missing: of the sender before a gap, of the other side of an ACK."""
    marks = (
        segments.select("time_ns", "side", kind="analysis")
        .explode("kind")
        .filter(pl.col("kind").is_in(["lost_segment", "ack_lost_segment"]))
        .with_columns(
            side=pl.when(pl.col("kind") == "ack_lost_segment")
            .then(1 - pl.col("side"))
            .otherwise(pl.col("side")),
            start_ns=pl.col("time_ns"),
            n=pl.lit(1, dtype=pl.UInt64),
        )
    )
    return _rebinned(marks.select(GAPS.names()).cast(GAPS), width_ns)


def _rebinned(gaps: pl.DataFrame, width_ns: int) -> pl.DataFrame:
    return (
        gaps.with_columns(start_ns=pl.col("start_ns") // width_ns * width_ns)
        .group_by("start_ns", "side", "kind")
        .agg(pl.col("n").sum())
        .sort("start_ns", "side", "kind")
        .select(GAPS.names())
        .cast(GAPS)
    )


def _int(number: object) -> int:
    return int(number) if isinstance(number, int | float) else 0
