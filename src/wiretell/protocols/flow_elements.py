"""Information elements of NetFlow and IPFIX: numbers, how they are read, what they mean here.

Source: RFC 3954 (NetFlow v9), RFC 7011 (IPFIX), RFC 7012 and IANA's registry "IP Flow Information
Export (IPFIX) Entities", RFC 5103 (the reverse direction). The list is `flow_elements.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

REVERSE = 29305
"""Enterprise number that turns an element into that of the other direction (RFC 5103)."""
VARIABLE = 0xFFFF
"""A field length that says: the length stands before each value (RFC 7011, section 7)."""


@dataclass(frozen=True)
class Element:
    """An information element: its number, and the column of a record that it fills."""

    number: int
    name: str
    kind: str
    """unsigned, ipv4, ipv6, mac, s, ms, ntp, ago_us or uptime_ms: how its bytes are read."""
    column: str
    rank: int
    """Where two elements fill one column the lower rank counts."""


@dataclass(frozen=True)
class Field:
    """A field of a template: element, enterprise (0: IANA) and bytes (`VARIABLE`: it varies)."""

    number: int
    length: int
    enterprise: int = 0


@cache
def _tables() -> Mapping[str, Any]:
    text = files(__package__).joinpath("flow_elements.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def elements() -> Mapping[tuple[int, int], Element]:
    """(enterprise, number) -> element."""
    known: dict[tuple[int, int], Element] = {}
    for group, rows in _tables()["elements"].items():
        for rank, (number, name, kind, column) in enumerate(rows):
            known[0, number] = Element(number, name, kind, column, rank)
            if group == "direction":
                back = Element(number, f"reverse {name}", kind, f"reverse_{column}", rank)
                known[REVERSE, number] = back
    return known


@cache
def number_of(name: str) -> int:
    """The number of the element of that name; `KeyError` where it is not in the list."""
    return {element.name: element.number for element in elements().values()}[name]


@cache
def netflow5_fields() -> tuple[Field, ...]:
    """The record of NetFlow v5 as if a template had told it."""
    return tuple(Field(number, length) for number, length in _tables()["netflow5"]["record"])
