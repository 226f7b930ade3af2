"""SSDP, the discovery of UPnP: UPnP Device Architecture 2.0 section 1."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wiretell.protocols.fields import Fields, read_fields
from wiretell.protocols.text import text

_START = re.compile(
    rb"(NOTIFY \* HTTP/1\.[01]|M-SEARCH \* HTTP/1\.[01]|HTTP/1\.[01] 200 [^\r\n]*)\r?\n"
)


@dataclass(frozen=True, slots=True)
class Announcement:
    """A notification, a search, or the answer to one; `None` where a field is absent.

    `search`: it asks; then `user_agent` speaks of the asker. Else `server` and `usn` (the unique
    service name, which holds the device's UUID) speak of the device that sent it.
    """

    search: bool
    server: str | None
    usn: str | None
    user_agent: str | None
    location: str | None


def parse(data: bytes) -> Announcement | None:
    """Reads one datagram; `None` where it is not SSDP."""
    start = _START.match(data)
    if start is None:
        return None
    fields = read_fields(data, start.end())
    return Announcement(
        search=data.startswith(b"M-SEARCH"),
        server=_value(fields, b"server"),
        usn=_value(fields, b"usn"),
        user_agent=_value(fields, b"user-agent"),
        location=_value(fields, b"location"),
    )


def _value(fields: Fields, name: bytes) -> str | None:
    value = fields.first(name)
    return text(value) if value and fields.cut != name else None
