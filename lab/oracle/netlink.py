"""Netlink messages of the netfilter subsystems, as far as the oracle needs them.

Layouts: `linux/netlink.h`, `linux/netfilter/nfnetlink.h` (the kernel's interface to programs).
Integers of the netlink header are in the machine's byte order, netfilter's own are big-endian.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

NETLINK_NETFILTER = 12
REQUEST, ACK = 0x1, 0x4
ERROR, DONE = 2, 3
_NESTED, _TYPE_MASK = 0x8000, 0x3FFF
_HEADER = struct.Struct("=IHHII")
_FAMILY = struct.Struct("!BBH")


@dataclass(frozen=True, slots=True)
class Message:
    """One message: subsystem and its message type, resource (a log group), attributes."""

    kind: int
    seq: int
    resource: int
    attributes: memoryview


def message(subsystem: int, what: int, flags: int, seq: int, family: int, resource: int,
            attributes: bytes = b"") -> bytes:  # fmt: skip
    """A whole message, ready to be sent."""
    body = _FAMILY.pack(family, 0, resource) + attributes
    return _HEADER.pack(16 + len(body), subsystem << 8 | what, REQUEST | flags, seq, 0) + body


def attribute(kind: int, value: bytes, *, nested: bool = False) -> bytes:
    """One attribute, padded to four bytes."""
    kind |= _NESTED if nested else 0
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def attributes(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """(type without its flags, value) of each attribute; ends at the first that is cut."""
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        if size < 4 or size > len(data):
            return
        yield kind & _TYPE_MASK, data[4:size]
        data = data[(size + 3) & ~3 :]


def messages(data: bytes) -> Iterator[Message]:
    """The messages of one datagram. Raises OSError for one that reports an error.

    An acknowledgement is a message of kind `ERROR`, the end of a dump one of kind `DONE`.
    """
    view = memoryview(data)
    while len(view) >= 16:
        size, kind, _, seq, _ = _HEADER.unpack_from(view)
        if size < 16 or size > len(view):
            return
        body = view[16:size]
        if kind in (ERROR, DONE):
            (code,) = struct.unpack_from("=i", body) if len(body) >= 4 else (0,)
            if code < 0:
                raise OSError(-code, f"netfilter: {os.strerror(-code)}")
            yield Message(kind, seq, 0, body[:0])
        elif len(body) >= 4:
            yield Message(kind, seq, _FAMILY.unpack_from(body)[2], body[4:])
        view = view[(size + 3) & ~3 :]
