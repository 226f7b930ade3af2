"""The link address of each flow side: the network card itself, on the machine's own segment.

Physics: a frame carries the address of the card that put it on this segment (IEEE 802-2014
section 8). Blind spots: beyond a router every frame carries the router's address, so it names a
machine only where the capture was taken on the machine's own segment; phones draw random ones.
So it is weighed only where packets have lost no hop and the card speaks for few addresses. One
card all the time is weak (a NAT router's outer card is one too), two cards are not one machine's.

Quantities: `mac` (one row per flow side), and `mac_random` (value 1) where the address is locally
administered: drawn at random, or a virtual machine's.
"""

from __future__ import annotations

import polars as pl

from wiretell.model.tables import OBSERVATIONS
from wiretell.signal import Label, LabelRule, Scores, Signal

NAME = "link_address"
RULES = (LabelRule("card", 3.0, -6.0, "network card", 2),)
OWN_ADDRESSES = 8
"""A machine has a few addresses (IPv4, several IPv6); more behind one card are a router's."""
INITIAL_TTLS = (64, 128, 255)
"""A packet that lost no hop was sent on this segment, by a machine or by what forwards for it."""

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


def score(sides: pl.DataFrame, observations: pl.DataFrame) -> Scores:
    """One label per side whose frames came from the machine's own card.

    A card that speaks for many addresses is a router's, and so is one whose packets have lost
    hops: both say nothing of the machine behind.
    """
    del observations
    seen = sides.filter(pl.col("mac").is_not_null() & (pl.col("mac") != _SILENT))
    routers = pl.col("mac_addresses") > OWN_ADDRESSES
    own = seen.filter(~routers & pl.col("ttl").is_in(INITIAL_TTLS))
    labels = [Label(n, "card", mac) for n, mac in own.select("number", "mac").iter_rows()]
    regimes = dict.fromkeys(seen["number"].to_list(), "router's")
    return Scores(
        labels=labels, rules=RULES, regimes=regimes | dict.fromkeys(own["number"].to_list(), "own")
    )


SIGNAL = Signal(NAME, extract=extract, score=score)
