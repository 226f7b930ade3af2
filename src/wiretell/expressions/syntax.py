"""An expression understood: tests of columns, and how they hang together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Literal

from wiretell.expressions.column import Name

Operator = Literal["is", "=", "!=", "<", "<=", ">", ">=", "has", "matches", "in"]


@dataclass(frozen=True)
class TimeOfDay:
    """A time of any day (UTC), in ns since midnight."""

    ns: int


Value = int | float | str | bool | TimeOfDay | IPv4Address | IPv6Address | IPv4Network | IPv6Network
"""An int is a number, or with a time column ns since 1970."""


@dataclass(frozen=True)
class Range:
    """All values from `low` to `high`, both included."""

    low: Value
    high: Value


@dataclass(frozen=True)
class Test:
    """One column tested. `is` has no values, `in` any number, the others one."""

    column: Name
    operator: Operator
    values: tuple[Value | Range, ...] = ()


@dataclass(frozen=True)
class Not:
    """True where `part` is not."""

    part: Node


@dataclass(frozen=True)
class And:
    """True where all parts are."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    """True where any part is."""

    parts: tuple[Node, ...]


Node = Test | Not | And | Or


def names_in(node: Node) -> frozenset[str]:
    """The names of all columns that it tests."""
    return frozenset(test.column.name for test in tests_in(node))


def tests_in(node: Node) -> list[Test]:
    """All tests in it, in no order."""
    waiting, found = [node], []
    while waiting:
        each = waiting.pop()
        if isinstance(each, Test):
            found.append(each)
        else:
            waiting += [each.part] if isinstance(each, Not) else each.parts
    return found


def replaced(node: Node, swap: Callable[[Node], Node | None]) -> Node:
    """`node` with each part replaced that `swap` gives another for, the outermost first."""
    other = swap(node)
    if other is not None:
        return other
    match node:
        case Not(part):
            return Not(replaced(part, swap))
        case And(parts):
            return And(tuple(replaced(part, swap) for part in parts))
        case Or(parts):
            return Or(tuple(replaced(part, swap) for part in parts))
        case Test():
            return node
