"""NetBIOS over UDP: names (port 137) and datagrams (port 138): RFC 1001, RFC 1002."""

from __future__ import annotations

from dataclasses import dataclass

from wiretell.protocols.cursor import Cursor, ShortError
from wiretell.protocols.text import text

REGISTRATION, RELEASE, REFRESH, REFRESH_ALTERNATE, MULTIHOMED_REGISTRATION = 5, 6, 8, 9, 15
"""Opcodes by which a machine speaks of a name of its own."""
OWN_NAME_OPCODES = (REGISTRATION, RELEASE, REFRESH, REFRESH_ALTERNATE, MULTIHOMED_REGISTRATION)

_NODE_STATUS = 0x21
_GROUP = 0x8000
_DATAGRAM_TYPES = (0x10, 0x11, 0x12)
_MAX_NAMES = 64


@dataclass(frozen=True, slots=True)
class Name:
    """A NetBIOS name: up to 15 characters, the kind of service, unique or a group's."""

    name: str
    suffix: int
    group: bool

    def __str__(self) -> str:
        """As Windows' own tools write it: NAME<1d>."""
        return f"{self.name}<{self.suffix:02x}>"


def decode_name(encoded: bytes, *, group: bool = False) -> Name | None:
    """A first-level encoded name: 32 letters A to P, two to a byte (RFC 1001 section 14.1)."""
    if len(encoded) != 32 or any(not 0x41 <= letter <= 0x50 for letter in encoded):
        return None
    pairs = zip(encoded[::2], encoded[1::2], strict=True)
    return _name(bytes((high - 0x41) << 4 | (low - 0x41) for high, low in pairs), group)


def own_names(data: bytes) -> list[Name]:
    """Names of the sender in a name service packet: it registers, refreshes, releases or lists."""
    at = Cursor(data, 2)
    try:
        flags = at.u16()
        n_questions, n_answers, _, _ = (at.u16() for _ in range(4))
        response, opcode = flags >> 15, flags >> 11 & 15
        if not response and opcode in OWN_NAME_OPCODES and n_questions:
            return _registered(at)
        if response and opcode == 0 and n_answers:
            return _listed(at)
    except ShortError:
        pass
    return []


def queried_name(data: bytes) -> Name | None:
    """The name another machine is asked for; `None` in any other packet."""
    at = Cursor(data, 2)
    try:
        flags = at.u16()
        n_questions = at.u16()
        at.take(6)
        return _encoded(at, group=False) if flags >> 11 == 0 and n_questions else None
    except ShortError:
        return None


def datagram_source(data: bytes) -> Name | None:
    """The sender's own name in a datagram service packet (RFC 1002 section 4.4)."""
    at = Cursor(data)
    try:
        kind = at.u8()
        at.take(13)  # flags, id, source address and port, length, offset
        return _encoded(at, group=False) if kind in _DATAGRAM_TYPES else None
    except ShortError:
        return None


def _registered(at: Cursor) -> list[Name]:
    """The name asked about; whether it is a group's stands in the additional record."""
    encoded = at.vector8()
    _skip_labels(at)
    at.take(4)  # type, class
    try:
        _skip_labels(at)
        at.take(10)  # type, class, time to live, length
        group = bool(at.u16() & _GROUP)
    except ShortError:
        group = False
    name = decode_name(encoded, group=group)
    return [name] if name else []


def _listed(at: Cursor) -> list[Name]:
    """The names of a node status response."""
    _skip_labels(at)
    if at.u16() != _NODE_STATUS:
        return []
    at.take(8)  # class, time to live, length
    names: list[Name] = []
    try:
        for _ in range(min(at.u8(), _MAX_NAMES)):
            raw = at.take(16)
            names.append(_name(raw, bool(at.u16() & _GROUP)))
    except ShortError:
        pass
    return names


def _encoded(at: Cursor, *, group: bool) -> Name | None:
    return decode_name(at.vector8(), group=group)


def _skip_labels(at: Cursor) -> None:
    """Passes over a name: labels up to the root or a pointer."""
    while length := at.u8():
        if length >= 0xC0:
            at.u8()
            return
        at.take(length)


def _name(raw: bytes, group: bool) -> Name:
    return Name(text(raw[:15].rstrip(b" \x00")), raw[15], group)
