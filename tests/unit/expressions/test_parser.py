from __future__ import annotations

import pytest
from expression_names import NAMES

from wiretell.errors import ConfigError
from wiretell.expressions.error import ExpressionError
from wiretell.expressions.parser import parse


@pytest.mark.parametrize(
    ("text", "at", "problem"),
    [
        ("", 0, "a test is missing"),
        ("ttl = 64 and", 12, "a test is missing"),
        ("ttl = 64 ttl = 65", 9, "`and` or `or`"),
        ("(ttl = 64", 0, "never closed"),
        ("ttl = 64)", 8, "never opened"),
        ("ttl =", 5, "a number belongs here"),
        ("ttl = abc", 6, "'abc' is no number"),
        ('ttl = "64"', 6, "without quotes"),
        ("ttl has 6", 4, "ttl is a number, `has` is for text"),
        ("user_agent < a", 11, "it has no <"),
        ('user_agent has "x', 15, 'no closing "'),
        ("user_agent has (a)", 15, "a text in quotes"),
        ("src = 10.0.0.300", 6, "no address and no network"),
        ("src in 10.0.0.0/33", 7, "no address and no network"),
        ("time < 25:00", 7, "no time of day"),
        ("time < 2026-02-30", 7, "no date"),
        ("time < 9999-01-01", 7, "too far"),
        ("ttl in (1, 2", 7, "a list is written"),
        ("ttl in ()", 8, "a number belongs here"),
        ("syn = maybe", 6, "neither true nor false"),
        ('user_agent matches "(a"', 19, "unclosed group"),
        ('user_agent matches "(?=a)"', 19, "look-around"),
        ('user_agent matches "(((a{1000}){1000}){1000})"', 19, "not a regular expression"),
        ("& ttl", 0, "means nothing here"),
        ("and ttl", 0, "the name of a column"),
        ("time in 10:00..2026-01-01", 8, "of one kind"),
    ],
)
def test_errors_point_at_the_place(text: str, at: int, problem: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text, NAMES)
    assert caught.value.at == at
    assert problem in caught.value.problem


def test_near_names_are_proposed_and_the_place_is_marked() -> None:
    with pytest.raises(ConfigError) as caught:
        parse('usr_agent has "x" and ttl = 1', NAMES)
    assert str(caught.value).splitlines() == [
        "there is no column 'usr_agent'; did you mean user_agent?",
        '  usr_agent has "x" and ttl = 1',
        "  ^^^^^^^^^",
    ]


def test_hidden_characters_do_not_reach_the_message() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse("ttl\x1b[2J\u202e = 3", NAMES)
    assert not any(ord(c) < 32 or c == "\u202e" for c in "".join(caught.value.lines()))


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5_000 + "ttl" + ")" * 5_000,
        "not " * 2_000 + "ttl",
        " or ".join(["ttl"] * 3_000),
        "ttl in (" + ",".join(["1"] * 3_000) + ")",
        "x" * 20_000,
        'user_agent matches "' + "a" * 2_000 + '"',
        "ttl = " + "9" * 5_000,
        "ttl = 1e999",
    ],
)
def test_what_is_too_much_is_refused_with_a_message(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text, NAMES)
