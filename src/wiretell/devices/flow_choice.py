"""Which flow is meant: by number, by the port it came from, or by both its ends."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

import polars as pl

FORMS = "give a flow_id, ADDR:PORT or ADDR:PORT>ADDR:PORT ([ADDR]:PORT for IPv6)"


@dataclass(frozen=True)
class Choice:
    """A flow as a row of FLOWS, how it was asked for, and how many flows fit that."""

    row: dict[str, Any]
    asked: str
    n_fitting: int

    @property
    def flow_id(self) -> int:
        """Its number."""
        return int(self.row["flow_id"])

    @property
    def ends(self) -> tuple[str, str]:
        """Addresses of the originator and of the responder."""
        return self.row["orig_h"], self.row["resp_h"]


def choose_flow(flows: pl.DataFrame, text: str) -> Choice:
    """The first flow of `flows` (as FLOWS) that fits `text`.

    A single end is that of the originator, where any flow came from there.
    Raises ValueError where `text` has no known form, or no flow fits.
    """
    fitting = flows.filter(_fits(flows, text.strip())).sort("first_ns", "flow_id")
    if fitting.is_empty():
        raise ValueError(f"no flow {text!r} among {flows.height}")
    return Choice(fitting.row(0, named=True), text, fitting.height)


def _fits(flows: pl.DataFrame, text: str) -> pl.Expr:
    if text.isascii() and text.isdigit():
        number = int(text)
        return pl.col("flow_id") == number if number < 2**64 else pl.lit(False)
    ends = [_end(part, text) for part in text.split(">")]
    if len(ends) == 1:
        sent, received = _at("orig", ends[0]), _at("resp", ends[0])
        return sent if flows.select(sent.any()).item() else received
    if len(ends) != 2:
        raise ValueError(f"{text!r}: {FORMS}")
    there = _at("orig", ends[0]) & _at("resp", ends[1])
    return (
        there if flows.select(there.any()).item() else _at("orig", ends[1]) & _at("resp", ends[0])
    )


def _end(part: str, text: str) -> tuple[str, int]:
    address, _, port = part.strip().rpartition(":")
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    try:
        known = str(ipaddress.ip_address(address))
    except ValueError:
        raise ValueError(f"{text!r}: {FORMS}") from None
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError(f"{text!r}: {FORMS}")
    return known, int(port)


def _at(side: str, end: tuple[str, int]) -> pl.Expr:
    return (pl.col(f"{side}_h") == end[0]) & (pl.col(f"{side}_p") == end[1])


def address_of_both(a: Choice, b: Choice, wanted: str | None = None) -> str:
    """The address behind which both flows' machines may be: `wanted`, else the common client.

    Raises ValueError, in words for people, where there is none, or both are one flow.
    """
    if a.flow_id == b.flow_id:
        raise ValueError(f"{a.asked!r} and {b.asked!r} are one and the same flow, {a.flow_id}")
    shared = [address for address in a.ends if address in b.ends]
    if wanted is not None:
        if wanted in shared:
            return wanted
        alone = a if wanted not in a.ends else b
        raise ValueError(f"{wanted} is no end of flow {alone.flow_id} ({' > '.join(alone.ends)})")
    if a.ends[0] in shared:
        return a.ends[0]
    if b.ends[0] in shared:
        return b.ends[0]
    apart = (
        f"flow {a.flow_id} comes from {a.ends[0]} and flow {b.flow_id} from {b.ends[0]}:"
        " machines are told apart behind one address only"
    )
    if shared:
        raise ValueError(f"{apart}. Both end at {shared[0]}: --address {shared[0]} asks about that")
    raise ValueError(apart)
