"""Expressions parsed: words and signs -> tests. The grammar is in docs/plot.md.

expression = part { "or" part }
part       = factor { "and" factor }
factor     = "not" factor | "(" expression ")" | test
test       = COLUMN [ OPERATOR value | "has" text | "matches" text | ["not"] "in" values ]
values     = value | "(" value { "," value } ")"
value      = LITERAL, for `in` also LITERAL..LITERAL
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import cast

from wiretell.expressions.column import Name, Names
from wiretell.expressions.error import ExpressionError
from wiretell.expressions.literals import checked_pattern, literal
from wiretell.expressions.syntax import And, Node, Not, Operator, Or, Range, Test, Value
from wiretell.expressions.tokens import Token, tokens

MAX_DEPTH = 40
"""Brackets and `not`s within one another."""
_COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})
_ORDERED = frozenset({"<", "<=", ">", ">="})
N_PROPOSALS = 3


def parse(text: str, names: Names) -> Node:
    """The expression as a tree of tests. Raises ExpressionError, with the place, for any other."""
    parser = _Parser(text, names)
    node = parser.expression(0)
    parser.expect_end()
    return node


def similar(word: str, names: Names) -> tuple[str, ...]:
    """Names that somebody who wrote `word` may have meant, likeliest first."""
    low = word.lower()
    words = names.words()
    close = get_close_matches(low[:60], words, N_PROPOSALS, 0.6)
    close += [each for each in words if low and (low in each or each in low)]
    meant = [found.name for each in close if (found := names.find(each)) is not None]
    return tuple(dict.fromkeys(meant))[:N_PROPOSALS]


class _Parser:
    def __init__(self, text: str, names: Names) -> None:
        self._text = text
        self._names = names
        self._tokens = tokens(text)
        self._at = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += 1
        return token

    def _is(self, sign: str) -> bool:
        return self._next.kind == "sign" and self._next.value == sign

    def _fail(self, token: Token, problem: str, proposals: tuple[str, ...] = ()) -> ExpressionError:
        return ExpressionError(self._text, token.at, token.length, problem, proposals)

    def expect_end(self) -> None:
        token = self._next
        if token.kind == "end":
            return
        if token.value == ")":
            raise self._fail(token, "this bracket was never opened")
        raise self._fail(token, "`and` or `or` is missing here")

    def expression(self, depth: int) -> Node:
        parts = [self._part(depth)]
        while self._is("or"):
            self._take()
            parts.append(self._part(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _part(self, depth: int) -> Node:
        parts = [self._factor(depth)]
        while self._is("and"):
            self._take()
            parts.append(self._factor(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _factor(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._fail(self._next, f"more than {MAX_DEPTH} brackets within one another")
        if self._is("not"):
            self._take()
            return Not(self._factor(depth + 1))
        if self._is("("):
            opened = self._take()
            node = self.expression(depth + 1)
            if not self._is(")"):
                if self._next.kind == "end":
                    raise self._fail(opened, "this bracket is never closed")
                raise self._fail(self._next, "`and`, `or` or `)` is missing here")
            self._take()
            return node
        return self._test()

    def _test(self) -> Node:
        token = self._next
        if token.kind == "end":
            raise self._fail(token, "a test is missing here, such as `ttl = 64`")
        if token.kind != "word":
            raise self._fail(token, f"the name of a column belongs here, not {token.value!r}")
        self._take()
        column = self._names.find(token.value)
        if column is None:
            proposals = similar(token.value, self._names)
            raise self._fail(token, f"there is no column {token.value!r}", proposals)
        operator = self._next
        if operator.kind != "sign":
            return Test(column, "is")
        if operator.value in _COMPARISONS:
            return self._comparison(column, self._take())
        if operator.value in {"has", "matches"}:
            return self._text_test(column, self._take())
        if operator.value == "in":
            self._take()
            return Test(column, "in", self._values(column))
        if operator.value == "not" and self._tokens[self._at + 1].value == "in":
            self._take()
            self._take()
            return Not(Test(column, "in", self._values(column)))
        return Test(column, "is")

    def _comparison(self, column: Name, sign: Token) -> Test:
        if sign.value in _ORDERED and column.kind in {"text", "flag", "address"}:
            problem = f"{column.name} is {_KINDS[column.kind]}: it has no {sign.value}"
            raise self._fail(sign, problem)
        return Test(column, cast("Operator", sign.value), (self._value(column),))

    def _text_test(self, column: Name, sign: Token) -> Test:
        if column.kind not in {"text", "address"}:
            problem = f"{column.name} is {_KINDS[column.kind]}, `{sign.value}` is for text"
            raise self._fail(sign, problem)
        token = self._next
        if token.kind not in {"text", "word"}:
            raise self._fail(token, f'a text in quotes belongs after `{sign.value}`: "..."')
        self._take()
        if sign.value == "matches":
            fault = checked_pattern(token.value)
            if fault is not None:
                raise self._fail(token, fault)
        return Test(column, cast("Operator", sign.value), (token.value,))

    def _values(self, column: Name) -> tuple[Value | Range, ...]:
        if not self._is("("):
            return (self._value_or_range(column),)
        opened = self._take()
        found = [self._value_or_range(column)]
        while self._is(","):
            self._take()
            found.append(self._value_or_range(column))
        if not self._is(")"):
            token = opened if self._next.kind == "end" else self._next
            raise self._fail(token, "a list is written (80, 443, 8000..8100)")
        self._take()
        return tuple(found)

    def _value_or_range(self, column: Name) -> Value | Range:
        token = self._next
        if token.kind != "word" or ".." not in token.value or column.kind == "text":
            return self._value(column)
        self._take()
        low, _, high = token.value.partition("..")
        ends = [self._read(column, token, word) for word in (low, high)]
        if type(ends[0]) is not type(ends[1]) and not _both_numbers(ends):
            raise self._fail(token, "the ends of a range must be of one kind")
        return Range(*ends)

    def _value(self, column: Name) -> Value:
        token = self._next
        if token.kind not in {"word", "text"}:
            raise self._fail(token, f"{_EXAMPLES[column.kind]} belongs here")
        self._take()
        return self._read(column, token, token.value)

    def _read(self, column: Name, token: Token, word: str) -> Value:
        try:
            return literal(column.kind, word, is_quoted=token.kind == "text")
        except ValueError as error:
            raise self._fail(token, f"{column.name} is {_KINDS[column.kind]}: {error}") from None


def _both_numbers(ends: list[Value]) -> bool:
    return all(isinstance(end, int | float) for end in ends)


_KINDS = {
    "number": "a number",
    "text": "text",
    "address": "an address",
    "time": "a time",
    "flag": "true or false",
}
_EXAMPLES = {
    "number": "a number",
    "text": 'a text in quotes ("...")',
    "address": "an address or a network, such as 192.0.2.0/24,",
    "time": "a time, such as 12:30 or 2012-03-01T12:30:00,",
    "flag": "true or false",
}
