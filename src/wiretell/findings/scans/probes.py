"""Flows that may be probes, one row each; the segments they consist of; what flows else there are.

A probe is a flow in which nobody sent data (UDP: a datagram or two), asked by its *prober*, who
sent its first packet. Ordinary flows are summed up by pairs of addresses: they tell who really is
where, and who serves whom.
"""

from __future__ import annotations

import polars as pl

from wiretell.findings.scans.kinds import ACK, RST, SYN, kind_of_flags

TCP, UDP = 6, 17
ECHO = {1: 8, 58: 128}
"""Type of an echo request by protocol (ICMP, ICMPv6)."""
MAX_PROBE_PKTS = 32
"""A prober repeats itself, but seldom this often within a flow."""
MAX_UDP_PKTS = 3
_U8, _U16, _U32, _U64 = pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64

PROBES = pl.Schema(
    {
        "flow_id": _U64,
        "time_ns": pl.Int64,
        "last_ns": pl.Int64,
        "proto": _U8,
        "src": pl.String,
        "sport": _U16,
        "dst": pl.String,
        "dport": _U16,
        "kind": pl.String,
        "answer": pl.String,
        "resets": pl.Boolean,
        "ttl": _U8,
        "ipid": _U16,
        "tsval": _U32,
        "window": _U16,
        "options": pl.String,
        "mac": pl.String,
    }
)
"""`resets`: the prober itself sent a reset later. `answer`: see `kinds.state_of_port`."""

EVENTS = pl.Schema(
    {
        "packet": _U64,
        "time_ns": pl.Int64,
        "flow_id": _U64,
        "src": pl.String,
        "sport": _U16,
        "dst": pl.String,
        "dport": _U16,
        "flags": _U16,
        "ttl": _U8,
        "ipid": _U16,
        "seq": _U32,
        "ack": _U32,
        "window": _U16,
        "options": pl.String,
        "tsval": _U32,
        "mac": pl.String,
    }
)
"""A TCP segment without data that opens, resets, or begins a flow."""

ERRORS = pl.Schema({"flow_id": _U64, "port": pl.Boolean, "from": pl.String})
"""An ICMP "destination unreachable" about a flow; `port`: it is the port that is."""

PAIRS = pl.Schema(
    {
        "src": pl.String,
        "dst": pl.String,
        "n_flows": _U64,
        "n_alone": _U64,
        "n_ports": _U64,
        "ttl_min": _U8,
        "ttl_max": _U8,
        "mac": pl.String,
    }
)
"""Ordinary flows of two addresses, once as each sends. `n_alone`: nothing was captured of the
other. `n_ports`: ports of `dst` they were to, counted batch by batch; 0 where `dst` began them."""

SERVED = pl.Schema({"src": pl.String, "dport": _U16, "n_hosts": _U64})
"""How many hosts `src` had ordinary flows with on one port of theirs."""


