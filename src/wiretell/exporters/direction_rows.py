"""Flows as exporters see them: one row per direction that sent something, in arrays.

A row has the columns of a flow record (`protocols/flow_elements.toml`): key, counts and times of
one direction, `reverse_` those of the other, and what only an exporter asks: which side it is.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.exporters.address_bytes import ip_bytes, mac_bytes

Array = NDArray[np.generic]
Rows = Mapping[str, Array]

ICMP, ICMPV6 = 1, 58
INITIATOR, REVERSE_INITIATOR = 1, 2
"""biflowDirection (RFC 5103): the source opened the flow, or the destination did."""

_ANSWERS = {8: 0, 13: 14, 15: 16, 17: 18, 10: 9}
_ANSWERS_V6 = {128: 129, 133: 134, 135: 136, 139: 140}
_END_REASONS = {"timeout": 1, "active": 2, "closed": 3, "end": 4, "evicted": 5}
"""flowEndReason: idle, active timeout, end detected, forced end, lack of resources."""

_COUNTS = ("pkts", "bytes", "first", "last", "tos", "tcp_flags", "ttl_min", "ttl_max", "mac")


def of_version(flows: pl.DataFrame, version: int) -> pl.DataFrame:
    """The flows of IPv4 or IPv6."""
    is_six = pl.col("orig_h").str.contains(":", literal=True)
    return flows.filter(is_six if version == 6 else ~is_six)


def both_directions(flows: pl.DataFrame, version: int) -> Rows:
    """One row per flow, from its originator's side; flows are all of one IP version."""
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    rows: dict[str, Array] = {
        "src": ip_bytes(flows["orig_h"], family),
        "dst": ip_bytes(flows["resp_h"], family),
        "proto": _numbers(flows["proto"]),
        "vlan": _numbers(flows["vlan"]),
        "end_reason": _numbers(
            flows["end_reason"].replace_strict(_END_REASONS, default=0, return_dtype=pl.UInt8)
        ),
        "direction": np.full(flows.height, INITIATOR),
    }
    is_icmp = flows["proto"].is_in([ICMP, ICMPV6]).to_numpy()
    for column, port in (("sport", "orig_p"), ("dport", "resp_p")):
        rows[column] = np.where(is_icmp, 0, _numbers(flows[port]))
    answers = _ANSWERS_V6 if version == 6 else _ANSWERS
    # The first message may be the answer: the side that asked is the originator all the same.
    asked = flows["icmp_type"].replace({v: k for k, v in answers.items()})
    answered = asked.replace(answers)
    code = _numbers(flows["icmp_code"])
    rows["icmp"] = _numbers(asked) * 256 + code
    rows["reverse_icmp"] = _numbers(answered) * 256 + code
    for side, prefix in (("orig", ""), ("resp", "reverse_")):
        rows |= {f"{prefix}{name}": values for name, values in _sent(flows, side).items()}
    return rows


def _sent(flows: pl.DataFrame, side: str) -> dict[str, Array]:
    """What one side sent."""
    return {
        "pkts": _numbers(flows[f"{side}_pkts"]),
        "bytes": _numbers(flows[f"{side}_ip_bytes"]),
        "first": _numbers(flows[f"{side}_first_ns"]),
        "last": _numbers(flows[f"{side}_last_ns"]),
        "tos": _numbers(flows[f"{side}_tos"]),
        "tcp_flags": _numbers(flows[f"{side}_tcp_flags"]),
        "ttl_min": _numbers(flows[f"{side}_ttl_min"]),
        "ttl_max": _numbers(flows[f"{side}_ttl_max"]),
        "mac": mac_bytes(flows[f"{side}_mac"]),
    }


def turned(rows: Rows) -> Rows:
    """The same rows from the responder's side."""
    swapped = dict(rows)
    swapped["src"], swapped["dst"] = rows["dst"], rows["src"]
    swapped["sport"], swapped["dport"] = rows["dport"], rows["sport"]
    swapped["direction"] = np.full(len(rows["proto"]), REVERSE_INITIATOR)
    for name in (*_COUNTS, "icmp"):
        swapped[name], swapped[f"reverse_{name}"] = rows[f"reverse_{name}"], rows[name]
    return swapped


def one_direction_each(rows: Rows) -> Rows:
    """A row per direction that sent something, the originator's before the responder's."""
    back = turned(rows)
    n_flows = len(rows["proto"])
    place = np.repeat(np.arange(n_flows), 2)
    is_back = np.tile([False, True], n_flows)
    sent = np.where(is_back, back["pkts"][place], rows["pkts"][place]) > 0
    place, is_back = place[sent], is_back[sent]
    return {
        name: _chosen(values[place], back[name][place], is_back) for name, values in rows.items()
    }


def select(rows: Rows, wanted: NDArray[np.bool_]) -> Rows:
    """The rows where `wanted` is true."""
    return {name: values[wanted] for name, values in rows.items()}


def _chosen(forward: Array, back: Array, is_back: NDArray[np.bool_]) -> Array:
    condition = is_back if forward.ndim == 1 else is_back[:, None]
    return np.where(condition, back, forward)


def _numbers(column: pl.Series) -> NDArray[np.int64]:
    """Whole numbers, 0 where unknown."""
    return column.cast(pl.Int64).fill_null(0).to_numpy()
