"""The router of a superposition: ICMP, fragments, cut frames, link types, hostile files."""

import gzip
import struct
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.sim.address import number
from lab.sim.packets import SYN, TCP, UDP, Packet, frame
from lab.sim.write import CapturedPacket, write_pcap, write_pcapng
from lab.superpose.datagram import Datagram, datagram_of, quoted_in
from lab.superpose.frames import Frame, FrameError, read_frames
from lab.superpose.hosts import Selector, hosts_of, stretch
from lab.superpose.translate import Translator, UntranslatableError

_ETHERNET, _RAW, _SLL = 1, 101, 113
_INNER, _FAR, _ROUTER, _PUBLIC = (
    number(x) for x in ("10.0.0.5", "198.51.100.9", "192.0.2.200", "203.0.113.7")
)


def _sum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def _ip(src: int, dst: int, proto: int, body: bytes, *, ttl: int = 64, flags: int = 0,
        ip_id: int = 77) -> bytes:  # fmt: skip
    head = struct.pack(
        "!BBHHHBBHII", 0x45, 0, 20 + len(body), ip_id, flags, ttl, proto, 0, src, dst
    )
    total = (0xFFFF - _sum(head)).to_bytes(2, "big")
    return head[:10] + total + head[12:] + body


def _icmp(kind: int, rest: bytes, body: bytes) -> bytes:
    data = bytes([kind, 3, 0, 0]) + rest + body
    return data[:2] + (0xFFFF - _sum(data)).to_bytes(2, "big") + data[4:]


def _parsed(raw: bytes, n_kept: int | None = None) -> Datagram:
    found = datagram_of(Frame(0, raw[:n_kept], len(raw), _RAW))
    assert found is not None
    return found


def _translator() -> Translator:
    return Translator(_PUBLIC, "random", Random(1))


def _udp(src: int, dst: int, sport: int, dport: int, payload: bytes = b"hello") -> bytes:
    return frame(Packet(UDP, src, sport, dst, dport, 64, 7, False, payload), bytes(6), bytes(6))[
        14 : 14 + 28 + len(payload)
    ]


def _icmp_is_right(raw: bytes) -> bool:
    return _sum(raw[:20]) == 0xFFFF and _sum(raw[20:]) == 0xFFFF


def test_an_error_quotes_what_went_out():
    nat = _translator()
    sent = nat.out(_parsed(_udp(_INNER, _FAR, 5000, 53)), 0)
    port = int.from_bytes(sent[20:22], "big")
    quoted = _udp(_INNER, _FAR, 5000, 53)
    error = _ip(_ROUTER, _INNER, 1, _icmp(3, bytes(4), quoted))
    came = nat.back(_parsed(error), 0)
    assert _icmp_is_right(came)
    inside = came[28:]
    assert inside[12:20] == struct.pack("!II", _PUBLIC, _FAR)
    assert inside[20:24] == struct.pack("!HH", port, 53)
    assert _sum(inside[:20]) == 0xFFFF
    # the checksum of the quoted datagram is the one that went out
    assert inside[26:28] == sent[26:28]
    assert [(flow.n_out, flow.n_in) for flow in nat.flows.values()] == [(1, 1)]


def test_an_error_that_goes_out_quotes_what_came_in():
    nat = _translator()
    sent = nat.out(_parsed(_udp(_INNER, _FAR, 5000, 53)), 0)
    answer = _udp(_FAR, _INNER, 53, 5000)
    came = nat.back(_parsed(answer), 0)
    error = _ip(_INNER, _FAR, 1, _icmp(3, bytes(4), answer))
    went = nat.out(_parsed(error), 0)
    assert _icmp_is_right(went)
    assert went[28 + 12 : 28 + 24] == came[12:24]
    assert came[22:24] == sent[20:22]


def test_an_error_about_a_flow_that_is_not_there_does_not_pass():
    error = _ip(_ROUTER, _INNER, 1, _icmp(3, bytes(4), _udp(_INNER, _FAR, 5000, 53)))
    with pytest.raises(UntranslatableError, match="quotes_no_flow"):
        _translator().back(_parsed(error), 0)


