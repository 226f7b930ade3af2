from __future__ import annotations

import struct

from wiretell.protocols import netbios
from wiretell.protocols.netbios import Name


def encoded(name: bytes, suffix: int) -> bytes:
    raw = name.ljust(15) + bytes([suffix])
    return bytes(letter for byte in raw for letter in (0x41 + (byte >> 4), 0x41 + (byte & 15)))


def packet(flags: int, counts: tuple[int, int, int, int], rest: bytes) -> bytes:
    return struct.pack(">6H", 1, flags, *counts) + rest


def registration(group: bool) -> bytes:
    question = b"\x20" + encoded(b"DESKTOP-1", 0) + b"\x00" + struct.pack(">HH", 0x20, 1)
    record = b"\xc0\x0c" + struct.pack(">HHIHH", 0x20, 1, 60, 6, 0x8000 if group else 0)
    return packet(0x2910, (1, 0, 0, 1), question + record + bytes([10, 0, 0, 1]))


def test_registered_names() -> None:
    assert netbios.own_names(registration(group=False)) == [Name("DESKTOP-1", 0, False)]
    assert netbios.own_names(registration(group=True)) == [Name("DESKTOP-1", 0, True)]
    assert str(Name("DESKTOP-1", 0x1D, False)) == "DESKTOP-1<1d>"


def test_query_is_about_another_machine() -> None:
    query = packet(
        0x0110, (1, 0, 0, 0), b"\x20" + encoded(b"FILES", 0x20) + b"\x00\x00\x20\x00\x01"
    )
    assert netbios.own_names(query) == []
    assert netbios.queried_name(query) == Name("FILES", 0x20, False)
    assert netbios.queried_name(registration(group=False)) is None


def test_node_status_lists_own_names() -> None:
    names = b"\x02" + b"BOX".ljust(15) + b"\x00\x04\x00" + b"HOME".ljust(15) + b"\x00\x84\x00"
    owner = b"\x20" + encoded(b"*", 0) + b"\x00"
    record = owner + struct.pack(">HHIH", 0x21, 1, 0, len(names)) + names
    found = netbios.own_names(packet(0x8400, (0, 1, 0, 0), record))
    assert found == [Name("BOX", 0, False), Name("HOME", 0, True)]


def test_source_of_a_datagram() -> None:
    data = b"\x11" + bytes(13) + b"\x20" + encoded(b"LAPTOP", 0x20) + b"\x00"
    assert netbios.datagram_source(data) == Name("LAPTOP", 0x20, False)
    assert netbios.datagram_source(data[:30]) is None
    assert netbios.datagram_source(b"\x13" + data[1:]) is None


def test_letters_outside_the_encoding_are_no_name() -> None:
    assert netbios.decode_name(b"Q" * 32) is None
    assert netbios.decode_name(b"A" * 31) is None
