from __future__ import annotations

import struct

from wiretell.protocols import stun


def stun_message(kind: int, *attributes: tuple[int, bytes]) -> bytes:
    body = b"".join(
        struct.pack(">HH", code, len(data)) + data + bytes(-len(data) % 4)
        for code, data in attributes
    )
    return struct.pack(">HHI", kind, len(body), stun.MAGIC_COOKIE) + bytes(range(12)) + body


def test_stun_response_of_rfc_5769_section_2_2() -> None:
    # RFC 5769's transaction id and attributes: 192.0.2.1 port 32853, software "test vector".
    key = bytes.fromhex("2112a442b7e7a701bc34d686fa87dfae")
    attributes = bytes.fromhex("8022000b7465737420766563746f7220002000080001a147e112a643")
    data = b"\x01\x01" + len(attributes).to_bytes(2, "big") + key + attributes
    assert stun.parse(data) == stun.Message(True, "192.0.2.1 32853", "test vector")


def test_stun_mapped_address_of_older_servers_and_requests() -> None:
    plain = (0x0001, b"\x00\x01\x12\x34\xc0\x00\x02\x07")
    assert stun.parse(stun_message(0x0101, plain)) == stun.Message(True, "192.0.2.7 4660", None)
    assert stun.parse(stun_message(0x0001, plain)) == stun.Message(False, None, None)
    assert stun.parse(bytes(20)) is None
