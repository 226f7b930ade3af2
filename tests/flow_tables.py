"""Rows of the tracked flows table, for tests of what writes them."""

from __future__ import annotations

import polars as pl

from wiretell.model.tracked import TRACKED_FLOWS

START_NS = 1_760_000_000_123_456_789


def flow(number: int = 0, **given: object) -> dict[str, object]:
    """A closed TCP connection of four packets each way; `given` replaces columns."""
    first_ns = START_NS + number * 1_000_000_007
    row: dict[str, object] = {
        "flow_id": number,
        "first_packet": number + 1,
        "proto": 6,
        "orig_h": "192.0.2.1",
        "orig_p": 40_000 + number % 20_000,
        "resp_h": "198.51.100.7",
        "resp_p": 443,
        "first_ns": first_ns,
        "last_ns": first_ns + 5_000_000_001,
        "conn_state": "SF",
        "history": "ShADadFf",
        "community_id": "1:abc=",
        "end_reason": "closed",
    }
    for side, n, delay_ns in (("orig", 4, 0), ("resp", 5, 20_000_003)):
        row |= {
            f"{side}_mac": f"02:00:00:00:00:0{n}",
            f"{side}_pkts": n,
            f"{side}_bytes": 100 * n,
            f"{side}_ip_bytes": 152 * n,
            f"{side}_first_ns": first_ns + delay_ns,
            f"{side}_last_ns": first_ns + 5_000_000_001 - 2 * delay_ns,
            f"{side}_ttl": 60 + n,
            f"{side}_ttl_min": 60 + n,
            f"{side}_ttl_max": 62 + n,
            f"{side}_tos": 4 * n,
            f"{side}_tcp_flags": 0x1B,
        }
    return row | given


def silent(side: str) -> dict[str, object]:
    """The columns of a side that sent nothing."""
    counts = ("pkts", "bytes", "ip_bytes")
    unknown = ("mac", "first_ns", "last_ns", "ttl", "ttl_min", "ttl_max", "tos", "tcp_flags")
    return {f"{side}_{name}": 0 for name in counts} | {f"{side}_{name}": None for name in unknown}


def flows(*rows: dict[str, object]) -> pl.DataFrame:
    """The table of these rows."""
    return TRACKED_FLOWS.frame(rows)


def mixture() -> pl.DataFrame:
    """TCP, UDP, ICMP, another protocol, IPv4 and IPv6, one-sided each way, one with a VLAN."""
    ping = {"proto": 1, "icmp_type": 8, "icmp_code": 0, "resp_p": 0, "conn_state": "OTH"}
    unreachable = {"proto": 1, "icmp_type": 3, "icmp_code": 1, "orig_p": 3, "resp_p": 1}
    six = {"orig_h": "2001:db8::1", "resp_h": "2001:db8:ffff::7"}
    plain = {"orig_tcp_flags": None, "resp_tcp_flags": None}
    return flows(
        flow(0),
        flow(1, vlan=12, end_reason="active"),
        flow(2, proto=17, resp_p=53, conn_state="SF", **plain),
        flow(3, **ping, orig_h="192.0.2.9", **plain),
        flow(4, **unreachable, orig_h="192.0.2.8", **plain | silent("resp")),
        flow(5, proto=47, orig_p=0, resp_p=0, orig_h="192.0.2.3", **plain),
        flow(6, **six),
        flow(7, **six, **ping | {"proto": 58, "icmp_type": 128}, **plain),
        flow(8, **silent("resp"), conn_state="S0", history="S"),
        flow(9, **silent("orig"), conn_state="SHR", history="h"),
    )
