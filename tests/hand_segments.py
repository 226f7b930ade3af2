"""Rows of SEGMENTS for captures made by hand, where a test says itself what the tracker finds.

Relative numbers, next sequence numbers, scaled windows and bytes in flight are reckoned the
plain way, for captures that show each side from its first packet on. No window is checked:
verdicts are what the test gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from wiretell.model.segments import SEGMENTS

FIN, SYN, ACK = 1, 2, 16
WRAP = 1 << 32


def segments(
    packets: pl.DataFrame, told: Mapping[int, Mapping[str, Any]] | None = None, flow_id: int = 0
) -> pl.DataFrame:
    """One row per packet; `told` maps a packet's number to columns that the test sets itself."""
    rows = list(packets.sort("number").iter_rows(named=True))
    first = (rows[0]["src"], rows[0]["sport"])
    base: list[int | None] = [None, None]
    top, acked, scale = [0, 0], [0, 0], [None, None]
    made = []
    for row in rows:
        side = 0 if (row["src"], row["sport"]) == first else 1
        is_tcp = row["flags"] is not None
        values: dict[str, Any] = {
            "packet": row["number"],
            "time_ns": row["time_ns"],
            "flow_id": flow_id,
            "side": side,
            "reply": side == 1,
            "ct_state": "established" if side == 1 or len(made) > 1 else "new",
            "analysis": [],
        }
        if is_tcp:
            flags = row["flags"]
            if base[side] is None:
                base[side] = row["seq"]
            if base[1 - side] is None and flags & ACK:
                base[1 - side] = row["ack"]
            if flags & SYN:
                scale[side] = row["wscale"]
            seq = (row["seq"] - (base[side] or 0)) % WRAP
            end = (seq + row["payload_len"] + bool(flags & SYN) + bool(flags & FIN)) % WRAP
            top[side] = max(top[side], end)
            if flags & ACK:
                acked[1 - side] = (row["ack"] - (base[1 - side] or 0)) % WRAP
                values["ack_rel"] = acked[1 - side]
            shift = scale[side] if None not in scale and not flags & SYN else 0
            values |= {
                "seq_rel": seq,
                "next_seq_rel": end,
                "window_bytes": row["window"] << (shift or 0),
                "bytes_in_flight": max(0, end - acked[side]) if end > seq else None,
            }
        made.append(values | dict((told or {}).get(row["number"], {})))
    return SEGMENTS.frame(made)
