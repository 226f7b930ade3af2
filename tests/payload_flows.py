"""Flows with their first payload bytes, from captures or by hand, without the core.

Only what the extractors look at: a flow is a 5-tuple, its first sender the originator; TCP bytes
are put in order of sequence numbers from the first data seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from wiretell.model.tables import FLOWS

SCHEMA = {
    **FLOWS.schema,
    "orig_payload": pl.Binary(),
    "resp_payload": pl.Binary(),
    "orig_payload_ns": pl.Int64(),
    "resp_payload_ns": pl.Int64(),
}
MAX_PAYLOAD_BYTES = 4096


def flows_of(*rows: Mapping[str, object]) -> pl.DataFrame:
    """A batch of flows; what a row leaves out is null, its number is its place."""
    defaults: dict[str, object] = {
        "proto": 6,
        "orig_h": "10.0.0.1",
        "orig_p": 40000,
        "resp_h": "192.0.2.1",
        "resp_p": 80,
        "orig_payload_ns": 1_000,
        "resp_payload_ns": 2_000,
    }
    full = [{**defaults, "flow_id": i, **row} for i, row in enumerate(rows)]
    data = {name: [row.get(name) for row in full] for name in SCHEMA}
    return pl.DataFrame(data, schema=SCHEMA)


def framed(*datagrams: bytes) -> bytes:
    """UDP payload as the core hands it out."""
    return b"".join(len(d).to_bytes(2, "big") + d for d in datagrams)


@dataclass
class _Side:
    next_seq: int | None = None
    data: bytearray = field(default_factory=bytearray)
    time_ns: int | None = None
    mac: str | None = None
    n_datagrams: int = 0


def read_flows(path: Path) -> pl.DataFrame:
    """The flows of a capture (pcap or pcapng; Ethernet, raw IP or Linux cooked)."""
    flows: dict[tuple[object, ...], tuple[dict[str, object], _Side, _Side]] = {}
    for time_ns, frame, link_type in _frames(path):
        _fold(flows, time_ns, frame, link_type)
    rows = []
    for row, orig, resp in flows.values():
        for name, side in (("orig", orig), ("resp", resp)):
            row[f"{name}_payload"] = bytes(side.data) if side.data else None
            row[f"{name}_payload_ns"] = side.time_ns
            row[f"{name}_mac"] = side.mac
        rows.append(row)
    return flows_of(*rows)


def _frames(path: Path) -> Iterator[tuple[int, bytes, int]]:
    import dpkt

    with path.open("rb") as file:
        reader = dpkt.pcap.UniversalReader(file)
        for time_s, frame in reader:
            yield int(time_s * 1_000_000_000), bytes(frame), reader.datalink()


def _fold(
    flows: dict[tuple[object, ...], tuple[dict[str, object], _Side, _Side]],
    time_ns: int,
    frame: bytes,
    link_type: int,
) -> None:
    import socket

    import dpkt

    try:
        mac = None
        if link_type == 1:
            ether = dpkt.ethernet.Ethernet(frame)
            ip, mac = ether.data, ether.src.hex(":")
        elif link_type in (12, 14, 101, 228):
            ip = dpkt.ip.IP(frame)
        elif link_type == 113:
            ip = dpkt.sll.SLL(frame).data
        else:
            return
    except (dpkt.UnpackError, AttributeError):
        return
    if not isinstance(ip, (dpkt.ip.IP, dpkt.ip6.IP6)):
        return
    segment = ip.data
    if not isinstance(segment, (dpkt.tcp.TCP, dpkt.udp.UDP)):
        return
    family = socket.AF_INET if isinstance(ip, dpkt.ip.IP) else socket.AF_INET6
    source = (socket.inet_ntop(family, ip.src), segment.sport)
    destination = (socket.inet_ntop(family, ip.dst), segment.dport)
    proto = 6 if isinstance(segment, dpkt.tcp.TCP) else 17
    syn = proto == 6 and segment.flags & 0x12 == 2
    key, back = (proto, source, destination), (proto, destination, source)
    if back in flows and key != back:
        own = flows[back][2]
    else:
        if key not in flows:
            row: dict[str, object] = {
                "proto": proto,
                "orig_h": source[0],
                "orig_p": source[1],
                "resp_h": destination[0],
                "resp_p": destination[1],
                "orig_first_ns": time_ns,
            }
            flows[key] = (row, _Side(), _Side())
        own = flows[key][1]
    own.mac = own.mac or mac
    data = bytes(segment.data)
    if proto == 6:
        if syn:
            own.next_seq = (segment.seq + 1) & 0xFFFFFFFF
        if not data or (own.next_seq is not None and segment.seq != own.next_seq):
            return
        own.next_seq = (segment.seq + len(data)) & 0xFFFFFFFF
    else:
        if own.n_datagrams == 4:
            return
        own.n_datagrams += 1
        data = len(data).to_bytes(2, "big") + data
    if own.time_ns is None and data:
        own.time_ns = time_ns
    own.data += data[: MAX_PAYLOAD_BYTES - len(own.data)]
