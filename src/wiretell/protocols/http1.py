"""HTTP/1.0 and HTTP/1.1 messages: RFC 9110, RFC 9112; cookies: RFC 6265."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from wiretell.protocols.fields import Fields, read_fields
from wiretell.protocols.text import text

MAX_MESSAGES = 32
"""Pipelined or successive messages read from one payload."""
MAX_COOKIES = 32
"""Cookies read from one request."""

_REQUEST_LINE = re.compile(rb"([A-Z-]{3,20}) ([^ \r\n]{1,8192}) HTTP/1\.[01]\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]{0,512})?\r?\n")
_DIGITS = re.compile(rb"[0-9]{1,12}\Z")
_MONTHS = b"JanFebMarAprMayJunJulAugSepOctNovDec"
_DATE = re.compile(
    rb"[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT\Z"
)
_AUTHORITY = re.compile(rb"[a-zA-Z][a-zA-Z0-9+.-]{0,15}://(?:[^/?#@]{0,256}@)?([^/?#]{1,256})")


@dataclass(frozen=True, slots=True)
class Request:
    """One request; a field is `None` where it is absent, `method` empty where its line was missed.

    `user_agent_cut`: the User-Agent's line does not end within the payload.
    """

    method: str
    target: str
    host: str | None
    user_agent: str | None
    user_agent_cut: bool
    cookies: tuple[tuple[bytes, bytes], ...]
    referer_host: str | None
    via: str | None
    forwarded_for: str | None


@dataclass(frozen=True, slots=True)
class Response:
    """One response: its status and what its server says of itself.

    `date_s`: its Date as seconds since 1970 UTC; `None` where absent or not an IMF-fixdate.
    """

    status: int
    server: str | None
    via: str | None
    date_s: int | None


def requests(payload: bytes) -> list[Request]:
    """The requests in one side's first bytes, in order.

    A payload that begins inside a header (the connection was picked up midway) gives that header
    as a request without a method, if it is made of nothing but proper fields.
    """
    found: list[Request] = []
    at = 0
    while at < len(payload) and len(found) < MAX_MESSAGES:
        line = _REQUEST_LINE.match(payload, at)
        if line is None:
            if at > 0:
                break
            at = payload.find(b"\n") + 1
            fields = read_fields(payload, at)
            if at == 0 or not fields.whole or not fields.proper:
                break
            method, target = b"", b""
        else:
            method, target = line.group(1), line.group(2)
            fields = read_fields(payload, line.end())
        found.append(_request(method, target, fields))
        if not fields.whole:
            break
        at = fields.end + _body_bytes(fields)
    return found


def responses(payload: bytes) -> list[Response]:
    """The responses in one side's first bytes, as far as their bodies' lengths are announced."""
    found: list[Response] = []
    at = 0
    while at < len(payload) and len(found) < MAX_MESSAGES:
        line = _STATUS_LINE.match(payload, at)
        if line is None:
            break
        fields = read_fields(payload, line.end())
        found.append(
            Response(
                status=int(line.group(1)),
                server=_value(fields, b"server"),
                via=_value(fields, b"via"),
                date_s=_date_s(fields.first(b"date") or b""),
            )
        )
        if not fields.whole:
            break
        at = fields.end + _body_bytes(fields)
    return found


def _request(method: bytes, target: bytes, fields: Fields) -> Request:
    referer = fields.first(b"referer")
    authority = _AUTHORITY.match(referer) if referer else None
    return Request(
        method=text(method),
        target=text(target),
        host=_value(fields, b"host"),
        user_agent=_value(fields, b"user-agent", cut_too=True),
        user_agent_cut=fields.cut == b"user-agent",
        cookies=_cookies(fields),
        referer_host=text(authority.group(1)).lower() if authority else None,
        via=_value(fields, b"via"),
        forwarded_for=_value(fields, b"x-forwarded-for"),
    )


def _value(fields: Fields, name: bytes, *, cut_too: bool = False) -> str | None:
    value = fields.first(name)
    if not value or (fields.cut == name and not cut_too):
        return None
    return text(value)


def _cookies(fields: Fields) -> tuple[tuple[bytes, bytes], ...]:
    """Name and value of each cookie; the last is left out where its line is cut."""
    pairs: list[bytes] = []
    for line in fields.values.get(b"cookie", ()):
        pairs.extend(line.split(b";", MAX_COOKIES + 1)[:MAX_COOKIES])
    if fields.cut == b"cookie" and pairs:
        pairs.pop()
    split = (pair.strip().partition(b"=") for pair in pairs[:MAX_COOKIES])
    return tuple((name, value) for name, equals, value in split if equals and name)


def _date_s(value: bytes) -> int | None:
    """Seconds since 1970 of an IMF-fixdate (RFC 9110 section 5.6.7)."""
    parts = _DATE.match(value)
    if parts is None or _MONTHS.find(parts.group(2)) % 3:
        return None
    day, year, hour, minute, second = (int(parts.group(i)) for i in (1, 3, 4, 5, 6))
    month = _MONTHS.find(parts.group(2)) // 3 + 1
    try:
        return int(
            datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC).timestamp()
        )
    except ValueError:
        return None


def _body_bytes(fields: Fields) -> int:
    """Length of the body as announced; 0 for a chunked one: what follows is then no message."""
    length = fields.first(b"content-length")
    return int(length) if length and _DIGITS.match(length) else 0
