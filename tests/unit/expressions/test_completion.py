from __future__ import annotations

import pytest
from expression_names import NAMES

from wiretell.expressions.completion import complete
from wiretell.expressions.error import ExpressionError
from wiretell.expressions.parser import parse


@pytest.mark.parametrize(
    ("text", "start", "first"),
    [
        ("", 0, "user_agent"),
        ("us", 0, "user_agent"),
        ("ttl = 64 a", 9, "and"),
        ("ttl = 64 and d", 13, "dst_port"),
        ("user_agent ", 11, "has"),
        ("ttl ", 4, "="),
        ("proto = ", 8, '"tcp"'),
        ("proto in (tcp, ", 15, '"tcp"'),
        ("syn = t", 6, "true"),
        ("(", 1, "user_agent"),
    ],
)
def test_what_may_come_next(text: str, start: int, first: str) -> None:
    assert complete(text, len(text), NAMES)[0] == start
    assert complete(text, len(text), NAMES)[1][0] == first


def test_an_open_text_has_no_completion() -> None:
    assert complete('user_agent has "fi', 18, NAMES) == (18, ())


def test_completing_within_a_text_that_goes_on() -> None:
    assert complete("us = 3", 2, NAMES) == (0, ("user_agent",))


@pytest.mark.parametrize("name", [name.name for name in NAMES.all])
def test_operators_offered_after_a_column_are_understood(name: str) -> None:
    values = {"number": "1", "text": '"a"', "address": "10.0.0.1", "time": "12:00", "flag": ""}
    kind = next(each.kind for each in NAMES.all if each.name == name)
    for operator in complete(f"{name} ", len(name) + 1, NAMES)[1]:
        end = f"{name} {operator} " + ("ttl" if operator in {"and", "or"} else values[kind])
        try:
            parse(end, NAMES)
        except ExpressionError as error:
            pytest.fail(f"{end}: {error}")
