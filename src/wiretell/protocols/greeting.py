"""First lines of SMTP (RFC 5321), FTP (RFC 959), POP3 (RFC 1939) and IMAP (RFC 9051)."""

from __future__ import annotations

import re

from wiretell.protocols.text import text

_HELLO = re.compile(rb"(?:EHLO|HELO|LHLO) ([^\r\n]{1,255})\r?\n", re.IGNORECASE)
_BANNER = re.compile(rb"(?:220[ -]|\+OK|\* OK|\* PREAUTH)([^\r\n]{1,512})\r?\n")


def helo(payload: bytes) -> str | None:
    """The name a mail client gives itself; `None` where its first bytes hold no whole one.

    It is looked for at the start, and after a first line that was something else.
    """
    found = _HELLO.match(payload) or _HELLO.match(payload, payload.find(b"\n") + 1)
    return text(found.group(1).strip()) or None if found else None


def banner(payload: bytes) -> str | None:
    """What a server says when a connection opens, without the reply code."""
    found = _BANNER.match(payload)
    return text(found.group(1).strip()) or None if found else None
