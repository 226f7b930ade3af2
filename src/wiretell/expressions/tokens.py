"""Expressions cut into words, texts in quotes, and signs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from wiretell.expressions.error import ExpressionError

MAX_CHARACTERS = 10_000
MAX_TOKENS = 1_000

SIGNS = ("==", "!=", "<=", ">=", "&&", "||", "(", ")", ",", "=", "<", ">", "!")
_SAME = {"==": "=", "&&": "and", "||": "or", "!": "not"}
"""Other ways to write an operator, as tcpdump and Wireshark have them."""
KEYWORDS = frozenset({"and", "or", "not", "in", "has", "matches"})
_WORD = re.compile(r"""[^\s()'",=!<>&|]+""")

TokenKind = Literal["word", "text", "sign", "end"]


@dataclass(frozen=True)
class Token:
    """A piece of the expression: `value` is what it says, `at` and `length` where it stands.

    Keywords are signs; a text is without its quotes.
    """

    kind: TokenKind
    value: str
    at: int
    length: int


def tokens(text: str) -> list[Token]:
    """All tokens, an `end` last. Raises ExpressionError: too long, an odd sign, an open quote."""
    if len(text) > MAX_CHARACTERS:
        message = f"longer than {MAX_CHARACTERS} characters"
        raise ExpressionError(text, MAX_CHARACTERS, 1, message)
    found: list[Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        token = _token(text, at)
        found.append(token)
        at += token.length
        if len(found) > MAX_TOKENS:
            message = f"more than {MAX_TOKENS} words and signs"
            raise ExpressionError(text, token.at, token.length, message)
    return [*found, Token("end", "", len(text), 0)]


def _token(text: str, at: int) -> Token:
    if text[at] in "\"'":
        return _quoted(text, at)
    for sign in SIGNS:
        if text.startswith(sign, at):
            return Token("sign", _SAME.get(sign, sign), at, len(sign))
    word = _WORD.match(text, at)
    if word is None:
        raise ExpressionError(text, at, 1, f"{text[at]!r} means nothing here")
    value = word[0]
    if value.lower() in KEYWORDS:
        return Token("sign", value.lower(), at, len(value))
    return Token("word", value, at, len(value))


def _quoted(text: str, at: int) -> Token:
    """A text in quotes; a quote within it is written twice, a backslash is one."""
    quote = text[at]
    parts: list[str] = []
    start = at + 1
    while True:
        end = text.find(quote, start)
        if end < 0:
            raise ExpressionError(text, at, len(text) - at, f"the text has no closing {quote}")
        parts.append(text[start:end])
        if not text.startswith(quote, end + 1):
            return Token("text", quote.join(parts), at, end + 1 - at)
        start = end + 2
