"""Any text is an expression or an error that says where; what is understood is what was written."""

from __future__ import annotations

from typing import Any

import polars as pl
from expression_names import NAMES, ROWS
from hypothesis import given, settings
from hypothesis import strategies as st

from wiretell.expressions.completion import complete
from wiretell.expressions.error import ExpressionError
from wiretell.expressions.evaluate import expression
from wiretell.expressions.parser import parse

SYMBOLS = ("(", ")", ",", "=", "<", ">=", "!=", '"a"', "'", '"', "..", "0x", "1", "1..5")
NAMED = ("ttl", "ua", "src", "time", "syn", "and", "or", "not", "in", "has", "matches", "12:00")
WORDS = st.sampled_from((*SYMBOLS, *NAMED, "10.0.0.0/8"))
STANDS = {name.name: pl.col(name.name) for name in NAMES.all}


@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=12).map(" ".join)))
@settings(max_examples=300)
def test_any_text_gives_rows_or_an_error_with_its_place(text: str) -> None:
    complete(text, len(text) // 2, NAMES)
    try:
        node = parse(text, NAMES)
    except ExpressionError as error:
        assert 0 <= error.at <= len(text)
        assert len(error.lines()) == 3
        return
    held = ROWS.select(expression(node, STANDS).alias("is"))["is"]
    assert held.dtype == pl.Boolean
    assert held.null_count() == 0


def _number_test(draw: Any) -> tuple[str, list[bool]]:
    name = draw(st.sampled_from(["ttl", "dst_port"]))
    operator = draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">="]))
    value = draw(st.sampled_from([0, 53, 64, 80, 128, 255, 443, 70_000]))
    compare = {
        "=": int.__eq__,
        "!=": int.__ne__,
        "<": int.__lt__,
        "<=": int.__le__,
        ">": int.__gt__,
        ">=": int.__ge__,
    }[operator]
    held = [each is not None and bool(compare(each, value)) for each in ROWS[name].to_list()]
    return f"{name} {operator} {value}", held


@st.composite
def _expressions(draw: Any, depth: int = 3) -> tuple[str, list[bool]]:
    """An expression and, worked out beside it, the rows for which it holds."""
    kind = draw(st.sampled_from(["test", "not", "and", "or"])) if depth else "test"
    if kind == "test":
        return _number_test(draw)
    text, held = draw(_expressions(depth - 1))
    if kind == "not":
        return f"not ({text})", [not each for each in held]
    other, also = draw(_expressions(depth - 1))
    both = zip(held, also, strict=True)
    if kind == "and":
        return f"({text}) and ({other})", [a and b for a, b in both]
    return f"({text}) or ({other})", [a or b for a, b in both]


@given(_expressions())
@settings(max_examples=150)
def test_expressions_hold_where_logic_says(drawn: tuple[str, list[bool]]) -> None:
    text, held = drawn
    node = parse(text, NAMES)
    assert ROWS.select(expression(node, STANDS).alias("is"))["is"].to_list() == held
