from __future__ import annotations

import struct

import pytest

from wiretell.protocols import dns
from wiretell.protocols.cursor import Cursor, ShortError


def name(text: str) -> bytes:
    return b"".join(bytes([len(p)]) + p.encode() for p in text.split(".") if p) + b"\x00"


def header(flags: int, *counts: int) -> bytes:
    return struct.pack(">6H", 7, flags, *counts)


def record(owner: bytes, kind: int, data: bytes) -> bytes:
    return owner + struct.pack(">HHIH", kind, 1, 60, len(data)) + data


def test_answer_with_compressed_names() -> None:
    data = header(0x8180, 1, 4, 0, 1) + name("www.example.org") + b"\x00\x01\x00\x01"
    data += record(b"\xc0\x0c", dns.CNAME, b"\x03cdn\xc0\x10")
    data += record(b"\xc0\x2d", dns.A, bytes([192, 0, 2, 7]))
    data += record(b"\xc0\x2d", dns.AAAA, bytes.fromhex("20010db8") + bytes(11) + b"\x01")
    data += record(b"\xc0\x2d", dns.SRV, bytes(6) + name("box.local"))
    data += record(b"\xc0\x0c", dns.TXT, b"\x03a=1\x03b=2")
    message = dns.parse(data)
    assert message is not None
    assert message.whole
    assert message.response
    assert message.questions == (dns.Question("www.example.org", dns.A),)
    assert message.answers == (
        dns.Record("www.example.org", dns.CNAME, "cdn.example.org"),
        dns.Record("cdn.example.org", dns.A, "192.0.2.7"),
        dns.Record("cdn.example.org", dns.AAAA, "2001:db8::1"),
        dns.Record("cdn.example.org", dns.SRV, "box.local"),
    )
    assert message.additional == (dns.Record("www.example.org", dns.TXT, "a=1 b=2"),)


def test_pointer_loops_end() -> None:
    for loop in (b"\xc0\x0c", b"\x01a\xc0\x0c", b"\xc0\x0e\xc0\x0c", b"\xc0\xff"):
        message = dns.parse(header(0x0100, 1, 0, 0, 0) + loop + b"\x00\x01\x00\x01")
        assert message is not None
        assert message.questions == ()
        assert not message.whole


def test_cut_message_keeps_the_records_before_the_cut() -> None:
    data = header(0x8180, 1, 2, 0, 0) + name("a.example") + b"\x00\x01\x00\x01"
    data += record(b"\xc0\x0c", dns.A, bytes([192, 0, 2, 1]))
    data += record(b"\xc0\x0c", dns.A, bytes([192, 0, 2, 2]))
    message = dns.parse(data[:-1])
    assert message is not None
    assert [answer.value for answer in message.answers] == ["192.0.2.1"]
    assert not message.whole


def test_dots_within_a_label_are_escaped() -> None:
    assert dns.read_name(Cursor(b"\x04a.b\\\x01c\x00")) == "a\\.b\\\\.c"


def test_names_longer_than_255_bytes_are_refused() -> None:
    with pytest.raises(ShortError):
        dns.read_name(Cursor((b"\x3f" + b"a" * 63) * 4 + b"\x00"))


def test_root_is_the_empty_name() -> None:
    assert dns.read_name(Cursor(b"\x00")) == ""


def test_counts_that_lie_are_bounded_by_the_bytes() -> None:
    message = dns.parse(
        header(0x8000, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF) + b"\x00\x00\x01\x00\x01" * 500
    )
    assert message is not None
    assert len(message.questions) == dns.MAX_RECORDS
    assert not message.whole
    assert dns.parse(bytes(11)) is None
