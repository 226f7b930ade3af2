"""What is true of a whole flow, before it is walked packet by packet."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from wiretell.findings.explain.explanation import Party
from wiretell.model.packets import CHECKSUMS

SYN = 0x02
MAX_SHIFT = 14
"""Greatest window scale; greater ones count as this (RFC 7323, 2.3)."""
_OF_PACKETS = (
    "src", "dst", "sport", "dport", "proto", "ttl", "ipid", "ip_len", "src_mac", "flags", "seq",
    "ack", "window", "urgent", "mss", "wscale", "sack_ok", "tsval", "tsecr", "sack", "options",
    "icmp_type", "icmp_code", "icmp_id", "icmp_seq", "payload_len", "weird",
)  # fmt: skip


@dataclass(frozen=True)
class SideFacts:
    """What a side shows over the whole flow; None where it shows nothing."""

    numbers: tuple[int, ...]
    """Its packets, by their numbers in the capture, ascending."""
    ttl: int | None
    """The commonest."""
    mac: str | None
    """The commonest source link address."""
    max_payload: int
    syn_seen: bool
    mss: int | None
    wscale: int | None
    """As offered in its SYN, at most 14."""
    sack_ok: bool | None
    isn: int | None
    """Number that its relative numbers count from, at its first packet."""

    ipid_varies: bool
    """Its IP IDs tell packets apart."""

    def n_after(self, packet: int) -> int:
        """How many packets it sent after that one."""
        return len(self.numbers) - bisect_right(self.numbers, packet)


@dataclass(frozen=True)
class Survey:
    """Both sides of a flow, and its rows: segments with the fields of their packets."""

    rows: pl.DataFrame
    sides: tuple[SideFacts, SideFacts]
    is_tcp: bool

    @property
    def shifts(self) -> tuple[int | None, int | None]:
        """The scale of each side's windows after the handshake; None: its SYN was not seen.

        Both must have offered the option in SYNs, else no window is scaled (RFC 7323, 2.2).
        """
        a, b = self.sides
        if a.wscale is not None and b.wscale is not None:
            return a.wscale, b.wscale
        agreed_none = any(side.syn_seen and side.wscale is None for side in self.sides)
        return (0, 0) if agreed_none else (None, None)


def survey(packets: pl.DataFrame, segments: pl.DataFrame) -> Survey:
    """Joins the rows of one flow (as PACKETS and SEGMENTS) and sums up both sides."""
    fields = packets.select("number", *_OF_PACKETS, damaged=_is_damaged(packets))
    rows = segments.join(fields, left_on="packet", right_on="number", how="inner").sort("packet")
    sides = (_side(rows, 0), _side(rows, 1))
    is_tcp = bool((rows["proto"] == 6).any())
    return Survey(rows, sides, is_tcp)


def _is_damaged(packets: pl.DataFrame) -> pl.Expr:
    """A checksum is wrong that others of its sender are not; false where none were verified.

    Where all that one side sends is wrong, its card or the file is why (`findings.checksums`).
    """
    names = [column.name for column in CHECKSUMS if column.name in packets.columns]
    if not names:
        return pl.lit(value=False)
    is_bad = pl.any_horizontal((pl.col(name) == "bad").fill_null(value=False) for name in names)
    is_verified = pl.any_horizontal(pl.col(name).is_not_null() for name in names)
    return is_bad & ~(is_bad | ~is_verified).all().over("src")


def parties(whole: Survey, flow: Mapping[str, Any]) -> tuple[Party, Party]:
    """The ends of the flow (a row of FLOWS) with the names that prose gives them."""
    opened = whole.is_tcp and any(side.syn_seen for side in whole.sides)
    names = ("client", "server") if opened or not whole.is_tcp else ("originator", "responder")
    return (_party(0, names[0], whole, flow), _party(1, names[1], whole, flow))


def _party(side: int, name: str, whole: Survey, flow: Mapping[str, Any]) -> Party:
    facts = whole.sides[side]
    key = ("orig", "resp")[side]
    return Party(
        name=name,
        address=flow[f"{key}_h"],
        port=flow[f"{key}_p"],
        n_packets=len(facts.numbers),
        isn=facts.isn,
        syn_seen=facts.syn_seen,
        mss=facts.mss,
        window_shift=facts.wscale,
        sack_ok=facts.sack_ok,
    )


def _side(rows: pl.DataFrame, side: int) -> SideFacts:
    own = rows.filter(pl.col("side") == side)
    syns = own.filter((pl.col("flags").fill_null(0) & SYN) != 0)
    syn = syns.row(0, named=True) if syns.height else None
    first = own.filter(pl.col("seq").is_not_null() & pl.col("seq_rel").is_not_null()).head(1)
    # Relative numbers begin at 0 with a SYN, at 1 with the first byte seen where none was.
    begins_at = 0 if syn is not None else 1
    return SideFacts(
        numbers=tuple(own["packet"].to_list()),
        ttl=_commonest(own, "ttl"),
        mac=_commonest(own, "src_mac"),
        max_payload=int(own["payload_len"].max() or 0),  # type: ignore[arg-type]
        syn_seen=syn is not None,
        mss=syn["mss"] if syn else None,
        wscale=min(syn["wscale"], MAX_SHIFT) if syn and syn["wscale"] is not None else None,
        sack_ok=bool(syn["sack_ok"]) if syn else None,
        ipid_varies=own["ipid"].n_unique() * 3 >= own.height,
        isn=(first["seq"].item() - first["seq_rel"].item() + begins_at) % 2**32
        if first.height
        else None,
    )


def _commonest(own: pl.DataFrame, column: str) -> Any:
    """The commonest value, the first seen of equals; None where there is none."""
    counted = own[column].drop_nulls().value_counts(sort=False)
    if counted.is_empty():
        return None
    counted = counted.sort("count", column, descending=[True, False])
    return counted[column][0]
