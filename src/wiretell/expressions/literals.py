"""Values in expressions: numbers, addresses, networks, times."""

from __future__ import annotations

import ipaddress
import math
import re
from datetime import UTC, datetime

import polars as pl

from wiretell.expressions.column import Kind
from wiretell.expressions.syntax import TimeOfDay, Value

MAX_PATTERN = 1_000
"""Characters of a regular expression."""
_INT_LIMIT = 2**63
_NS = 1_000_000_000
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?", re.ASCII)
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](.+?))?(?:Z|UTC)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d[\d_]*)(\.\d+)?(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_HEX = re.compile(r"0x[0-9a-f]{1,16}", re.ASCII | re.IGNORECASE)
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def literal(kind: Kind, word: str, *, is_quoted: bool) -> Value:
    """The value that `word` is for a column of that kind. Raises ValueError, in words."""
    if kind == "text":
        return word
    if kind == "number":
        if is_quoted:
            raise ValueError(f'write {word!r} without quotes, as in "ttl = 64"')
        return _number(word)
    if kind == "address":
        return _address(word)
    if kind == "time":
        return _time(word)
    if word.lower() not in _FLAGS:
        raise ValueError(f"{word!r} is neither true nor false")
    return _FLAGS[word.lower()]


def checked_pattern(pattern: str) -> str | None:
    """What is wrong with a regular expression; None: nothing.

    It is Rust's `regex`, whose time is linear in the text: no look-around, no back-references.
    """
    if len(pattern) > MAX_PATTERN:
        return f"a pattern has at most {MAX_PATTERN} characters"
    try:
        pl.select(pl.lit("").str.contains(pattern))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        told = [line for line in lines if line.startswith("error:")] or lines[:1]
        return f"not a regular expression ({' '.join(told)[:200]})"
    return None


def _number(word: str) -> int | float:
    if _HEX.fullmatch(word):
        value = int(word, 16)
        return value if value < _INT_LIMIT else float(value)
    matched = _NUMBER.fullmatch(word)
    if matched is None or len(word) > 40:
        raise ValueError(f"{word[:40]!r} is no number")
    if matched[2] or matched[3]:
        number = float(word.replace("_", ""))
        if not math.isfinite(number):
            raise ValueError(f"{word!r} is too large")
        return number
    whole = int(word.replace("_", ""))
    return whole if abs(whole) < _INT_LIMIT else float(whole)


def _address(word: str) -> Value:
    try:
        if "/" in word:
            return ipaddress.ip_network(word, strict=False)
        return ipaddress.ip_address(word)
    except ValueError:
        raise ValueError(f"{word[:60]!r} is no address and no network") from None


def _time(word: str) -> int | TimeOfDay:
    clock = _CLOCK.fullmatch(word)
    if clock is not None:
        return TimeOfDay(_clock_ns(word, clock))
    dated = _DATE.fullmatch(word)
    if dated is None:
        raise ValueError(f"{word[:40]!r} is no time; write 12:30, 12:30:05.2 or 2012-03-01T12:30")
    try:
        day = datetime.fromisoformat(dated[1]).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"{dated[1]} is no date") from None
    midnight_ns = (day - datetime(1970, 1, 1, tzinfo=UTC)).days * 86_400 * _NS
    if dated[2] is None:
        ns = midnight_ns
    else:
        clock = _CLOCK.fullmatch(dated[2])
        if clock is None:
            raise ValueError(f"{dated[2][:40]!r} is no time of day")
        ns = midnight_ns + _clock_ns(dated[2], clock)
    if not -_INT_LIMIT < ns < _INT_LIMIT:
        raise ValueError(f"{dated[1]} is too far from today")
    return ns


def _clock_ns(word: str, clock: re.Match[str]) -> int:
    hour, minute, second = int(clock[1]), int(clock[2]), int(clock[3] or 0)
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError(f"{word} is no time of day")
    return ((hour * 60 + minute) * 60 + second) * _NS + int((clock[4] or "0").ljust(9, "0"))
