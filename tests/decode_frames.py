"""Small captures made here, byte by byte: every link type, tunnel and option the core decodes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from ipaddress import ip_address

ETHERNET, NULL, PPP, RAW, C_HDLC, WLAN, LOOP, SLL, RADIOTAP, SLL2 = (
    1, 0, 9, 101, 104, 105, 108, 113, 127, 276,
)  # fmt: skip
TCP, UDP, ICMP, ICMPV6, GRE = 6, 17, 1, 58, 47
MACS = bytes.fromhex("020000000001 020000000002")


def pcap(link_type: int, frames: Sequence[bytes], snaplen: int = 65_535) -> bytes:
    """A little-endian microsecond pcap file, frames one second apart and cut at `snaplen`."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snaplen, link_type)]
    for second, frame in enumerate(frames, start=1):
        captured = frame[:snaplen]
        parts += [struct.pack("<IIII", second, 0, len(captured), len(frame)), captured]
    return b"".join(parts)


def ipv4(
    proto: int, payload: bytes, *, ipid: int = 7, fragment: int = 0x4000, options: bytes = b""
) -> bytes:
    """An IPv4 packet from 192.0.2.1 to 198.51.100.2; `options` is padded by the caller."""
    header_len = 20 + len(options)
    header = struct.pack(
        ">BBHHHBBH4s4s",
        0x40 | header_len // 4, 0x28, header_len + len(payload), ipid, fragment, 61, proto, 0,
        ip_address("192.0.2.1").packed, ip_address("198.51.100.2").packed,
    )  # fmt: skip
    return header + options + payload


def ipv6(next_header: int, payload: bytes) -> bytes:
    """An IPv6 packet with a flow label and traffic class."""
    header = struct.pack(
        ">IHBB16s16s",
        0x6 << 28 | 0x28 << 20 | 0xBEEF1, len(payload), next_header, 60,
        ip_address("2001:db8::1").packed, ip_address("2001:db8:0:1::2").packed,
    )  # fmt: skip
    return header + payload


def tcp(options: bytes = b"", payload: bytes = b"", *, flags: int = 0x018) -> bytes:
    """A TCP segment; `options` is padded by the caller."""
    offset_and_flags = (20 + len(options)) // 4 << 12 | flags
    header = struct.pack(
        ">HHIIHHHH", 40_000, 443, 0xFFFFFFF0, 0x80000001, offset_and_flags, 64_240, 0, 3
    )
    return header + options + payload


def udp(payload: bytes, *, dport: int = 5_353) -> bytes:
    """A UDP datagram without checksum."""
    return struct.pack(">HHHH", 50_000, dport, 8 + len(payload), 0) + payload


def icmp(kind: int, rest: bytes) -> bytes:
    """An ICMP message with code 0."""
    return struct.pack(">BBH", kind, 0, 0) + rest


def ethernet(ethertype: int, payload: bytes) -> bytes:
    """An Ethernet frame, padded to 60 bytes as a card would."""
    return (MACS + struct.pack(">H", ethertype) + payload).ljust(60, b"\0")