def probes_of(flows: pl.DataFrame) -> pl.DataFrame:
    """Rows of PROBES from flows as of `sided`; `answer` without ICMP errors."""
    if flows.is_empty():
        return PROBES.to_frame()
    tcp = flows.filter(
        (pl.col("proto") == TCP)
        & (pl.col("src_bytes") == 0)
        & (pl.col("dst_bytes") == 0)
        & (pl.col("src_pkts") <= MAX_PROBE_PKTS)
    )
    names = kind_of_flags()
    flags = pl.col("src_flags").fill_null(0).cast(_U16) & 0x3F
    first = pl.when(flags & ~RST == 0).then(flags).otherwise(flags & (0x3F ^ RST))
    # A flow of resets alone: union of flags RST or RST|ACK; NULL probes have no flag at all.
    only_resets = (flags & RST != 0) & (flags & ~pl.lit(RST | ACK, _U16) == 0)
    back = pl.col("dst_flags")
    answer = (
        pl.when(pl.col("dst_pkts") == 0)
        .then(None)
        .when(back & (SYN | ACK) == (SYN | ACK))
        .then(pl.lit("synack"))
        .when(back & RST != 0)
        .then(pl.lit("rst"))
        .otherwise(pl.lit("other"))
    )
    opened = (first & SYN != 0) & (first & ACK != 0) & ~pl.col("flipped")
    kind = (
        pl.when(only_resets)
        .then(pl.lit("rst"))
        .when(pl.col("flipped"))
        .then(pl.lit("synack"))
        .when(opened)
        .then(pl.lit("connect"))
        .otherwise(first.replace_strict(names, default="odd", return_dtype=pl.String))
    )
    tcp = tcp.with_columns(kind=kind, answer=answer, resets=flags & RST != 0)
    is_probe = (
        ((pl.col("kind") == "connect") & (pl.col("answer") == "synack"))
        | ((pl.col("kind") == "syn") & (pl.col("answer").fill_null("rst") != "other"))
        | pl.col("answer").fill_null("rst").is_in(["rst"])
    )
    udp = flows.filter(
        (pl.col("proto") == UDP)
        & (pl.col("src_pkts") <= MAX_UDP_PKTS)
        & (pl.col("dst_pkts") <= MAX_UDP_PKTS)
    )
    said = pl.when(pl.col("dst_pkts") > 0).then(pl.lit("data"))
    echo = pl.col("icmp_type") == pl.col("proto").replace_strict(ECHO, default=255)
    is_icmp = pl.col("proto").is_in(list(ECHO))
    ping = flows.filter(echo & is_icmp & (pl.col("src_pkts") <= MAX_UDP_PKTS))
    columns = list(PROBES)
    quiet = pl.lit(value=False)
    return pl.concat(
        [
            tcp.filter(is_probe).select(columns),
            udp.with_columns(kind=pl.lit("udp"), answer=said, resets=quiet).select(columns),
            ping.with_columns(kind=pl.lit("ping"), answer=said, resets=quiet).select(columns),
        ]
    ).cast(PROBES)


def sided(flows: pl.DataFrame) -> pl.DataFrame:
    """FLOWS with flags of both sides as who sent first (`src`) and the other (`dst`); `flipped`:
    it began with a SYN/ACK, which the tracker puts down to the responder."""
    if flows.is_empty():  # a batch without an end has no columns of both sides' flags
        return flows
    first, other = pl.col("orig_first_ns"), pl.col("resp_first_ns")
    began = first.is_null() | (other.is_not_null() & (other < first))
    opens = pl.col("history").fill_null("").str.starts_with("^h") | (
        first.is_null() & pl.col("history").fill_null("").str.contains("h", literal=True)
    )
    flipped = (began | opens) & (pl.col("proto") == TCP)
    syn = pl.when(flipped).then("resp_syn").otherwise("orig_syn").str.split(":")

    def side(name: str, of: str) -> pl.Expr:
        mine, others = ("orig", "resp") if of == "src" else ("resp", "orig")
        return pl.when(flipped).then(f"{others}_{name}").otherwise(f"{mine}_{name}")

    return flows.with_columns(
        time_ns=pl.col("first_ns"),
        flipped=flipped & opens,
        src=side("h", "src"),
        sport=side("p", "src"),
        dst=side("h", "dst"),
        dport=side("p", "dst"),
        src_pkts=side("pkts", "src").fill_null(0),
        dst_pkts=side("pkts", "dst").fill_null(0),
        src_bytes=side("bytes", "src").fill_null(0),
        dst_bytes=side("bytes", "dst").fill_null(0),
        src_flags=side("tcp_flags", "src"),
        dst_flags=side("tcp_flags", "dst").fill_null(0),
        ttl=side("ttl", "src"),
        ipid=side("ipid_first", "src"),
        tsval=side("ts_first", "src"),
        mac=side("mac", "src"),
        window=side("window", "src"),
        options=syn.list.get(5, null_on_oob=True),
    )


