"""ICMP timestamp messages and TCP keep-alives: written as the RFCs say, read whatever comes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretell.protocols import icmp_timestamp, tcp_keepalive
from wiretell.protocols.internet_checksum import internet_checksum
from wiretell.protocols.tcp_keepalive import ACK, FIN, SYN, Connection


def test_the_checksum_is_that_of_the_rfc():
    data = bytes.fromhex("0001f203f4f5f6f7")  # RFC 1071, section 3
    assert internet_checksum(data) == ~0xDDF2 & 0xFFFF
    assert internet_checksum(b"\x01") == ~0x0100 & 0xFFFF


def test_a_request_reads_as_it_was_written():
    message = icmp_timestamp.request(0x1234, 0x1_0007, 86_399_999)
    found = icmp_timestamp.parse(message)
    assert found == icmp_timestamp.Timestamps(13, 0x1234, 7, 86_399_999, 0, 0)
    assert len(message) == 20


def test_a_corrupt_reply_is_no_reply():
    message = bytearray(icmp_timestamp.request(1, 2, 3))
    message[12] ^= 1
    assert icmp_timestamp.parse(bytes(message)) is None


@pytest.mark.parametrize(
    ("stamp", "order", "value"),
    [
        (0, "big", 0),
        (86_399_999, "big", 86_399_999),
        (86_400_000, "big", None),
        (0x8000_00FF, "big", None),
        (int.from_bytes((43_200_000).to_bytes(4, "little"), "big"), "little", 43_200_000),
        (0xFF, "little", None),
    ],
)
def test_stamps_are_times_of_day_in_either_order_of_bytes(stamp, order, value):
    assert icmp_timestamp.day_ms(stamp, order) == value


@pytest.mark.parametrize(
    "connection",
    [
        Connection("192.0.2.1", 40000, "198.51.100.7", 80),
        Connection("2001:db8::1", 40000, "2001:db8::2", 80),
    ],
)
def test_a_keepalive_lies_one_before_the_next_and_has_a_right_checksum(connection):
    segment = tcp_keepalive.keepalive(connection, 2**32 - 1, 77, 5, 6)
    found = tcp_keepalive.parse(segment)
    assert (found.source_port, found.destination_port) == (40000, 80)
    assert (found.sequence, found.acknowledgement) == (2**32 - 1, 77)
    assert (found.flags, found.n_payload, found.timestamps) == (ACK, 1, (5, 6))
    pseudo = tcp_keepalive._pseudo_header(connection, len(segment))
    assert internet_checksum(pseudo + segment) == 0


def test_syn_and_fin_take_a_number_each():
    head = struct.pack("!HHIIBBHHH", 1, 2, 2**32 - 1, 0, 5 << 4, SYN | FIN, 0, 0, 0)
    assert tcp_keepalive.parse(head + b"xy").next_sequence == 3


@given(st.binary(max_size=80))
def test_any_bytes_are_read_without_an_exception(data):
    icmp_timestamp.parse(data)
    found = tcp_keepalive.parse(data)
    assert found is None or found.n_payload <= len(data)


@given(st.binary(max_size=40))
def test_any_options_are_read_without_an_exception(options):
    options = options[: len(options) // 4 * 4]
    head = struct.pack("!HHIIBBHHH", 1, 2, 3, 4, (5 + len(options) // 4) << 4, ACK, 0, 0, 0)
    assert tcp_keepalive.parse(head + options) is not None