def test_echoes_are_told_apart_by_their_number():
    nat = _translator()
    went = [
        nat.out(
            _parsed(_ip(_INNER, _FAR, 1, _icmp(8, struct.pack("!HH", 9, 1), b"ping!"))), machine
        )
        for machine in (0, 1)
    ]
    numbers = [int.from_bytes(raw[24:26], "big") for raw in went]
    assert len(set(numbers)) == 2
    assert all(_icmp_is_right(raw) for raw in went)
    reply = _ip(_FAR, _INNER, 1, _icmp(0, struct.pack("!HH", 9, 1), b"ping!"))
    came = nat.back(_parsed(reply), 1)
    assert _icmp_is_right(came)
    assert int.from_bytes(came[24:26], "big") == numbers[1]
    assert [(flow.inner.far_port, flow.port, flow.n_in) for flow in nat.flows.values()] == [
        (0, numbers[0], 0),
        (0, numbers[1], 1),
    ]


def test_what_has_no_flow_does_not_pass():
    nat = _translator()
    for raw, reason in (
        (_ip(_INNER, _FAR, 47, bytes(12)), "other_protocol"),
        (_ip(_INNER, _FAR, 1, _icmp(10, bytes(4), b"")), "icmp_without_flow"),
        (_ip(_INNER, _FAR, 17, bytes(16), flags=5), "fragment_without_first"),
    ):
        with pytest.raises(UntranslatableError, match=reason):
            nat.out(_parsed(raw), 0)
    assert nat.flows == {}


def test_fragments_follow_the_first():
    whole = _udp(_INNER, _FAR, 5000, 53, bytes(range(200)))
    body = whole[20:]
    nat = _translator()
    first = nat.out(_parsed(_ip(_INNER, _FAR, 17, body[:104], flags=0x2000)), 0)
    second = nat.out(_parsed(_ip(_INNER, _FAR, 17, body[104:], flags=13)), 0)
    assert _sum(first[:20]) == _sum(second[:20]) == 0xFFFF
    assert second[20:] == body[104:]
    joined = first[20:] + second[20:]
    pseudo = struct.pack("!IIHH", _PUBLIC, _FAR, 17, len(joined))
    assert _sum(pseudo + joined) == 0xFFFF
    assert [flow.n_out for flow in nat.flows.values()] == [2]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.integers(20, 100), st.integers(0, 2**16 - 1))
def test_a_cut_frame_gets_the_checksum_of_the_whole(payload: bytes, n_kept: int, port: int):
    p = Packet(TCP, _INNER, port, _FAR, 80, 64, 7, True, payload, flags=SYN, seq=9)
    raw = frame(p, bytes(6), bytes(6))[14 : 14 + 40 + len(payload)]
    n_kept = max(40, min(n_kept, len(raw)))
    whole, cut = _translator().out(_parsed(raw), 0), _translator().out(_parsed(raw, n_kept), 0)
    # 0x0000 and 0xffff are one number in one's complement
    assert cut[:36] == whole[:36]
    assert (
        int.from_bytes(cut[36:38], "big") % 0xFFFF == int.from_bytes(whole[36:38], "big") % 0xFFFF
    )


def test_a_datagram_without_checksum_keeps_none():
    raw = bytearray(_udp(_INNER, _FAR, 5000, 53))
    raw[26:28] = bytes(2)
    assert _translator().out(_parsed(bytes(raw)), 0)[26:28] == bytes(2)


def test_a_wrong_checksum_is_made_right():
    """Captured before the card filled it in."""
    raw = bytearray(_udp(_INNER, _FAR, 5000, 53))
    raw[26:28] = b"\x12\x34"
    went = _translator().out(_parsed(bytes(raw)), 0)
    assert _sum(struct.pack("!IIHH", _PUBLIC, _FAR, 17, len(went) - 20) + went[20:]) == 0xFFFF


def test_links_of_several_kinds():
    ip = _udp(_INNER, _FAR, 5000, 53)
    mac = bytes.fromhex("020000000005")
    tagged = bytes(6) + mac + b"\x81\x00\x00\x07\x08\x00" + ip
    cooked = struct.pack("!HHH", 4, 1, 6) + mac + bytes(2) + b"\x08\x00" + ip
    cooked2 = b"\x08\x00" + bytes(10) + mac + bytes(2) + ip
    for link_type, data, src_mac in (
        (_ETHERNET, bytes(6) + mac + b"\x08\x00" + ip + bytes(4), mac),
        (_ETHERNET, tagged, mac),
        (_SLL, cooked, mac),
        (276, cooked2, mac),
        (0, b"\x02\x00\x00\x00" + ip, b""),
        (_RAW, ip, b""),
    ):
        p = datagram_of(Frame(0, data, len(data), link_type))
        assert p is not None
        assert (p.data, p.src_mac, p.sport) == (ip, src_mac, 5000)
    assert datagram_of(Frame(0, bytes(6) + mac + b"\x86\xdd" + ip, 60, _ETHERNET)) is None
    assert datagram_of(Frame(0, ip, len(ip), 105)) is None