def events_of(packets: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    """Rows of EVENTS from one batch of PACKETS and SEGMENTS."""
    flags = pl.col("flags") & 0x3F
    first = pl.struct("flow_id").is_first_distinct()
    return (
        packets.filter((pl.col("proto") == TCP) & (pl.col("payload_len") == 0))
        .join(segments.select("packet", "flow_id"), left_on="number", right_on="packet")
        .filter((flags & (SYN | RST) != 0) | (flags & ACK == 0) | first)
        .rename({"number": "packet", "src_mac": "mac"})
        .select(list(EVENTS))
        .cast(EVENTS)
    )


def errors_of(packets: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    """Rows of ERRORS from one batch: "unreachable" of ICMP (RFC 792) and ICMPv6 (RFC 4443)."""
    v4 = (pl.col("proto") == 1) & (pl.col("icmp_type") == 3)
    v6 = (pl.col("proto") == 58) & (pl.col("icmp_type") == 1)
    port = (v4 & (pl.col("icmp_code") == 3)) | (v6 & (pl.col("icmp_code") == 4))
    about = segments.filter(pl.col("parent_flow").is_not_null()).select("packet", "parent_flow")
    return (
        packets.filter(v4 | v6)
        .join(about, left_on="number", right_on="packet")
        .select(
            pl.col("parent_flow").alias("flow_id"), port.alias("port"), pl.col("src").alias("from")
        )
        .cast(ERRORS)
    )


def with_errors(probes: pl.DataFrame, errors: pl.DataFrame) -> pl.DataFrame:
    """Probes with silence explained by ICMP where it was."""
    told = errors.group_by("flow_id").agg(pl.col("port").any())
    unreachable = pl.when("port").then(pl.lit("port_unreachable")).otherwise(pl.lit("unreachable"))
    return (
        probes.join(told, on="flow_id", how="left", maintain_order="left")
        .with_columns(
            answer=pl.when(pl.col("answer").is_null() & pl.col("port").is_not_null())
            .then(unreachable)
            .otherwise("answer")
        )
        .drop("port")
    )


def ordinary_of(flows: pl.DataFrame, probes: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of PAIRS and SERVED from flows, as of `sided`, that carry data and are no probes."""
    if flows.is_empty():
        return PAIRS.to_frame(), SERVED.to_frame()
    rest = flows.join(probes.select("flow_id"), on="flow_id", how="anti")
    carries = (pl.col("src_bytes") > 0) | (pl.col("dst_bytes") > 0)
    used = rest.filter(pl.col("proto").is_in([TCP, UDP]) & carries)
    return _pairs(used), _served(used)


def _pairs(used: pl.DataFrame) -> pl.DataFrame:
    """Both directions of each pair."""

    def one(src: str, dst: str, side: str, other: str, ports: pl.Expr) -> pl.DataFrame:
        sent = pl.col(f"{side}_pkts") > 0
        return (
            used.filter(sent)
            .group_by(pl.col(src).alias("src"), pl.col(dst).alias("dst"))
            .agg(
                pl.len().cast(_U64).alias("n_flows"),
                (pl.col(f"{other}_pkts") == 0).sum().cast(_U64).alias("n_alone"),
                ports.cast(_U64).alias("n_ports"),
                pl.col(f"{side}_ttl_min").min().alias("ttl_min"),
                pl.col(f"{side}_ttl_max").max().alias("ttl_max"),
                pl.col(f"{side}_mac").drop_nulls().first().alias("mac"),
            )
        )

    none = pl.lit(0)
    return pl.concat(
        [
            one("orig_h", "resp_h", "orig", "resp", pl.col("resp_p").n_unique()),
            one("resp_h", "orig_h", "resp", "orig", none),
        ]
    ).select(pl.col(name).cast(dtype) for name, dtype in PAIRS.items())


def _served(used: pl.DataFrame) -> pl.DataFrame:
    return (
        used.filter(pl.col("dst_pkts") > 0)
        .group_by("src", "dport")
        .agg(pl.col("dst").n_unique().cast(_U64).alias("n_hosts"))
        .select(pl.col(name).cast(dtype) for name, dtype in SERVED.items())
    )
