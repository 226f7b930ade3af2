"""A part of a recording."""

import struct

import pytest

from lab.guests import pcap
from lab.guests.cut import cut
from lab.guests.pcap import PcapError


def frame(source, destination, ethertype=b"\x08\x00"):
    head = bytes(12) + ethertype + b"\x45" + bytes(8) + b"\x06" + bytes(2)
    ends = b"".join(bytes(map(int, end.split("."))) for end in (source, destination))
    return head + ends + bytes(12) + b"\x50" + bytes(7) + b"payload"


def recording(*packets):
    head = struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)
    records = [
        struct.pack("<IIII", 100 + int(at), int(at % 1 * 1e9), len(data), len(data) + 1000) + data
        for at, data in packets
    ]
    return head + b"".join(records)


def kept(data, tmp_path):
    path = tmp_path / "part.pcap"
    path.write_bytes(data)
    return [(packet.time_ns / 1e9 - 100, packet.src, packet.dst) for packet in pcap.read(path)]


def test_addresses_and_times_are_kept(tmp_path):
    whole = recording(
        (0.0, frame("10.0.0.1", "192.0.2.1")),
        (1.5, frame("192.0.2.1", "10.0.0.1")),
        (2.0, frame("10.0.0.2", "192.0.2.1")),
        (3.0, frame("10.0.0.1", "192.0.2.1")),
        (3.5, frame("10.0.0.1", "192.0.2.1", b"\x86\xdd")),
    )
    part = cut(whole, {"10.0.0.1"}, 1.0, 3.0)
    assert kept(part, tmp_path) == [(1.5, "192.0.2.1", "10.0.0.1")]
    assert len(kept(cut(whole, (), 0.0, 10.0), tmp_path)) == 4


def test_headers_alone_keep_the_length_on_the_wire():
    whole = recording((0.0, frame("10.0.0.1", "192.0.2.1")))
    part = cut(whole, (), 0.0, 1.0, snaplen=54)
    assert struct.unpack_from("<II", part, 32) == (54, len(whole) - 40 + 1000)
    assert len(part) == 40 + 54


def test_what_is_no_such_capture_is_refused():
    with pytest.raises(PcapError):
        cut(b"nonsense", (), 0.0, 1.0)
