"""What a kernel is fed of a frame, and what it cannot be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_ip import RAW, tcp_frame, udp_frame

from lab.oracle.datagrams import Ends, datagram
from lab.oracle.segment import icmp_packet
from lab.superpose.frames import Frame


def _read(data: bytes, link_type: int = RAW):
    return datagram(1, Frame(0, data, len(data), link_type))


def test_a_cut_packet_is_filled_up_and_its_header_made_right() -> None:
    whole = tcp_frame(payload=b"x" * 100)
    read = _read(whole[:60])
    assert len(read.data) == len(whole)
    assert read.data[:10] == whole[:10] and read.data[20:60] == whole[20:60]
    assert not any(read.data[60:])
    assert int.from_bytes(read.data[:20], "big") % 0xFFFF == 0


def test_a_dying_packet_lives_on() -> None:
    data = bytearray(tcp_frame())
    data[8] = 1
    assert _read(bytes(data)).data[8] == 64


@pytest.mark.parametrize(
    ("src", "dst", "trouble"),
    [
        ("192.0.2.1", "224.0.0.251", "multicast"),
        ("0.0.0.0", "192.0.2.1", "no_address"),
        ("192.0.2.1", "255.255.255.255", "broadcast"),
        ("127.0.0.1", "127.0.0.1", ""),
    ],
)
def test_what_is_not_forwarded_is_named(src: str, dst: str, trouble: str) -> None:
    assert _read(udp_frame(src=src, dst=dst)).trouble == trouble


def test_frames_without_ip_and_broken_headers_are_named() -> None:
    assert _read(bytes(12) + b"\x08\x06" + bytes(28), 1).trouble == "not_ip"
    assert _read(b"\x45" + bytes(7)).trouble == "bad_ip_header"
    assert _read(b"").trouble == "not_ip"
    fragment = bytearray(udp_frame())
    fragment[6:8] = b"\x20\x00"
    assert _read(bytes(fragment)).trouble == "fragment"


def test_an_error_tells_whom_it_is_about() -> None:
    inner = udp_frame(src="10.0.0.1", dst="192.0.2.9", sport=7, dport=53)
    read = _read(icmp_packet(bytes((192, 0, 2, 9)), bytes((10, 0, 0, 1)), 3, 3, bytes(4) + inner))
    assert read.ends is None
    assert read.quoted == Ends(bytes((10, 0, 0, 1)), bytes((192, 0, 2, 9)), 17, 7, 53)


def test_both_ways_of_a_connection_have_one_key() -> None:
    there = Ends(b"\x0a\0\0\1", b"\xc0\0\2\1", 6, 9, 80)
    back = Ends(there.dst, there.src, 6, 80, 9)
    assert there.entry_key == back.entry_key
    echo = Ends(b"\x0a\0\0\1", b"\xc0\0\2\1", 1, 77, 8 << 8)
    answer = Ends(echo.dst, echo.src, 1, 77, 0)
    assert echo.entry_key == answer.entry_key != there.entry_key


@given(st.binary(max_size=120), st.sampled_from((0, 1, 101, 113, 276, 105)))
def test_any_bytes_are_read(data: bytes, link_type: int) -> None:
    read = _read(data, link_type)
    assert bool(read.data) or bool(read.trouble)
