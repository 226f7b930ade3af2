"""The first payload bytes of flow sides, and the observations read out of them.

The core hands out, beside each flow's columns, `orig_payload` and `resp_payload`: the first bytes
that side sent. TCP: a contiguous run from the first data seen. UDP: the first datagrams, each
preceded by its captured length in two bytes, big-endian (DNS over TCP happens to look the same).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from wiretell.model.tables import OBSERVATIONS

TCP, UDP = 6, 17
MAX_DATAGRAMS = 16
"""Datagrams taken from one payload."""
MAX_FACTS_PER_SIDE = 64
"""Observations of one quantity kept of one flow side."""


class Payload(NamedTuple):
    """The first bytes that one side of a flow sent; `address` and `port` are the sender's."""

    flow_id: int
    side: int
    proto: int
    address: str
    port: int
    peer: str
    peer_port: int
    time_ns: int | None
    data: bytes


def payloads(flows: pl.DataFrame, wanted: pl.Expr) -> Iterator[Payload]:
    """Every side's payload for which `wanted` holds, in order of flow and side.

    `wanted` is an expression over the columns named as in `Payload`; it is evaluated in Polars,
    so that Python sees only the sides worth parsing.
    """
    sides = [_side(flows, side).filter(wanted) for side in (0, 1)]
    for row in pl.concat(sides).sort("flow_id", "side").iter_rows():
        yield Payload._make(row)


def starts_with(*prefixes: bytes) -> pl.Expr:
    """Expression: the payload begins with one of these."""
    return pl.any_horizontal(pl.col("data").bin.starts_with(p) for p in prefixes)


def either_port(*ports: int) -> pl.Expr:
    """Expression: the sender's or the receiver's port is one of these."""
    return pl.col("port").is_in(ports) | pl.col("peer_port").is_in(ports)


def datagrams(data: bytes) -> list[bytes]:
    """Splits length-prefixed datagrams; a cut last one is given as far as it goes."""
    found: list[bytes] = []
    at = 0
    while at + 2 < len(data) and len(found) < MAX_DATAGRAMS:
        n_bytes = data[at] << 8 | data[at + 1]
        at += 2
        if n_bytes:
            found.append(data[at : at + n_bytes])
        at += n_bytes
    return found


def _side(flows: pl.DataFrame, side: int) -> pl.DataFrame:
    own, other = ("orig", "resp") if side == 0 else ("resp", "orig")
    return flows.select(
        pl.col("flow_id"),
        pl.lit(side, pl.UInt8).alias("side"),
        pl.col("proto"),
        pl.col(f"{own}_h").alias("address"),
        pl.col(f"{own}_p").alias("port"),
        pl.col(f"{other}_h").alias("peer"),
        pl.col(f"{other}_p").alias("peer_port"),
        pl.col(f"{own}_payload_ns").alias("time_ns"),
        pl.col(f"{own}_payload").alias("data"),
    ).filter(pl.col("data").is_not_null())


class Facts:
    """Gathers rows of `OBSERVATIONS` for one signal, column by column."""

    def __init__(self, signal: str) -> None:
        """Starts empty; `signal` goes into every row."""
        self._signal = signal
        self._rows: list[tuple[object, ...]] = []
        self._of: tuple[int, int] = (-1, -1)
        self._said: dict[str, set[str | float]] = {}

    def text(
        self,
        of: Payload,
        quantity: str,
        text: str | None,
        *,
        of_receiver: bool = False,
        address: str | None = None,
    ) -> None:
        """One text seen in a payload: no row where there is none or this side said it before.

        It is about the sender, or else the receiver; `address` is given where that machine's
        address is not the packet's (a DHCP client has none yet).
        """
        if text and self._is_new(of, quantity, text):
            about = address or (of.peer if of_receiver else of.address)
            side = 1 - of.side if of_receiver else of.side
            self._append(of, quantity, about, side, text=text)

    def number(
        self, of: Payload, quantity: str, value: float, unit: str, error: float | None = None
    ) -> None:
        """One number seen in a payload, about its sender, with its standard error."""
        if self._is_new(of, quantity, value):
            self._append(of, quantity, of.address, of.side, value=value, unit=unit, error=error)

    def frame(self) -> pl.DataFrame:
        """The rows gathered, as an `OBSERVATIONS` table."""
        return pl.DataFrame(self._rows, schema=OBSERVATIONS.schema, orient="row")

    def _is_new(self, of: Payload, quantity: str, said: str | float) -> bool:
        if self._of != (of.flow_id, of.side):
            self._of = (of.flow_id, of.side)
            self._said.clear()
        said_before = self._said.setdefault(quantity, set())
        if said in said_before or len(said_before) >= MAX_FACTS_PER_SIDE:
            return False
        said_before.add(said)
        return True

    def _append(
        self,
        of: Payload,
        quantity: str,
        about: str,
        side: int,
        *,
        text: str | None = None,
        value: float | None = None,
        unit: str | None = None,
        error: float | None = None,
    ) -> None:
        self._rows.append(
            (
                self._signal,
                about,
                of.flow_id,
                side,
                quantity,
                value,
                text,
                unit,
                error,
                of.time_ns,
            )
        )
