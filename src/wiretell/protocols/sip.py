"""SIP messages: RFC 3261."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wiretell.protocols.fields import read_fields
from wiretell.protocols.text import text

_START = re.compile(
    rb"(?:[A-Z]{3,10} sips?:[^ \r\n]{1,512} SIP/2\.0|SIP/2\.0 [1-6][0-9]{2}[^\r\n]*)\r?\n"
)
_URI = re.compile(rb"sips?:[^>;,\s\"]{1,256}")


@dataclass(frozen=True, slots=True)
class Message:
    """What a SIP message says of its sender; `request` is false for responses."""

    request: bool
    user_agent: str | None
    call_id: str | None
    contact: str | None


def parse(data: bytes) -> Message | None:
    """Reads the first message of a datagram or stream; `None` where it is not SIP."""
    start = _START.match(data)
    if start is None:
        return None
    fields = read_fields(data, start.end())

    def value(*names: bytes) -> bytes:
        return next((v for n in names if n != fields.cut and (v := fields.first(n))), b"")

    contact = _URI.search(value(b"contact", b"m"))
    return Message(
        request=not data.startswith(b"SIP/"),
        user_agent=text(value(b"user-agent", b"server")) or None,
        call_id=text(value(b"call-id", b"i")) or None,
        contact=text(contact.group()) if contact else None,
    )
