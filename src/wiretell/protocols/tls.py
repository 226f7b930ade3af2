"""TLS hellos: RFC 8446, RFC 5246 (1.2), RFC 6066 (SNI), RFC 7301 (ALPN), RFC 5077 (tickets)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from wiretell.protocols.cursor import Cursor, ShortError
from wiretell.protocols.text import text

TLS_1_3 = 0x0304
HANDSHAKE_RECORD = 22
MAX_HANDSHAKE_BYTES = 65536
"""Handshake bytes put together from records; a longer hello is taken as cut."""

_CLIENT_HELLO, _SERVER_HELLO, _NEW_SESSION_TICKET = 1, 2, 4
_SNI, _GROUPS, _SIGNATURES, _ALPN = 0x0000, 0x000A, 0x000D, 0x0010
_TICKET, _PRE_SHARED_KEY, _VERSIONS = 0x0023, 0x0029, 0x002B
_MAX_IDENTITIES = 16


@dataclass(frozen=True, slots=True)
class ClientHello:
    """A ClientHello as sent: lists in wire order, GREASE values included.

    `version` is the handshake's own (legacy) one, `versions` the supported_versions extension.
    `cut`: it does not end within the payload; then `ciphers` and extensions may be incomplete.
    """

    version: int
    session_id: bytes
    ciphers: tuple[int, ...]
    extensions: tuple[int, ...]
    versions: tuple[int, ...]
    groups: tuple[int, ...]
    signature_algorithms: tuple[int, ...]
    alpn: tuple[bytes, ...]
    sni: str | None
    session_ticket: bytes
    psk_identities: tuple[bytes, ...]
    cut: bool


@dataclass(frozen=True, slots=True)
class ServerHello:
    """What the server answered: the version in force, its session id, and a ticket if it fits."""

    version: int
    session_id: bytes
    session_ticket: bytes


def is_grease(value: int) -> bool:
    """True for the reserved values of RFC 8701 (0x0a0a, 0x1a1a, ... 0xfafa)."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def client_hello(payload: bytes) -> ClientHello | None:
    """The ClientHello at the start of a TLS stream, over as many records as it takes."""
    return parse_client_hello(handshake_bytes(payload))


def server_hello(payload: bytes) -> ServerHello | None:
    """The ServerHello at the start of a TLS stream; `None` where it is not whole."""
    messages = Cursor(handshake_bytes(payload))
    hello: tuple[int, bytes] | None = None
    ticket = b""
    try:
        while messages.left:
            kind, body = messages.u8(), messages.take(messages.u24())
            if kind == _SERVER_HELLO and hello is None:
                hello = _server_hello_fields(body)
            elif kind == _NEW_SESSION_TICKET:
                ticket = Cursor(body, 4).vector16()
    except ShortError:
        pass
    return ServerHello(*hello, ticket) if hello else None


def handshake_bytes(payload: bytes) -> bytes:
    """The handshake messages of the leading records (a cut last record gives what is there)."""
    parts: list[bytes] = []
    at, size = 0, 0
    while len(payload) - at > 5 and payload[at] == HANDSHAKE_RECORD and payload[at + 1] == 3:
        length = payload[at + 3] << 8 | payload[at + 4]
        if length == 0 or size > MAX_HANDSHAKE_BYTES:
            break
        parts.append(payload[at + 5 : at + 5 + length])
        size += length
        at += 5 + length
    return parts[0] if len(parts) == 1 else b"".join(parts)


def parse_client_hello(message: bytes) -> ClientHello | None:
    """A ClientHello handshake message (type and 24-bit length first), as TLS and QUIC carry it."""
    if len(message) < 4 or message[0] != _CLIENT_HELLO:
        return None
    body_end = 4 + int.from_bytes(message[1:4], "big")
    body = Cursor(message, 4, body_end)
    try:
        version = body.u16()
        body.take(32)
        session_id = body.vector8()
        ciphers = _u16s(body.vector16())
        body.vector8()
    except ShortError:
        return None
    codes: list[int] = []
    content: dict[int, bytes] = {}
    cut = body_end > len(message)
    try:
        if body.left or cut:
            total = body.u16()
            cut = cut or total > body.left
            body.end = min(body.end, body.at + total)
        for code, value in body.fields16():
            content.setdefault(code, value)
            codes.append(code)
    except ShortError:
        cut = True
    return ClientHello(
        version=version,
        session_id=session_id,
        ciphers=ciphers,
        extensions=tuple(codes),
        versions=_u16s(content.get(_VERSIONS, b"")[1:]),
        groups=_u16s(content.get(_GROUPS, b"")[2:]),
        signature_algorithms=_u16s(content.get(_SIGNATURES, b"")[2:]),
        alpn=_alpn(content.get(_ALPN, b"")),
        sni=_sni(content.get(_SNI, b"")),
        session_ticket=content.get(_TICKET, b""),
        psk_identities=_psk_identities(content.get(_PRE_SHARED_KEY, b"")),
        cut=cut,
    )


def _u16s(data: bytes) -> tuple[int, ...]:
    n = len(data) // 2
    return struct.unpack_from(f">{n}H", data)


def _sni(data: bytes) -> str | None:
    entry = Cursor(data, 2)
    try:
        return text(entry.vector16(), 255) if entry.u8() == 0 else None
    except ShortError:
        return None


def _alpn(data: bytes) -> tuple[bytes, ...]:
    names: list[bytes] = []
    rest = Cursor(data, 2)
    try:
        while rest.left > 0:
            names.append(rest.vector8())
    except ShortError:
        pass
    return tuple(names)


def _psk_identities(data: bytes) -> tuple[bytes, ...]:
    identities: list[bytes] = []
    try:
        rest = Cursor(Cursor(data).vector16())
        while rest.left and len(identities) < _MAX_IDENTITIES:
            identities.append(rest.vector16())
            rest.u32()  # obfuscated_ticket_age
    except ShortError:
        pass
    return tuple(identities)


def _server_hello_fields(body: bytes) -> tuple[int, bytes] | None:
    fields = Cursor(body)
    try:
        version = fields.u16()
        fields.take(32)
        session_id = fields.vector8()
        fields.take(3)  # cipher suite, compression
    except ShortError:
        return None
    try:
        fields.u16()
        for code, value in fields.fields16():
            if code == _VERSIONS and len(value) == 2:
                version = int.from_bytes(value, "big")
    except ShortError:
        pass
    return version, session_id
