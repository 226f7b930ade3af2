"""The lab's own reader, servers and archive writer."""

import gzip
import ipaddress
import shutil
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.guests import pcap
from lab.guests.initramfs import archive
from lab.guests.servers import dns_answer, http_answer

ETHERNET = bytes.fromhex("02000000000102000000000b0800")
OPTIONS = bytes.fromhex("020405b40402080a000004d20000000001030307")
SYN = (
    ETHERNET
    + struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(OPTIONS) + 3, 77, 0, 64, 6, 0,
                  bytes([10, 77, 0, 11]), bytes([192, 0, 2, 1]))
    + struct.pack("!HHIIBBHHH", 5000, 80, 9, 0, (20 + len(OPTIONS)) // 4 << 4, 2, 1024, 0, 0)
    + OPTIONS
    + b"abc"
)  # fmt: skip


def test_a_frame_is_decoded():
    packet = pcap.decode(5, SYN)
    assert packet is not None
    assert (packet.mac, packet.src, packet.sport) == ("02:00:00:00:00:0b", "10.77.0.11", 5000)
    assert (packet.dst, packet.dport, packet.ttl, packet.ipid) == ("192.0.2.1", 80, 64, 77)
    assert (packet.seq, packet.tsval, packet.opens) == (9, 1234, True)
    assert (packet.payload, packet.payload_bytes) == (b"abc", 3)


def test_a_capture_is_read_and_others_are_refused(tmp_path):
    head = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 320, 1)
    record = struct.pack("<IIII", 3, 250, len(SYN), len(SYN)) + SYN
    path = tmp_path / "x.pcap"
    path.write_bytes(head + record + record)
    assert [packet.time_ns for packet in pcap.read(path)] == [3_000_000_250] * 2
    path.write_bytes(b"not a capture, whatever its name says")
    with pytest.raises(pcap.PcapError):
        list(pcap.read(path))


@given(st.binary(max_size=120))
def test_any_bytes_decode_to_something_or_nothing(tail):
    for frame in (tail, ETHERNET + tail, SYN[:24] + tail, SYN[:54] + tail):
        pcap.decode(0, frame)


def test_the_http_server_answers_with_as_many_bytes_as_asked_for():
    answer, keeps = http_answer(b"GET /12 HTTP/1.1\r\nConnection: keep-alive\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n" + b"x" * 12)
    assert keeps
    assert not http_answer(b"GET /12 HTTP/1.1\r\nConnection: close\r\n\r\n")[1]


@given(st.binary(max_size=200))
def test_any_bytes_get_an_http_answer(head):
    answer, keeps = http_answer(head)
    assert answer.startswith(b"HTTP/1.1 ")
    assert keeps or b"Connection: close" in answer


@pytest.mark.parametrize(
    ("name", "address"),
    [
        (b"\3www\7example", "198.51.100.20"),
        (b"\3www\5site0\7example", "198.51.100.20"),
        (b"\3api\5site2\7example", "192.0.2.30"),
        (b"\6site12\7example", "198.51.100.20"),  # there is no such site
        (b"\3www\6osite2\7example", "198.51.100.20"),
    ],
)
def test_the_dns_server_answers_a_question(name, address):
    query = bytes.fromhex("abcd 0100 0001 0000 0000 0000") + name + b"\0\0\1\0\1"
    answer = dns_answer(query, ["198.51.100.20", "192.0.2.40", "192.0.2.30"])
    assert answer is not None
    assert answer[:4] == b"\xab\xcd\x81\x80"
    assert answer.endswith(b"\x00\x04" + ipaddress.IPv4Address(address).packed)


@given(st.binary(max_size=600))
def test_any_bytes_are_a_dns_question_or_not(query):
    answer = dns_answer(query, ["198.51.100.20"])
    assert answer is None or answer[:2] == query[:2]


def test_the_archive_unpacks(tmp_path):
    if not shutil.which("cpio"):
        pytest.skip("needs cpio (Debian package cpio)")
    files = {"init": b"#!/bin/sh\n", "lib/net.ko": b"\x7fELF", "plan": b""}
    packed = archive(files, frozenset({"init"}))
    assert packed == archive(files, frozenset({"init"}))
    subprocess.run(
        ["cpio", "-i", "-d", "--quiet"], input=gzip.decompress(packed), cwd=tmp_path, check=True
    )
    assert {name: (tmp_path / name).read_bytes() for name in files} == files
    assert (tmp_path / "init").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "plan").stat().st_mode & 0o777 == 0o644
