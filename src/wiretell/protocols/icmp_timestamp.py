"""ICMP timestamp messages: RFC 792, types 13 and 14."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from wiretell.protocols.internet_checksum import internet_checksum

REQUEST, REPLY = 13, 14
DAY_MS = 86_400_000
"""Stamps are milliseconds since midnight UTC."""
Order = Literal["big", "little"]
_MESSAGE = struct.Struct("!BBHHHIII")


@dataclass(frozen=True, slots=True)
class Timestamps:
    """A message of type 13 or 14; the stamps as they stand in it."""

    kind: int
    identifier: int
    sequence: int
    originate: int
    receive: int
    transmit: int


def request(identifier: int, sequence: int, originate: int) -> bytes:
    """A request with its checksum; numbers are taken modulo their width."""
    fields = (identifier & 0xFFFF, sequence & 0xFFFF, originate & 0xFFFF_FFFF, 0, 0)
    checksum = internet_checksum(_MESSAGE.pack(REQUEST, 0, 0, *fields))
    return _MESSAGE.pack(REQUEST, 0, checksum, *fields)


def parse(data: bytes) -> Timestamps | None:
    """Reads an ICMP message; None where it is of another type, cut or corrupt."""
    if len(data) < _MESSAGE.size or data[0] not in (REQUEST, REPLY) or data[1] != 0:
        return None
    if internet_checksum(data[: _MESSAGE.size]) != 0:
        return None
    kind, _, _, identifier, sequence, *stamps = _MESSAGE.unpack_from(data)
    return Timestamps(kind, identifier, sequence, *stamps)


def day_ms(stamp: int, order: Order) -> int | None:
    """Milliseconds since midnight, of a host that writes them so; None where it is no such time.

    RFC 792 asks for big-endian; some stacks send their own order. The standard's mark for clocks
    of another unit, the highest bit, gives no time in big-endian order.
    """
    value = int.from_bytes(stamp.to_bytes(4, "big"), order)
    return value if value < DAY_MS else None
