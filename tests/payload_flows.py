"""Flows with their first payload bytes, from captures or by hand, without the core.

Only what the extractors look at: a flow is a 5-tuple, its first sender the originator; TCP bytes
are put in order of sequence numbers from the first data seen.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
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
MAX_DATAGRAMS = 4
ETHERNET = 1
TCP, UDP = 6, 17


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
class _Segment:
    """A TCP segment or UDP datagram; `syn`: a SYN without ACK or a SYN with it."""

    source: tuple[str, int]
    destination: tuple[str, int]
    proto: int
    mac: str
    data: bytes
    seq: int = 0
    syn: bool = False


@dataclass
class _Side:
    next_seq: int | None = None
    data: bytearray = field(default_factory=bytearray)
    time_ns: int | None = None
    mac: str | None = None
    n_datagrams: int = 0

    def add(self, segment: _Segment, time_ns: int) -> None:
        self.mac = self.mac or segment.mac
        data = segment.data
        if segment.proto == TCP:
            if segment.syn:
                self.next_seq = (segment.seq + 1) & 0xFFFFFFFF
            if not data or (self.next_seq is not None and segment.seq != self.next_seq):
                return
            self.next_seq = (segment.seq + len(data)) & 0xFFFFFFFF
        elif self.n_datagrams < MAX_DATAGRAMS:
            self.n_datagrams += 1
            data = framed(data)
        else:
            return
        if self.time_ns is None:
            self.time_ns = time_ns
        self.data += data[: MAX_PAYLOAD_BYTES - len(self.data)]


def read_flows(path: Path) -> pl.DataFrame:
    """The flows of a classic pcap file of Ethernet frames; no fragments, no VLANs."""
    flows: dict[tuple[int, tuple[str, int], tuple[str, int]], tuple[_Side, _Side]] = {}
    for time_ns, frame in _frames(path):
        segment = _segment(frame)
        if segment is None:
            continue
        key = (segment.proto, segment.source, segment.destination)
        back = (segment.proto, segment.destination, segment.source)
        if back in flows and key != back:
            flows[back][1].add(segment, time_ns)
        else:
            flows.setdefault(key, (_Side(), _Side()))[0].add(segment, time_ns)
    rows = []
    for (proto, (orig_h, orig_p), (resp_h, resp_p)), sides in flows.items():
        row: dict[str, object] = {"proto": proto, "orig_h": orig_h, "orig_p": orig_p}
        row |= {"resp_h": resp_h, "resp_p": resp_p}
        for name, side in zip(("orig", "resp"), sides, strict=True):
            row[f"{name}_payload"] = bytes(side.data) or None
            row[f"{name}_payload_ns"] = side.time_ns
            row[f"{name}_mac"] = side.mac
        rows.append(row)
    return flows_of(*rows)


def _frames(path: Path) -> Iterator[tuple[int, bytes]]:
    data = path.read_bytes()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    tick_ns = 1 if data[:4] in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 1000
    assert struct.unpack_from(f"{order}I", data, 20) == (ETHERNET,)
    at = 24
    while at + 16 <= len(data):
        seconds, ticks, n_bytes = struct.unpack_from(f"{order}III", data, at)
        yield seconds * 10**9 + ticks * tick_ns, data[at + 16 : at + 16 + n_bytes]
        at += 16 + n_bytes


def _segment(frame: bytes) -> _Segment | None:
    kind, packet = frame[12:14], frame[14:]
    if kind == b"\x08\x00" and len(packet) >= 20:
        proto, head = packet[9], 4 * (packet[0] & 15)
        end = int.from_bytes(packet[2:4], "big") or len(packet)
        ends: tuple[IPv4Address | IPv6Address, ...]
        ends = (IPv4Address(packet[12:16]), IPv4Address(packet[16:20]))
        if int.from_bytes(packet[6:8], "big") & 0x3FFF:
            return None
    elif kind == b"\x86\xdd" and len(packet) >= 40:
        proto, head = packet[6], 40
        end = 40 + int.from_bytes(packet[4:6], "big")
        ends = (IPv6Address(packet[8:24]), IPv6Address(packet[24:40]))
    else:
        return None
    body = packet[head:end]
    if (proto == TCP and len(body) < 20) or (proto == UDP and len(body) < 8):
        return None
    if proto not in (TCP, UDP):
        return None
    source_port, destination_port, seq = struct.unpack_from(">HHI", body)
    segment = _Segment(
        source=(str(ends[0]), source_port),
        destination=(str(ends[1]), destination_port),
        proto=proto,
        mac=frame[6:12].hex(":"),
        data=body[8:] if proto == UDP else body[4 * (body[12] >> 4) :],
    )
    if proto == TCP:
        segment.seq, segment.syn = seq, bool(body[13] & 2)
    return segment
