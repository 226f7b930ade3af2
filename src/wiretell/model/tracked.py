"""The flows table as `wiretell flows` has it: all that `FLOWS` has, and what flow records tell."""

from __future__ import annotations

import polars as pl

from wiretell.model.column import Column, Table
from wiretell.model.tables import FLOWS


def _side(side: str) -> tuple[Column, ...]:
    return (
        Column(f"{side}_tos", pl.UInt8, "type of service or traffic class of its first packet"),
        Column(f"{side}_tcp_flags", pl.UInt16, "flags of all its segments together"),
    )


TRACKED_FLOWS = Table("tracked_flows", FLOWS.row, (*FLOWS.columns, *_side("orig"), *_side("resp")))