SYN = tcp(bytes.fromhex("020405b4 0402 080a 00000009 00000000 01 030307"), flags=0x002)
DATA = tcp(bytes.fromhex("0101 080a 80000001 7fffffff"), b"data")
SACK = tcp(bytes.fromhex("0101 0512 00000001 00000002 00000005 00000006"), flags=0x010)
AE = tcp(b"", b"", flags=0x1C2)
FAST_OPEN = tcp(bytes.fromhex("2206 01020304 0101 1e04 2000"), b"early", flags=0x002)
QUERY = udp(b"question")
TRANSPORTS = (
    *(ipv4(TCP, segment) for segment in (SYN, DATA, SACK, AE, FAST_OPEN)),
    *(ipv6(TCP, segment) for segment in (SYN, DATA, SACK)),
    ipv4(UDP, QUERY),
    ipv6(UDP, QUERY),
    ipv4(ICMP, icmp(8, bytes.fromhex("0007 0009") + b"ping")),
    ipv4(ICMP, icmp(14, bytes.fromhex("0007 0009 00000001 00000002 80000003"))),
    ipv4(ICMP, icmp(3, bytes(4) + ipv4(UDP, QUERY))),
    ipv6(ICMPV6, icmp(128, bytes.fromhex("0007 0009") + b"ping")),
    ipv6(ICMPV6, icmp(1, bytes(4) + ipv6(TCP, SYN))),
)
IP_ONLY = (
    ipv4(TCP, DATA, options=bytes.fromhex("94040000")),
    ipv4(UDP, QUERY, fragment=0x2000),
    ipv4(UDP, b"the rest", fragment=0x0003),
    ipv4(253, b"experiment"),
    ipv4(51, bytes.fromhex("0604 0000 00000001 00000002") + bytes(12) + DATA),
    ipv6(0, bytes.fromhex("0600 0104 00000000") + DATA),
    ipv6(60, bytes.fromhex("1100 0104 00000000") + QUERY),
    ipv6(44, bytes.fromhex("1100 0001 00000bee") + QUERY),
    ipv6(44, bytes.fromhex("1100 0018 00000bee") + b"the rest"),
)
INNER = ipv4(TCP, DATA, ipid=99)
INNER6 = ipv6(UDP, QUERY)
INNER_FRAME = bytes.fromhex("02000000000a 02000000000b 0800") + INNER
TUNNELS = (
    ipv4(4, INNER),
    ipv4(41, INNER6),
    ipv6(4, INNER),
    ipv6(41, INNER6),
    ipv4(GRE, bytes.fromhex("0000 0800") + INNER),
    ipv4(GRE, bytes.fromhex("b000 86dd 00000000 00000001 00000002") + INNER6),
    ipv4(GRE, bytes.fromhex("0000 6558") + INNER_FRAME),
    ipv4(GRE, bytes.fromhex("3081 880b 004b 0001 00000001 00000002 21") + INNER),
    ipv4(UDP, udp(bytes.fromhex("08000000 00002a00") + INNER_FRAME, dport=4_789)),
    ipv4(4, ipv4(4, INNER)),
)
SNAP = bytes.fromhex("aaaa03 000000")
ANY = ipv4(TCP, DATA)
QOS_DATA = bytes.fromhex("8801 0000") + MACS + bytes.fromhex("020000000003 1000 0000")


def by_version(packet: bytes) -> int:
    """The EtherType of an IP packet."""
    return 0x0800 if packet[0] >> 4 == 4 else 0x86DD


LINKS = (
    ethernet(0x8100, bytes.fromhex("2064 0800") + ANY),
    ethernet(0x88A8, bytes.fromhex("0064 8100 0005 86dd") + INNER6),
    ethernet(0x8847, bytes.fromhex("00010040 00020140") + ANY),
    ethernet(0x8864, bytes.fromhex("1100 0001") + struct.pack(">H", len(ANY) + 2) + b"\0!" + ANY),
    ethernet(len(ANY) + 8, SNAP + b"\x08\x00" + ANY),
)
CAPTURES: dict[str, bytes] = {
    "transports": pcap(ETHERNET, [ethernet(by_version(p), p) for p in TRANSPORTS]),
    "ip": pcap(ETHERNET, [ethernet(by_version(p), p) for p in IP_ONLY]),
    "tunnels": pcap(RAW, TUNNELS),
    "ethernet": pcap(ETHERNET, LINKS),
    "null_little_endian": pcap(NULL, [b"\2\0\0\0" + ANY, b"\x1e\0\0\0" + INNER6]),
    "null_big_endian": pcap(NULL, [b"\0\0\0\2" + ANY, b"\0\0\0\x18" + INNER6]),
    "loop": pcap(LOOP, [b"\0\0\0\2" + ANY]),
    "ppp": pcap(PPP, [b"\xff\3\0!" + ANY, b"\xff\3\0W" + INNER6]),
    "cisco_hdlc": pcap(C_HDLC, [b"\x0f\0\x08\0" + ANY]),
    "sll": pcap(SLL, [bytes.fromhex("0000 0001 0006 020000000001 0000 0800") + ANY]),
    "sll2": pcap(SLL2, [bytes.fromhex("0800 0000 00000002 0001 0006 0200000000010000") + ANY]),
    "wlan": pcap(WLAN, [QOS_DATA + SNAP + b"\x08\x00" + ANY]),
    "radiotap": pcap(
        RADIOTAP,
        [bytes.fromhex("0000 0900 02000000 20") + QOS_DATA + b"\0\0" + SNAP + b"\x08\x00" + ANY],
    ),
}
