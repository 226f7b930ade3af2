"""The tables of the report; `flows` and `samples` come from the core, the rest from Python.

Times are int64 ns UTC. Addresses are text (RFC 5952 for IPv6).
"""

from __future__ import annotations

import polars as pl

from wiretell.model.column import Column, Table

SCHEMA_VERSION = 2
"""Version of all tables together; a change of a column's name, type or meaning raises it."""

_U8, _U16, _U32, _U64 = pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64


def _side(side: str) -> tuple[Column, ...]:
    """Columns that a flow has once per direction; `side` sent the packets they describe."""
    s = side
    return (
        Column(f"{s}_mac", pl.String, "link address of its first packet (aa:bb:cc:dd:ee:ff)"),
        Column(f"{s}_pkts", _U64, "packets sent"),
        Column(f"{s}_bytes", _U64, "payload bytes sent", "B"),
        Column(f"{s}_ip_bytes", _U64, "IP bytes sent, headers included", "B"),
        Column(f"{s}_first_ns", pl.Int64, "time of its first packet", "ns"),
        Column(f"{s}_last_ns", pl.Int64, "time of its last packet", "ns"),
        Column(f"{s}_ttl", _U8, "TTL or hop limit of its first packet"),
        Column(f"{s}_ttl_min", _U8, "least TTL"),
        Column(f"{s}_ttl_max", _U8, "greatest TTL"),
        Column(f"{s}_syn", pl.String, "signature of its SYN or SYN/ACK, p0f raw syntax", "", "p0f 3"),
        Column(f"{s}_n_syn", _U32, "SYNs or SYN/ACKs sent, repetitions included"),
        Column(f"{s}_isn", _U32, "initial sequence number"),
        Column(f"{s}_mss", _U16, "maximum segment size announced", "B"),
        Column(f"{s}_wscale", _U8, "window scale announced"),
        Column(f"{s}_window", _U16, "window of the SYN or SYN/ACK, else of the first segment"),
        Column(f"{s}_rtt_ns", pl.Int64, "handshake time from the observer to this side and back", "ns"),
        Column(f"{s}_retransmitted", _U32, "segments whose payload had been sent before"),
        # IP identification (RFC 6864); steps are between consecutive packets of this side
        Column(f"{s}_ipid_n", _U32, "packets with an IPv4 identification"),
        Column(f"{s}_ipid_first", _U16, "first identification"),
        Column(f"{s}_ipid_last", _U16, "last identification"),
        Column(f"{s}_ipid_df", _U32, "of them with DF"),
        Column(f"{s}_ipid_zero", _U32, "of them zero"),
        Column(f"{s}_ipid_same", _U32, "steps of 0"),
        Column(f"{s}_ipid_one", _U32, "steps of +1"),
        Column(f"{s}_ipid_small", _U32, "steps of +2 to +64"),
        Column(f"{s}_ipid_swap_one", _U32, "steps of +1 with the bytes swapped"),
        Column(f"{s}_ipid_swap_small", _U32, "steps of +2 to +64 with the bytes swapped"),
        # TCP timestamps (RFC 7323): the clock's sufficient statistics. x: seconds since
        # ts_first_ns; v: ticks since ts_first, unwrapped
        Column(f"{s}_ts_n", _U32, "segments with a timestamp option and a TSval other than 0"),
        Column(f"{s}_ts_zero", _U32, "segments with a timestamp option whose TSval is 0"),
        Column(f"{s}_ts_syn", pl.Boolean, "the SYN or SYN/ACK carried the option (null: not seen)"),
        Column(f"{s}_ts_first", _U32, "first TSval"),
        Column(f"{s}_ts_last", _U32, "last TSval"),
        Column(f"{s}_ts_first_ns", pl.Int64, "time of the first TSval", "ns"),
        Column(f"{s}_ts_last_ns", pl.Int64, "time of the last TSval", "ns"),
        Column(f"{s}_ts_back", _U32, "steps back (reordering aside: another clock in one flow)"),
        Column(f"{s}_ts_apart", _U32, "readings 0.1 s apart or more: with delays of their own"),
        Column(f"{s}_ts_sum_x", pl.Float64, "sum of x", "s"),
        Column(f"{s}_ts_sum_v", pl.Float64, "sum of v", "ticks"),
        Column(f"{s}_ts_sum_xx", pl.Float64, "sum of x*x", "s2"),
        Column(f"{s}_ts_sum_xv", pl.Float64, "sum of x*v", "s ticks"),
        Column(f"{s}_ts_sum_vv", pl.Float64, "sum of v*v", "ticks2"),
        Column(f"{s}_ts_hull_x", pl.List(pl.Float64), "upper hull of (x, v), x ascending", "s"),
        Column(f"{s}_ts_hull_v", pl.List(pl.Float64), "upper hull of (x, v)", "ticks"),
        Column(f"{s}_ts_hull_dropped", _U32, "hull vertices given up to the cap"),
    )


