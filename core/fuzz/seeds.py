"""Writes a few tiny seed inputs for each fuzz target into corpus/.

Everything is made here from scratch; run it once before fuzzing: `python3 seeds.py`.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
TIME_S = 1_700_000_000


def _ipv4(protocol: int, payload: bytes) -> bytes:
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 7, 0x4000, 64, protocol, 0)
    return header + bytes([192, 0, 2, 1, 192, 0, 2, 2]) + payload


def _packets() -> list[bytes]:
    options = bytes([2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0, 1, 3, 3, 7])
    syn = struct.pack(">HHIIBBHHH", 40_000, 443, 1, 0, 0xA0, 2, 64_240, 0, 0) + options
    udp = struct.pack(">HHHH", 5353, 5353, 12, 0) + b"name"
    echo = struct.pack(">BBHHH", 8, 0, 0, 1, 2) + b"ping"
    ipv6 = (
        struct.pack(">IHBB", 0x6000_0000, len(udp), 17, 64) + bytes(15) + b"\1" + bytes(15) + b"\2"
    )
    inner = _ipv4(6, syn)
    error = struct.pack(">BBHI", 3, 3, 0, 0) + inner[:28]
    gre = struct.pack(">HH", 0, 0x0800) + inner
    return [inner, _ipv4(17, udp), _ipv4(1, echo), ipv6 + udp, _ipv4(1, error), _ipv4(47, gre)]


def _ethernet(packet: bytes) -> bytes:
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
    return bytes(range(12)) + kind + packet


def _pcap_records(order: str) -> bytes:
    return b"".join(
        struct.pack(order + "4I", TIME_S + i, i, len(frame), len(frame)) + frame
        for i, frame in enumerate(map(_ethernet, _packets()))
    )


def _pcap(order: str, magic: int) -> bytes:
    header = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65_535, 1)
    return header + _pcap_records(order)


def _block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def _pcapng(order: str) -> bytes:
    blocks = [
        _block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)),
        _block(
            order, 1, struct.pack(order + "HHI", 1, 0, 0) + struct.pack(order + "HHB3x", 9, 1, 9)
        ),
    ]
    for i, frame in enumerate(map(_ethernet, _packets())):
        fields = struct.pack(order + "5I", 0, 400_000_000, i, len(frame), len(frame))
        blocks.append(_block(order, 6, fields + frame))
    blocks.append(_block(order, 3, struct.pack(order + "I", 4) + b"abcd"))
    statistics = struct.pack(order + "IIIHHQ", 0, 0, 0, 5, 8, 3)
    blocks.append(_block(order, 5, statistics))
    return b"".join(blocks)


def _compressed() -> dict[str, bytes]:
    plain = _pcap("<", 0xA1B2C3D4)
    codecs = {
        "gz": gzip.compress(plain, mtime=0),
        "xz": lzma.compress(plain),
        "bz2": bz2.compress(plain),
    }
    # The first byte chooses a magic number to put in front: none here.
    return {name: b"\0" + data for name, data in codecs.items()}


def _bpf() -> dict[str, bytes]:
    accept = struct.pack("<HBBI", 0x06, 0, 0, 1)
    load = struct.pack("<HBBI", 0x30, 0, 0, 0)
    branch = struct.pack("<HBBI", 0x15, 0, 1, 0x45)
    return {"accept": accept, "branch": load + branch + accept + accept}


def _payloads(choice: int, *payloads: tuple[int, bytes]) -> bytes:
    """Payloads for the targets of expectations: helper, then side, length and bytes of each."""
    parts = (bytes([side, len(payload)]) + payload for side, payload in payloads)
    return bytes([choice]) + b"".join(parts)


def _expect_text() -> dict[str, bytes]:
    ftp = (
        (0, b"PORT 10,0,0,1,4,1\r\nEPRT |1|10.0.0.1|1025|\r\n"),
        (1, b"227 Passive (10,0,0,255,4,1)\r\n229 Passive (|||1025|)\r\n"),
    )
    irc = (0, b"PRIVMSG amy :\x01DCC SEND file 167772161 5000 9\x01\r\n")
    return {"ftp": _payloads(0, *ftp), "irc": _payloads(1, irc), "sip": _payloads(2, (0, _sip()))}


def _sip() -> bytes:
    body = b"v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 31\r\n"
    length = str(len(body)).encode()
    head = b"INVITE sip:b@a SIP/2.0\r\nCSeq: 1 INVITE\r\nContent-Length: " + length
    return head + b"\r\n\r\n" + body


def _expect_datagrams() -> dict[str, bytes]:
    register = (
        b"REGISTER sip:a SIP/2.0\r\nCSeq: 1 REGISTER\r\nContact: <sip:a@10.0.0.1:5070>\r\n\r\n"
    )
    socket = bytes([0, 2, 7, 208, 10, 0, 0, 1]) + bytes(8)
    ntalk = bytes([1, 3, 0, 0, 0, 0, 0, 7]) + socket * 2 + bytes(44)
    snmp = bytes([0x30, 12, 2, 1, 0, 4, 1, 0x61, 0xA0, 4, 2, 2, 0, 1])
    return {
        "tftp": _payloads(0, (0, b"\0\1boot\0octet\0")),
        "sip": _payloads(1, (0, _sip()), (0, register)),
        "talk": _payloads(2, (0, b"\3" + bytes(43) + socket * 2)),
        "ntalk": _payloads(3, (0, ntalk), (1, bytes([1, 1, 0, 0, 0, 0, 0, 7]) + socket)),
        "snmp": _payloads(4, (0, snmp)),
        "netbios": _payloads(5, (0, bytes([0, 1, 1, 16]) + bytes(8))),
    }


def _expect_h323() -> dict[str, bytes]:
    """A Setup with its H.245 address first, an OpenLogicalChannelAck with media's."""
    address = bytes([0, 10, 0, 0, 1, 0x13, 0x89])
    setup = bytes([0x20, 0xC0, 6, 0, 8, 0x91, 0x4A, 0, 4]) + address + bytes(40)
    q931 = bytes([8, 2, 0, 1, 5, 0x7E, 0, len(setup) + 1, 5]) + setup
    channels = bytes([0, 0, 10, 0, 0, 1, 0x13, 0xA0]) * 2
    ack = bytes([0x22, 0xC0, 0, 6, 2, 0x80, 19, 0x1C, 0]) + channels
    tpkts = [bytes([3, 0, 0, len(body) + 4]) + body for body in (q931, ack)]
    return {name: _payloads(i, (0, tpkts[i])) for i, name in enumerate(("q931", "h245"))}


