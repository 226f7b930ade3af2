"""Tests of columns as Polars expressions.

A test of a missing value fails, whatever the operator; `not` turns that round: `not ttl = 64`
holds where there is no TTL, `ttl != 64` does not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import polars as pl

from wiretell.expressions.syntax import (
    And,
    Node,
    Not,
    Operator,
    Or,
    Range,
    Test,
    TimeOfDay,
    Value,
)

_DAY_NS = 86_400_000_000_000
_COMPARE: Mapping[Operator, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}

Addresses = IPv4Address | IPv6Address | IPv4Network | IPv6Network


def expression(node: Node, columns: Mapping[str, pl.Expr]) -> pl.Expr:
    """`node` as a Boolean expression, never null; `columns`: what each name stands for."""
    match node:
        case Not(part):
            return ~expression(part, columns)
        case And(parts):
            return pl.all_horizontal([expression(part, columns) for part in parts])
        case Or(parts):
            return pl.any_horizontal([expression(part, columns) for part in parts])
        case Test(column, operator, values):
            tested = _test(columns[column.name], column.kind, operator, values)
            return tested.fill_null(value=False)


def _test(
    column: pl.Expr, kind: str, operator: Operator, values: tuple[Value | Range, ...]
) -> pl.Expr:
    if operator == "is":
        return column if kind == "flag" else column.is_not_null()
    if operator == "has":
        wanted = str(values[0]).lower()
        return column.str.to_lowercase().str.contains(wanted, literal=True)
    if operator == "matches":
        return column.str.contains(str(values[0]))
    if kind == "address":
        held = _addresses(column, values)
        return ~held if operator == "!=" else held
    if operator == "in":
        return pl.any_horizontal([_one_of(column, value) for value in values])
    value = values[0]
    assert not isinstance(value, Range)  # the parser lets ranges in behind `in` alone
    return _COMPARE[operator](*_comparable(column, value))


def _one_of(column: pl.Expr, value: Value | Range) -> pl.Expr:
    if not isinstance(value, Range):
        against, lit = _comparable(column, value)
        return against == lit
    against, low = _comparable(column, value.low)
    _, high = _comparable(column, value.high)
    if isinstance(value.low, TimeOfDay) and _ns(value.low) > _ns(value.high):
        return (against >= low) | (against <= high)  # over midnight
    return (against >= low) & (against <= high)


def _comparable(column: pl.Expr, value: Value) -> tuple[pl.Expr, pl.Expr]:
    if isinstance(value, TimeOfDay):
        return column % _DAY_NS, pl.lit(value.ns, pl.Int64)
    if isinstance(value, bool | str | float):
        return column, pl.lit(value)
    return column, pl.lit(value, pl.Int64)


def _ns(value: Value) -> int:
    return value.ns if isinstance(value, TimeOfDay) else 0


def _addresses(column: pl.Expr, values: tuple[Value | Range, ...]) -> pl.Expr:
    """Whether the text in `column` is an address of these; null where it is null."""

    def decide(texts: pl.Series) -> pl.Series:
        different = texts.drop_nulls().unique()
        held = [_is_among(text, values) for text in different]
        answers = pl.Series(held, dtype=pl.Boolean)
        return texts.replace_strict(different, answers, default=None, return_dtype=pl.Boolean)

    return column.map_batches(decide, return_dtype=pl.Boolean, is_elementwise=True)


def _is_among(text: str, values: tuple[Value | Range, ...]) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(_is(address, value) for value in values)


def _is(address: IPv4Address | IPv6Address, value: Value | Range) -> bool:
    match value:
        case IPv4Network() | IPv6Network():
            return address in value
        case Range(low=IPv4Address() | IPv6Address() as low, high=high):
            same = address.version == low.version
            return same and int(low) <= int(address) <= _number_of(high)
        case _:
            return address == value


def _number_of(end: Value) -> int:
    return int(end) if isinstance(end, IPv4Address | IPv6Address) else -1