def _stream_totals(side: str) -> tuple[Column, ...]:
    s = side
    return (
        Column(f"{s}_retransmissions", _U64, "segments sent again, as tshark marks them"),
        Column(f"{s}_out_of_order", _U64, "segments out of order, as tshark marks them"),
        Column(f"{s}_zero_windows", _U64, "segments that announced a window of 0"),
        Column(f"{s}_duplicate_acks", _U64, "duplicate acknowledgements it sent"),
        Column(f"{s}_missing_bytes", _U64, "its bytes that were acknowledged and not captured", "B"),
        Column(f"{s}_ack_rtt_n", _U64, "round trips measured: data of the other side that it acknowledged"),
        Column(f"{s}_ack_rtt_min_ns", pl.Int64, "the shortest, from the observer to this side and back", "ns"),
        Column(f"{s}_ack_rtt_mean_ns", pl.Int64, "their mean", "ns"),
        Column(f"{s}_ack_rtt_max_ns", pl.Int64, "the longest", "ns"),
    )


STREAM_TOTALS = (*_stream_totals("orig"), *_stream_totals("resp"))
"""Columns of flows that `_core.Tracker` fills with `analysis`: what its segments add up to."""

FLOWS = Table(
    "flows",
    "one bidirectional connection, as Zeek counts them",
    (
        Column("flow_id", _U64, "number of the flow in order of first packets, from 0"),
        Column("first_packet", _U64, "number of its first packet in the capture, from 1"),
        Column("proto", _U8, "IP protocol number", "", "IANA"),
        Column("orig_h", pl.String, "originator: sent the SYN, else the first packet"),
        Column("orig_p", _U16, "its port; ICMP: the identifier, else the type"),
        Column("resp_h", pl.String, "responder"),
        Column("resp_p", _U16, "its port; ICMP: 0 with an identifier, else the code"),
        Column("icmp_type", _U8, "type of the first ICMP message"),
        Column("icmp_code", _U8, "code of the first ICMP message"),
        Column("vlan", _U16, "outermost VLAN id of the first packet"),
        Column("first_ns", pl.Int64, "time of the first packet", "ns"),
        Column("last_ns", pl.Int64, "time of the last packet", "ns"),
        Column("conn_state", pl.String, "S0 S1 SF REJ S2 S3 RSTO RSTR RSTOS0 RSTRH SH SHR OTH", "", "Zeek"),
        Column("history", pl.String, "what happened in order, Zeek's letters", "", "Zeek"),
        Column("community_id", pl.String, "flow hash", "", "Community ID v1"),
        Column("end_reason", pl.String, "why it left the table: closed, timeout, active, evicted, end"),
        *_side("orig"),
        *_side("resp"),
        # The core also hands out orig_payload and resp_payload (Binary: the first payload
        # bytes in order, bounded). They are parsed while streaming and never kept.
    ),
)

SAMPLES = Table(
    "samples",
    "one packet of a flow, thinned evenly where a flow has more than the cap",
    (
        Column("flow_id", _U64, "its flow"),
        Column("side", _U8, "who sent it: 0 orig, 1 resp"),
        Column("time_ns", pl.Int64, "capture time", "ns"),
        Column("ipid", _U16, "IPv4 identification"),
        Column("tsval", _U32, "TCP timestamp value", "ticks"),
    ),
)

OBSERVATIONS = Table(
    "observations",
    "one measured fact",
    (
        Column("signal", pl.String, "which signal measured it"),
        Column("address", pl.String, "the address it is about"),
        Column("flow_id", _U64, "the flow, where it is about one"),
        Column("side", _U8, "the side of that flow: 0 orig, 1 resp"),
        Column("quantity", pl.String, "what was measured: hz, regime, user_agent, ja4, ..."),
        Column("value", pl.Float64, "number, where it is one"),
        Column("text", pl.String, "text, where it is one (off the wire: escape it)"),
        Column("unit", pl.String, "unit of value"),
        Column("error", pl.Float64, "standard error of value", "as value"),
        Column("time_ns", pl.Int64, "when", "ns"),
    ),
)

