"""Text off the wire: UTF-8 where it is UTF-8, else Latin-1, so that no byte is lost or refused."""

from __future__ import annotations

MAX_TEXT = 512
"""Characters kept of any one text off the wire."""


def text(data: bytes, limit: int = MAX_TEXT) -> str:
    """At most `limit` characters of `data`, control characters kept as they are."""
    data = data[: 4 * limit]
    try:
        decoded = data.decode("utf-8")
    except UnicodeDecodeError:
        decoded = data.decode("latin-1")
    return decoded[:limit]
