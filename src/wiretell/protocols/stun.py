"""STUN messages with the magic cookie: RFC 8489."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from wiretell.protocols.cursor import Cursor, ShortError
from wiretell.protocols.text import text

MAGIC_COOKIE = 0x2112A442

_MAPPED_ADDRESS, _XOR_MAPPED_ADDRESS, _SOFTWARE = 0x0001, 0x0020, 0x8022
_CLASS_BITS, _SUCCESS = 0x0110, 0x0100


@dataclass(frozen=True, slots=True)
class Message:
    """`mapped`: in a success response, "ADDRESS PORT" of the asker as the server saw it."""

    success: bool
    mapped: str | None
    software: str | None


def parse(data: bytes) -> Message | None:
    """Reads one message; attributes as far as they go."""
    at = Cursor(data)
    mapped = software = None
    try:
        kind = at.u16()
        at.u16()  # length
        key = at.take(16)  # cookie and transaction id
        if kind & 0xC000 or int.from_bytes(key[:4], "big") != MAGIC_COOKIE:
            return None
    except ShortError:
        return None
    try:
        while at.left:
            code, value = at.u16(), at.vector16()
            if code == _SOFTWARE:
                software = text(value)
            elif code == _XOR_MAPPED_ADDRESS or (code == _MAPPED_ADDRESS and mapped is None):
                mapped = _address(value, key if code == _XOR_MAPPED_ADDRESS else bytes(16))
            at.take(min(-len(value) % 4, at.left))
    except ShortError:
        pass
    success = kind & _CLASS_BITS == _SUCCESS
    return Message(success, mapped if success else None, software)


def _address(value: bytes, key: bytes) -> str | None:
    """Address and port, each XORed with the start of `key` (RFC 8489 section 14.2)."""
    if len(value) not in (8, 20):
        return None
    port = int.from_bytes(value[2:4], "big") ^ int.from_bytes(key[:2], "big")
    raw = bytes(a ^ b for a, b in zip(value[4:], key, strict=False))
    address = IPv4Address(raw) if len(raw) == 4 else IPv6Address(raw)
    return f"{address} {port}"
