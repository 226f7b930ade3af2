"""The packets table: what the core's reader hands out, one row per frame.

A field that a frame does not have is null. Where tunnels are nested, the innermost IP packet
counts. Addresses are text (RFC 5952 for IPv6).
"""

from __future__ import annotations

import polars as pl

from wiretell.model.column import Column, Table

_U8, _U16, _U32, _U64 = pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64

CHECKSUMS = (
    Column(
        "ip_checksum", pl.String, "of the IPv4 header: good, bad, zero (left at 0)", "", "RFC 791"
    ),
    Column(
        "checksum",
        pl.String,
        "of TCP, UDP, ICMP, ICMPv6: good, bad, partial (the pseudo header's sum alone), zero",
        "",
        "RFC 1071",
    ),
)
"""Columns that packets have where `_core.Reader` is to verify `checksums`. Null: there is none,
the packet is a fragment, or not all of it was captured."""

PACKETS = Table(
    "packets",
    "one frame, decoded as far as it was captured",
    (
        Column("number", _U64, "position in the merged stream, from 1, before any filter"),
        Column("time_ns", pl.Int64, "capture time", "ns"),
        Column("interface", _U32, "interface index within the whole stream"),
        Column("link_type", _U16, "LINKTYPE_ number of the file formats"),
        Column("wire_len", _U32, "length on the wire", "B"),
        Column("captured_len", _U32, "length captured", "B"),
        Column("src_mac", pl.String, "source link address (aa:bb:cc:dd:ee:ff)"),
        Column("dst_mac", pl.String, "destination link address"),
        Column("vlan", _U16, "outermost VLAN id", "", "IEEE 802.1Q"),
        Column("tunnel_depth", _U8, "tunnel headers taken off: GRE, IP in IP, VXLAN"),
        Column("ip_version", _U8, "4 or 6"),
        Column("src", pl.String, "source address"),
        Column("dst", pl.String, "destination address"),
        Column("proto", _U8, "IP protocol, or the last next header of IPv6", "", "IANA"),
        Column("ttl", _U8, "TTL or hop limit"),
        Column("tos", _U8, "type of service or traffic class", "", "RFC 2474"),
        Column("flow_label", _U32, "IPv6 flow label", "", "RFC 6437"),
        Column("ipid", _U16, "IPv4 identification; IPv6: low half of the fragment header's"),
        Column("df", pl.Boolean, "IPv4 don't-fragment bit", "", "RFC 791"),
        Column("frag_offset", _U16, "fragment offset", "B"),
        Column("more_fragments", pl.Boolean, "more fragments follow"),
        Column("ip_len", _U32, "IP header and payload, as the header says", "B"),
        Column("sport", _U16, "source port"),
        Column("dport", _U16, "destination port"),
        Column("flags", _U16, "the 12 bits behind the TCP data offset", "", "RFC 9293"),
        Column("seq", _U32, "TCP sequence number"),
        Column("ack", _U32, "TCP acknowledgement number, whatever the ACK flag says"),
        Column("window", _U16, "TCP window, unscaled"),
        Column("urgent", _U16, "TCP urgent pointer"),
        Column("mss", _U16, "maximum segment size option", "B", "RFC 9293"),
        Column("wscale", _U8, "window scale option, as sent", "", "RFC 7323"),
        Column("sack_ok", pl.Boolean, "SACK-permitted option present", "", "RFC 2018"),
        Column("tsval", _U32, "timestamp option's TSval", "ticks", "RFC 7323"),
        Column("tsecr", _U32, "timestamp option's TSecr", "ticks", "RFC 7323"),
        Column("sack", pl.List(_U32), "edges of the SACK blocks: left, right, left, ..."),
        Column("options", pl.String, "TCP options in order: mss,sok,ts,nop,ws", "", "p0f 3"),
        Column("icmp_type", _U8, "ICMP or ICMPv6 type", "", "IANA"),
        Column("icmp_code", _U8, "ICMP or ICMPv6 code", "", "IANA"),
        Column("icmp_id", _U16, "identifier of an echo or timestamp message, else 0"),
        Column("icmp_seq", _U16, "sequence number of an echo or timestamp message, else 0"),
        Column("icmp_originate", _U32, "originate timestamp, as sent", "ms since 0 UTC", "RFC 792"),
        Column("icmp_receive", _U32, "receive timestamp, as sent", "ms since 0 UTC", "RFC 792"),
        Column("icmp_transmit", _U32, "transmit timestamp, as sent", "ms since 0 UTC", "RFC 792"),
        Column("payload_len", _U32, "bytes behind the last header read, by the headers", "B"),
        Column("weird", pl.String, "the first odd thing met, by name"),
    ),
)
