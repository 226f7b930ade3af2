"""What clients say first: TLS hellos and HTTP requests, so that their readers have work to do."""

from __future__ import annotations

import struct
from collections.abc import Iterable


def _sized(data: bytes, n_bytes: int = 2) -> bytes:
    return len(data).to_bytes(n_bytes, "big") + data


def _words(values: Iterable[int]) -> bytes:
    return b"".join(struct.pack(">H", value) for value in values)


def client_hello(name: str, ciphers: Iterable[int], protocols: Iterable[str]) -> bytes:
    """One TLS record with a ClientHello: server name, groups, signatures, versions, ALPN.

    RFC 8446 section 4.1.2, RFC 6066 section 3, RFC 7301 section 3.1.
    """
    extensions = {
        0: _sized(b"\0" + _sized(name.encode())),
        10: _sized(_words((29, 23, 24))),
        13: _sized(_words((0x0403, 0x0804, 0x0401))),
        16: _sized(b"".join(_sized(protocol.encode(), 1) for protocol in protocols)),
        43: _sized(_words((0x0304, 0x0303)), 1),
    }
    body = b"\x03\x03" + bytes(range(32)) + _sized(b"", 1)
    body += _sized(_words(ciphers)) + _sized(b"\0", 1)
    body += _sized(b"".join(_words((kind,)) + _sized(data) for kind, data in extensions.items()))
    return b"\x16\x03\x01" + _sized(b"\x01" + _sized(body, 3))


_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 13_6 like Mac OS X) AppleWebKit/605.1.15",
    "Mozilla/5.0 (Windows NT 6.1; Win64; x64) AppleWebKit/537.36 Chrome/109.0.0.0",
)
TEXTS = (
    client_hello("a.example", (0x1301, 0x1303, 0xC02B, 0xC02F), ("h2", "http/1.1")),
    client_hello("b.example", (0x1301, 0x1302, 0x1303, 0xC02C, 0xC02B), ("h2",)),
    client_hello("c.example", (0xC02F, 0xC030, 0x009C, 0x002F), ("http/1.1",)),
    *(
        f"GET /index.html HTTP/1.1\r\nHost: d.example\r\nUser-Agent: {agent}\r\n\r\n".encode()
        for agent in _AGENTS
    ),
)
"""Three TLS hellos, then three HTTP requests: one of each per kind of stack."""
