"""Connections made by hand, as rows of PACKETS, for the tests of explanations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hand_segments import segments
from raw_ip import ACK, SYN

from wiretell.findings.explain.connection import explain
from wiretell.findings.explain.explanation import Connection
from wiretell.findings.explain.memory import WRAP
from wiretell.model.packets import PACKETS

MS = 1_000_000
A, B = ("192.0.2.1", 40_000), ("198.51.100.1", 443)


def row(
    number: int, side: int, flags: int, seq: int, ack: int = 0, n: int = 0, **more: object
) -> dict[str, Any]:
    """A row of PACKETS, 10 ms after the one before."""
    (src, sport), (dst, dport) = (A, B) if side == 0 else (B, A)
    return {
        "number": number, "time_ns": number * 10 * MS, "src": src, "dst": dst, "sport": sport,
        "dport": dport, "proto": 6, "ttl": 64, "ipid": number, "flags": flags, "seq": seq % WRAP,
        "ack": ack % WRAP, "window": 1000, "payload_len": n, "sack_ok": False, "src_mac": None,
        **more,
    }  # fmt: skip


FLOW = {
    "flow_id": 0, "proto": 6, "orig_h": A[0], "orig_p": A[1], "resp_h": B[0], "resp_p": B[1],
    "first_ns": 10 * MS, "last_ns": 900 * MS, "conn_state": "SF",
}  # fmt: skip


def told(
    rows: list[dict[str, Any]], changes: Mapping[int, Mapping[str, Any]] | None = None
) -> Connection:
    """The connection explained; `changes` are columns of SEGMENTS by packet."""
    packets = PACKETS.frame(rows)
    return explain(FLOW, packets, segments(packets, changes))


def text(connection: Connection, packet: int, topic: str) -> str:
    """What is told of a packet about one topic."""
    chosen = next(each for each in connection.packets if each.packet == packet)
    return " ".join(s.text for s in chosen.sentences if s.topic == topic)


def opening(isn: int = 1000, other: int = 5000, **syn: object) -> list[dict[str, Any]]:
    """A handshake, packets 1 to 3."""
    return [
        row(1, 0, SYN, isn, **syn),
        row(2, 1, SYN | ACK, other, isn + 1, **syn),
        row(3, 0, ACK, isn + 1, other + 1),
    ]