def _segment(reply: bool, flags: int, seq: int, ack: int, payload: bytes = b"") -> bytes:
    ports = (21, 40_000) if reply else (40_000, 21)
    header = struct.pack(">HHIIBBHHH", *ports, seq, ack, 0x50, flags, 1000, 0, 0)
    packet = _ipv4(6, header + payload)
    ends = packet[12:16], packet[16:20]
    return packet[:12] + (ends[1] + ends[0] if reply else ends[0] + ends[1]) + packet[20:]


def _connection() -> list[bytes]:
    opening = [(False, 2, 9, 0), (True, 18, 99, 10), (False, 16, 10, 100)]
    closing = [(False, 17, 10, 100), (True, 17, 100, 11), (False, 16, 11, 101)]
    return [_segment(*numbers) for numbers in opening + closing]


def _ftp() -> list[bytes]:
    port = b"PORT 192,0,2,1,4,1\r\n"
    return [*_connection()[:3], _segment(False, 24, 10, 100, port)]


def _session(packets: list[bytes]) -> bytes:
    """Raw IP frames for the targets that track: choices, length, frame."""
    return b"".join(struct.pack("<BH", 62 << 2, len(p)) + p for p in packets)


def _write(target: str, seeds: dict[str, bytes]) -> None:
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds.items():
        (folder / name).write_bytes(data)


def main() -> None:
    """Writes all seeds."""
    orders = {"little": "<", "big": ">"}
    magics = {"us": 0xA1B2C3D4, "ns": 0xA1B23C4D, "modified": 0xA1B2CD34}
    _write("pcap", {f"{o}_{m}": _pcap(orders[o], magics[m]) for o in orders for m in magics})
    _write("pcapng", {name: _pcapng(order) for name, order in orders.items()})
    _write("compressed", _compressed())
    _write("bpf", _bpf())
    _write("expect_text", _expect_text())
    _write("expect_datagrams", _expect_datagrams())
    _write("expect_h323", _expect_h323())
    frames = {f"ethernet_{i}": b"\1" + _ethernet(p) for i, p in enumerate(_packets())}
    frames |= {f"raw_{i}": b"\3" + p for i, p in enumerate(_packets())}
    _write("decode", frames)
    _write("track", {"session": b"".join(struct.pack("<BH", 1, len(p)) + p for p in _packets())})
    sessions = {"connection": b"\0\3" + _session(_connection()), "ftp": b"\0\0" + _session(_ftp())}
    _write("ct", sessions)


if __name__ == "__main__":
    main()
