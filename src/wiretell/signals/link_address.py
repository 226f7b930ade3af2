"""The link address of each flow side: the network card itself, on the machine's own segment.

Physics: a frame carries the address of the card that put it on this segment (IEEE 802-2014
section 8). Blind spots: beyond a router every frame carries the router's address, so it names a
machine only where the capture was taken on the machine's own segment; phones draw random ones.
So it is reported and weighs nothing.

Quantities: `mac` (one row per flow side), and `mac_random` (value 1) where the address is locally
administered: drawn at random, or a virtual machine's.
"""

from __future__ import annotations

import polars as pl

from wiretell.model.tables import OBSERVATIONS
from wiretell.signal import Signal

NAME = "link_address"

_SILENT = "00:00:00:00:00:00"


def extract(flows: pl.DataFrame) -> pl.DataFrame:
    """Observations of a batch of flows (`FLOWS`); group, broadcast and zero addresses give none."""
    sides = [_side(flows, "orig", 0), _side(flows, "resp", 1)]
    macs = pl.concat(sides).filter(
        pl.col("text").is_not_null() & (pl.col("text") != _SILENT) & ~_bit(1)
    )
    random = macs.filter(_bit(2)).with_columns(
        quantity=pl.lit("mac_random"), value=pl.lit(1.0, pl.Float64)
    )
    return pl.concat([macs, random]).sort("flow_id", "side", "quantity")


def _bit(bit: int) -> pl.Expr:
    """Whether a bit of the first octet is set: 1 group, 2 locally administered."""
    digits = [d for d in "0123456789abcdef" if int(d, 16) & bit]
    return pl.col("text").str.slice(1, 1).str.to_lowercase().is_in(digits)


def _side(flows: pl.DataFrame, name: str, side: int) -> pl.DataFrame:
    return flows.select(
        signal=pl.lit(NAME),
        address=pl.col(f"{name}_h"),
        flow_id=pl.col("flow_id"),
        side=pl.lit(side, pl.UInt8),
        quantity=pl.lit("mac"),
        value=pl.lit(None, pl.Float64),
        text=pl.col(f"{name}_mac"),
        unit=pl.lit(None, pl.String),
        error=pl.lit(None, pl.Float64),
        time_ns=pl.col(f"{name}_first_ns"),
    ).cast(OBSERVATIONS.schema)


SIGNAL = Signal(NAME, extract=extract)
