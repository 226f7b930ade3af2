"""The segments table: the connection tracker's word on each packet, made only when asked for.

One row per packet that belongs to a flow (frames without IP, later fragments and cut headers
have none: the tracker's counters name them). Join it with `model.packets.PACKETS` on `packet`
for the fields themselves, with `model.tables.FLOWS` on `flow_id` for the ends.

Relative numbers count from the initial sequence number of the side they belong to: a SYN is
byte 0, the first byte of data byte 1. Where no SYN was seen, the first byte seen is byte 1.
"""

from __future__ import annotations

import polars as pl

from wiretell.model.column import Column, Table

_U8, _U16, _U32, _U64 = pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64

CT_STATES = ("new", "established", "related", "invalid", "untracked")
"""What `ct_state` can be: the words of Linux's `ct state`."""

TCP_STATES = (
    "none",
    "syn_sent",
    "syn_recv",
    "established",
    "fin_wait",
    "close_wait",
    "last_ack",
    "time_wait",
    "close",
    "syn_sent2",
)
"""What `tcp_state` can be: Linux's names in lower case."""

ANALYSIS_MARKS = (
    "retransmission",
    "fast_retransmission",
    "spurious_retransmission",
    "out_of_order",
    "lost_segment",
    "ack_lost_segment",
    "duplicate_ack",
    "zero_window",
    "zero_window_probe",
    "zero_window_probe_ack",
    "window_update",
    "window_full",
    "keep_alive",
    "keep_alive_ack",
    "reused_ports",
)
"""What `analysis` can hold: tshark's names behind `tcp.analysis.`"""

SEGMENTS = Table(
    "segments",
    "one packet and what the connection tracker says of it",
    (
        Column("packet", _U64, "number of the packet in the capture, from 1"),
        Column("time_ns", pl.Int64, "capture time", "ns"),
        Column("flow_id", _U64, "its flow"),
        Column("side", _U8, "who sent it: 0 orig, 1 resp of the flow"),
        Column("ct_state", pl.String, "new, established, related, invalid, untracked", "", "nf_conntrack"),
        Column("reply", pl.Boolean, "against the direction of the tracked entry's first packet"),
        Column("tcp_state", pl.String, "state of the entry after it; null: not TCP, or no entry"),
        Column("timeout_s", _U32, "how long the entry lives on without another packet", "s"),
        Column("assured", pl.Boolean, "the entry is not dropped early; null: no entry"),
        Column("reason", pl.String, "why it is invalid (see `_core.ct_reasons`); null: it is not"),
        Column("note", pl.String, "what is odd about a packet that is accepted; null: nothing"),
        Column("bound", _U32, "the window's edge it went past, as on the wire; null: none"),
        Column("excess", pl.Int64, "how far it went past that edge", "B"),
        Column("bound_packet", _U64, "the packet that set that edge; null: not known"),
        Column("parent_flow", _U64, "the flow that announced this one, or that an error is about"),
        Column("seq_rel", _U32, "sequence number, relative to its side", "B"),
        Column("ack_rel", _U32, "acknowledgement number, relative to the other side", "B"),
        Column("next_seq_rel", _U32, "sequence number that follows: SYN, data and FIN counted", "B"),
        Column("window_bytes", _U64, "window announced, scale applied where both sides agreed", "B"),
        Column("analysis", pl.List(pl.String), "marks, of ANALYSIS_MARKS; null: not TCP", "", "tshark"),
        Column("duplicate_ack", _U32, "the how manyeth duplicate of an acknowledgement; null: none"),
        Column("bytes_in_flight", _U32, "sent by this side, not acknowledged or SACKed, this included", "B"),
        Column("what_if_ct_state", pl.String, "its ct_state under the other settings; null: none, or the same verdict"),
        Column("what_if_tcp_state", pl.String, "its tcp_state under them, where the verdict is another"),
        Column("what_if_reason", pl.String, "its reason or note under them, where the verdict is another"),
    ),
)

ENTRIES = Table(
    "entries",
    "one entry of the connection tracker's table, as `conntrack -L` would list it",
    (
        Column("flow_id", _U64, "the flow of its first packet"),
        Column("parent_flow", _U64, "the flow that announced it"),
        Column("proto", _U8, "IP protocol number", "", "IANA"),
        Column("src", pl.String, "who sent its first packet"),
        Column("dst", pl.String, "to whom"),
        Column("sport", _U16, "the sender's port; null: the protocol has none"),
        Column("dport", _U16, "the receiver's port"),
        Column("icmp_type", _U8, "ICMP: type of the requests"),
        Column("icmp_code", _U8, "ICMP: their code"),
        Column("icmp_id", _U16, "ICMP: their identifier"),
        Column("tcp_state", pl.String, "one of TCP_STATES; null: not TCP"),
        Column("timeout_s", _U32, "how long it lives on without another packet", "s"),
        Column("replied", pl.Boolean, "packets went both ways"),
        Column("assured", pl.Boolean, "it is not dropped early"),
        Column("helper", pl.String, "what reads its payload for connections announced"),
    ),
)