def _written(folder: Path) -> tuple[Path, Path]:
    data = bytes(6) + bytes.fromhex("020000000005") + b"\x08\x00" + _udp(_INNER, _FAR, 5000, 53)
    packets = [CapturedPacket(1_600_000_000_123_456_789 + i, data, len(data)) for i in range(3)]
    write_pcap(folder / "a.pcap", packets)
    write_pcapng(folder / "a.pcapng", packets)
    return folder / "a.pcap", folder / "a.pcapng"


def test_both_formats_give_the_same_frames(tmp_path: Path):
    classic, blocks = _written(tmp_path)
    read = read_frames(classic)
    assert read == read_frames(blocks)
    assert [x.time_ns for x in read.frames] == [1_600_000_000_123_456_789 + i for i in range(3)]
    packed = tmp_path / "a.pcap.gz"
    packed.write_bytes(gzip.compress(classic.read_bytes()))
    assert read_frames(packed) == read


def test_the_other_byte_order_and_microseconds(tmp_path: Path):
    head = struct.pack(">IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, _RAW)
    (tmp_path / "b.pcap").write_bytes(head + struct.pack(">IIII", 5, 7, 3, 90) + b"abc")
    read = read_frames(tmp_path / "b.pcap")
    assert read.frames == (Frame(5_000_007_000, b"abc", 90, _RAW),)


def test_frames_before_the_damage_are_kept(tmp_path: Path):
    for path in _written(tmp_path):
        path.write_bytes(path.read_bytes()[:-9])
        read = read_frames(path)
        assert (len(read.frames), read.damaged) == (2, True)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_hostile_files_are_read_or_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
):
    folder = tmp_path_factory.mktemp("hostile")
    raw = bytearray(_written(folder)[data.draw(st.integers(0, 1))].read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = folder / "hostile.pcap"
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    try:
        frames = read_frames(path).frames
    except FrameError:
        return
    for x in frames:
        datagram_of(x)
    hosts_of(path)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([1, 6, 17, 47]), st.integers(0, 0xFFFF))
def test_any_bytes_are_translated_or_refused(body: bytes, proto: int, flags: int):
    p = datagram_of(Frame(0, _ip(_INNER, _FAR, proto, body, flags=flags), 0, _RAW))
    if p is None:
        return
    quoted_in(p)
    for pass_on in (_translator().out, _translator().back):
        try:
            raw = pass_on(p, 0)
        except UntranslatableError:
            continue
        assert len(raw) == len(p.data)
        assert _sum(raw[:20]) == 0xFFFF


def test_a_mac_with_several_addresses_is_not_one_machine(tmp_path: Path):
    def sent(src: str, mac: str) -> bytes:
        ip = _udp(number(src), _FAR, 5000, 53)
        return bytes.fromhex("0200000000fe") + bytes.fromhex(mac) + b"\x08\x00" + ip

    frames = [
        sent("10.0.0.5", "020000000005"),
        sent("10.0.0.6", "020000000006"),
        sent("10.0.1.7", "020000000006"),
        sent("10.0.0.5", "020000000005"),
    ]
    write_pcap(tmp_path / "c.pcap", [CapturedPacket(i, x, len(x)) for i, x in enumerate(frames)])
    found = [(str(x.host), x.n_sent) for x in hosts_of(tmp_path / "c.pcap")]
    assert found == [("02:00:00:00:00:05", 2), ("10.0.0.6", 1), ("10.0.1.7", 1)]


def test_selectors_are_read_from_words():
    assert Selector.of("02:00:00:00:00:05").mac == bytes.fromhex("020000000005")
    assert Selector.of("10.0.0.5").ip == _INNER
    for word in ("02:00", "zz:00:00:00:00:05", "10.0.0", ""):
        with pytest.raises(ValueError, match="neither a MAC nor an IPv4 address"):
            Selector.of(word)


def test_the_longest_stretch_is_the_one_with_most_packets():
    hour = 3600 * 10**9
    assert stretch([0, 3 * hour, 3 * hour + 5, 3 * hour + 9, 7 * hour]) == (3 * hour, 3 * hour + 9)
    assert stretch([4]) == (4, 4)