EVIDENCE = Table(
    "evidence",
    "one argument that two groups of flows are, or are not, one machine",
    (
        Column("signal", pl.String, "which signal argues"),
        Column("address", pl.String, "the address both are behind"),
        Column("a", pl.String, "a device id or `flow:N`"),
        Column("b", pl.String, "a device id or `flow:N`"),
        Column("bits", pl.Float64, "log-likelihood ratio, for (+) or against (-) one machine", "bit"),
        Column("reason", pl.String, "in words"),
    ),
)

ADDRESSES = Table(
    "addresses",
    "one address and how many machines are behind it",
    (
        Column("address", pl.String, "the address"),
        Column("role", pl.String, "client, server or both, by who opened the flows"),
        Column("n_devices", _U32, "most probable number of machines, alike ones included"),
        Column("low", _U32, "lower end of the 90 % interval"),
        Column("high", _U32, "upper end of the 90 % interval"),
        Column("probability", pl.Float64, "posterior probability of n_devices"),
        Column("count_probabilities", pl.List(pl.Float64), "posterior probability of 1, 2, ... machines"),
        Column("verdict", pl.String, "single, separated, partly separable, not separable, farm, too little; edited: an analyst's machines"),
        Column("n_flows", _U64, "flow sides judged"),
        Column("n_bytes", _U64, "IP bytes both ways", "B"),
        Column("first_ns", pl.Int64, "first packet", "ns"),
        Column("last_ns", pl.Int64, "last packet", "ns"),
        Column("reasons", pl.List(pl.String), "why this count and this interval"),
    ),
)

DEVICES = Table(
    "devices",
    "one machine, or several alike that nothing tells apart",
    (
        Column("device", pl.String, "its id: address#number, largest first"),
        Column("address", pl.String, "the address it is behind"),
        Column("confidence", pl.Float64, "probability that its flows are of one machine, or alike ones, and no others' core"),
        Column("n_machines", _U32, "most probable number of alike machines that it stands for"),
        Column("n_machines_low", _U32, "lower end of the 90 % interval of n_machines"),
        Column("n_machines_high", _U32, "upper end of the 90 % interval of n_machines"),
        Column("pair_confidence", pl.Float64, "probability that two of its flows are one machine's, where no chain ties them"),
        Column("look", _U32, "devices of an address with one number write alike: a flow may be at the wrong one"),
        Column("stray_confidence", pl.Float64, "probability that a flow of it and one of another of its look are one machine's"),
        Column("looks_like", pl.String, "what its handwriting says it is"),
        Column("names", pl.List(pl.String), "names it gave itself (off the wire: escape them)"),
        Column("user_agents", pl.List(pl.String), "User-Agents, commonest first (off the wire)"),
        Column("ttl", _U8, "commonest TTL"),
        Column("syn", pl.String, "commonest SYN signature"),
        Column("clock_hz", pl.Float64, "timestamp clock rate", "Hz"),
        Column("skew_ppm", pl.Float64, "clock rate against the observer's, off nominal", "ppm"),
        Column("skew_error_ppm", pl.Float64, "its standard error", "ppm"),
        Column("clock_regime", pl.String, "per host, per destination, either of these, per connection, absent, zero, unknown"),
        Column("ipid_regime", pl.String, "global, per destination, per connection, zero, constant, random, ..."),
        Column("port_regime", pl.String, "sequential, even, per destination, random, unknown"),
        Column("boots", _U32, "clock lines of this machine (more than 1: it rebooted)"),
        Column("n_flows", _U64, "flow sides"),
        Column("bytes_out", _U64, "IP bytes it sent", "B"),
        Column("bytes_in", _U64, "IP bytes it was sent", "B"),
        Column("first_ns", pl.Int64, "first seen", "ns"),
        Column("last_ns", pl.Int64, "last seen", "ns"),
        Column("reasons", pl.List(pl.String), "why it is one machine, and another than the rest; strongest first"),
    ),
)

MEMBERS = Table(
    "members",
    "one flow side and the machine it belongs to",
    (
        Column("flow_id", _U64, "the flow"),
        Column("side", _U8, "0 orig, 1 resp"),
        Column("address", pl.String, "the address of that side"),
        Column("device", pl.String, "the machine; null where the evidence does not say"),
        Column("confidence", pl.Float64, "probability of that machine"),
        Column("chain", _U32, "flows of an address with one number are tied to one machine by counters, clocks or names"),
        Column("reason", pl.String, "the strongest reason"),
    ),
)

REPORT_TABLES = (FLOWS, SAMPLES, OBSERVATIONS, EVIDENCE, ADDRESSES, DEVICES, MEMBERS)
"""Every table of a saved report, in the order of the river."""
