"""What may come next in an expression: for input boxes and shells."""

from __future__ import annotations

from wiretell.expressions.column import Name, Names
from wiretell.expressions.error import ExpressionError
from wiretell.expressions.tokens import Token, tokens

_AFTER = {
    "number": ("=", "!=", "<", "<=", ">", ">=", "in", "not in"),
    "time": ("<", "<=", ">", ">=", "in", "not in"),
    "text": ("has", "matches", "=", "!=", "in", "not in"),
    "address": ("=", "!=", "in", "not in", "has"),
    "flag": (),
}
MAX_OFFERED = 60


def complete(text: str, at: int, names: Names) -> tuple[int, tuple[str, ...]]:
    """Where the word at the place `at` begins, and what could stand there, likeliest first.

    What the user wrote of the word so far is a prefix of all that is offered. An open quote or
    a text that is too long has no completion.
    """
    try:
        before = tokens(text[:at])[:-1]
    except ExpressionError:
        return at, ()
    begun = before.pop() if before and _is_open(before[-1], at) else None
    start, prefix = (begun.at, begun.value.lower()) if begun else (at, "")
    offered = [word for word in _next(before, names) if word.lower().startswith(prefix)]
    return start, tuple(offered[:MAX_OFFERED])


def _is_open(last: Token, at: int) -> bool:
    """True for a word that the place still belongs to."""
    is_word = last.kind == "word" or (last.kind == "sign" and last.value.isalpha())
    return is_word and last.at + last.length == at


def _next(before: list[Token], names: Names) -> tuple[str, ...]:
    columns = tuple(each.name for each in names.all)
    starts = (*columns, "not", "(")
    if not before:
        return starts
    last = before[-1]
    if last.kind == "sign" and last.value in {"and", "or", "not", "("}:
        listed = _listed_column(before, names)
        return _values(listed) if listed is not None else starts
    if last.kind == "sign" and last.value != ")":
        column = _listed_column(before, names) or _column_before(before, names)
        return _values(column) if column is not None else ()
    column = names.find(last.value) if last.kind == "word" else None
    if column is not None and not _is_value(before):
        return (*_AFTER[column.kind], "and", "or")
    return ("and", "or", ")")


def _is_value(before: list[Token]) -> bool:
    """True where the last word follows an operator: it is a value, whatever it says."""
    if len(before) < 2 or before[-2].kind != "sign":
        return False
    return before[-2].value not in {"and", "or", "not", "("}


def _listed_column(before: list[Token], names: Names) -> Name | None:
    """The column whose list of values is being written: `COLUMN in (1, 2,`."""
    for place in range(len(before) - 1, 0, -1):
        token = before[place]
        if token.value == "(" and before[place - 1].value == "in":
            return _column_before(before[:place], names)
        if token.kind == "sign" and token.value != ",":
            return None
    return None


def _column_before(before: list[Token], names: Names) -> Name | None:
    words = [token for token in before if token.kind == "word"]
    return names.find(words[-1].value) if words else None


def _values(column: Name) -> tuple[str, ...]:
    if column.kind == "flag":
        return ("true", "false")
    return tuple(written(value, column) for value in column.values)


def written(value: str, column: Name) -> str:
    """A value as it is written in an expression."""
    if column.kind != "text":
        return value
    doubled = value.replace('"', '""')
    return f'"{doubled}"'
