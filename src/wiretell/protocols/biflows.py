"""Records of single directions put together into flows with two sides.

Most exporters tell each direction of a connection in a record of its own. Two records belong
together where one exporter sent both, addresses and ports are each other's mirror, and they
overlap in time or follow within `PAIR_GAP_NS`. The originator is who biflowDirection (RFC 5103)
says, else who sent first, else whose record came first.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.model.tracked import TRACKED_FLOWS

PAIR_GAP_NS = 60_000_000_000
"""An answer this much later than the last packet of what it answers is another flow's: exporters
forget an idle flow of UDP or ICMP after about as long."""

_ICMP = (1, 58)
_ANSWERS = {0: 8, 14: 13, 16: 15, 18: 17, 9: 10, 129: 128, 134: 133, 136: 135, 140: 139}
"""ICMP and ICMPv6 types of answers and what they answer."""
_END_REASONS = {1: "timeout", 2: "active", 3: "closed", 4: "end", 5: "evicted"}
_REVERSE_INITIATOR = 2
_SENT = ("pkts", "bytes", "first", "last", "tos", "tcp_flags", "ttl_min", "ttl_max", "mac")


def flows_of(records: pl.DataFrame) -> pl.DataFrame:
    """Rows of `TRACKED_FLOWS` from rows of `flow_records.RECORDS`, by the time of their start.

    What a record does not tell is null: payload bytes, states, histories, everything of clocks.
    """
    if records.is_empty():
        return TRACKED_FLOWS.empty()
    told = records.with_row_index("row").with_columns(_key())
    told = told.sort("stream", "proto", "low", "high", "first", "row", nulls_last=True)
    forward, backward = _paired(told)
    whole = told[forward].hstack(_renamed(told)[backward])
    is_paired = pl.Series(backward != forward)
    # A record may tell of the other direction itself; then it has no second one.
    other = [
        pl.when(is_paired).then(f"other_{name}").otherwise(f"reverse_{name}").alias(f"back_{name}")
        for name in _SENT
    ]
    whole = whole.with_columns(other).with_columns(_turned(is_paired).alias("turned"))
    return _table(whole)


def _key() -> list[pl.Expr]:
    """The two ends in an order that does not depend on the direction."""
    is_icmp = pl.col("proto").is_in(_ICMP)
    ports = [
        pl.when(is_icmp).then(0).otherwise(pl.col(port)).fill_null(0).cast(pl.UInt16)
        for port in ("sport", "dport")
    ]
    src, dst = (
        pl.concat_str(address, pl.lit(" "), port)
        for address, port in zip(("src", "dst"), ports, strict=True)
    )
    swapped = src > dst
    return [
        pl.when(swapped).then(dst).otherwise(src).alias("low"),
        pl.when(swapped).then(src).otherwise(dst).alias("high"),
        swapped.alias("swapped"),
    ]


def _paired(told: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the sorted table, and the row of the other direction (itself where none is there)."""
    key = pl.struct("stream", "proto", "low", "high")
    follows = told.select(
        linked=(key == key.shift(-1))
        & (pl.col("swapped") != pl.col("swapped").shift(-1))
        & pl.col("reverse_pkts").is_null()
        & pl.col("reverse_pkts").shift(-1).is_null()
        & (pl.col("first").shift(-1) - pl.col("last") <= PAIR_GAP_NS)
    )["linked"].fill_null(False)
    linked = follows.to_numpy()
    rows = np.arange(len(linked))
    # In a run of links the first takes the second, the third the fourth, ...
    begins = linked & ~np.concatenate([[False], linked[:-1]])
    start = np.maximum.accumulate(np.where(begins, rows, -1))
    takes = linked & ((rows - start) % 2 == 0)
    taken = np.concatenate([[False], takes[:-1]])
    forward = rows[~taken]
    return forward, np.where(takes[forward], forward + 1, forward)


def _renamed(told: pl.DataFrame) -> pl.DataFrame:
    return told.select(pl.all().name.prefix("other_"))


def _turned(is_paired: pl.Series) -> pl.Expr:
    """Whether the destination of the first record opened the flow."""
    own, other = pl.col("direction"), pl.col("other_direction")
    told = (own == _REVERSE_INITIATOR) | (is_paired & (other == 1))
    is_answer = pl.col("proto").is_in(_ICMP) & pl.col("icmp_type").is_in(list(_ANSWERS))
    return pl.when(own.is_in([1, 2])).then(told).otherwise(is_answer & is_paired).fill_null(False)


def _table(whole: pl.DataFrame) -> pl.DataFrame:
    turned = pl.col("turned")

    def by_side(straight: str, back: str) -> pl.Expr:
        return pl.when(turned).then(pl.col(back)).otherwise(pl.col(straight))

    is_icmp = pl.col("proto").is_in(_ICMP)
    asked = pl.col("icmp_type").replace(_ANSWERS)
    icmp_type = pl.when(turned | (pl.col("back_pkts") > 0)).then(asked).otherwise("icmp_type")
    columns = {
        "proto": pl.col("proto"),
        "orig_h": by_side("src", "dst"),
        "resp_h": by_side("dst", "src"),
        "icmp_type": pl.when(is_icmp).then(icmp_type),
        "icmp_code": pl.when(is_icmp).then(pl.col("icmp_code")),
        "vlan": pl.when(pl.col("vlan") > 0).then(pl.col("vlan")),
        "first_ns": pl.min_horizontal("first", "back_first"),
        "last_ns": pl.max_horizontal("last", "back_last"),
        "end_reason": pl.col("end_reason").replace_strict(
            _END_REASONS, default=None, return_dtype=pl.String
        ),
    }
    columns["orig_p"] = (
        pl.when(is_icmp).then(columns["icmp_type"]).otherwise(by_side("sport", "dport"))
    )
    columns["resp_p"] = (
        pl.when(is_icmp).then(columns["icmp_code"]).otherwise(by_side("dport", "sport"))
    )
    names = {"ip_bytes": "bytes", "first_ns": "first", "last_ns": "last"}
    for side, straight, back in (("orig", "", "back_"), ("resp", "back_", "")):
        for name in ("pkts", "ip_bytes", "first_ns", "last_ns"):
            told = names.get(name, name)
            columns[f"{side}_{name}"] = by_side(straight + told, back + told)
        for name in ("tos", "tcp_flags", "ttl_min", "ttl_max", "mac"):
            columns[f"{side}_{name}"] = by_side(straight + name, back + name)
        for count in ("pkts", "ip_bytes"):
            columns[f"{side}_{count}"] = columns[f"{side}_{count}"].fill_null(0)
    made = whole.select(**columns).sort("first_ns", maintain_order=True, nulls_last=True)
    made = made.with_row_index("flow_id")
    return made.select(
        (pl.col(name) if name in made.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in TRACKED_FLOWS.schema.items()
    )
