"""Lines of hand-made flows and packets for the tests of the published methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from lab.baselines import Line
from wiretell.model.packets import PACKETS
from wiretell.model.tables import FLOWS, OBSERVATIONS

ADDRESS = "203.0.113.7"
S = 10**9

Row = Mapping[str, object]


def line(
    flows: Sequence[Row] = (), packets: Sequence[Row] = (), observations: Sequence[Row] = ()
) -> Line:
    """A line whose flows, packets and observations have the named columns, others null.

    Flows are numbered from 0 and are TCP, opened by the address with a SYN, one a second.
    """
    opened = [
        {
            "flow_id": number,
            "proto": 6,
            "orig_h": ADDRESS,
            "resp_h": "198.51.100.1",
            "resp_p": 443,
            "first_ns": number * S,
            "orig_syn": "4:63+1:0:1460:mss*20,7:mss,sok,ts,nop,ws:df,id+:0",
            "orig_window": 29200,
            "orig_ttl": 63,
            **flow,
        }
        for number, flow in enumerate(flows)
    ]
    sent = [
        {"number": number, "proto": 6, "ip_version": 4, "src": ADDRESS, "flow_id": None, **packet}
        for number, packet in enumerate(packets, 1)
    ]
    about = [{"signal": "test", "address": ADDRESS, "side": 0, **row} for row in observations]
    return Line(
        ADDRESS,
        _frame(opened, FLOWS.schema),
        _frame(sent, pl.Schema({**PACKETS.schema, "flow_id": pl.UInt64})),
        _frame(about, OBSERVATIONS.schema),
    )


def _frame(rows: Sequence[Row], schema: pl.Schema) -> pl.DataFrame:
    columns = {name: [row.get(name) for row in rows] for name in schema}
    return pl.DataFrame(columns, schema=schema)
