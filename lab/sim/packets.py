"""Packets as values, and as bytes: Ethernet, IPv4, TCP and UDP with right checksums."""

import struct
from dataclasses import dataclass

TCP, UDP = 6, 17
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

_ETHERNET_IPV4, _ETHERNET_IPV6 = b"\x08\x00", b"\x86\xdd"
_DF = 0x4000


@dataclass(slots=True)
class Packet:
    """One packet on its way. ``seq`` and ``ack`` do not wrap here; they do on the wire."""

    proto: int
    src: int
    sport: int
    dst: int
    dport: int
    ttl: int
    ip_id: int
    df: bool
    payload: bytes = b""
    flags: int = 0
    seq: int = 0
    ack: int = 0
    window: int = 0
    mss: int = 0
    wscale: int | None = None
    tsval: int | None = None
    tsecr: int = 0
    options: tuple[str, ...] = ()
    """Order of the options, in p0f's words."""
    sack: tuple[int, int] | None = None
    """Edges of the block last received out of order (RFC 2018)."""
    plan: object = None
    """What the far end will say, which no server could know: not on the wire."""
    version: int = 4


def _tcp_options(p: Packet) -> bytes:
    out = bytearray()
    for option in p.options:
        match option:
            case "mss":
                out += struct.pack("!BBH", 2, 4, p.mss)
            case "ws" if p.wscale is not None:
                out += bytes((3, 3, p.wscale))
            case "sok":
                out += b"\x04\x02"
            case "ts" if p.tsval is not None:
                out += struct.pack("!BBII", 8, 10, p.tsval & 0xFFFFFFFF, p.tsecr & 0xFFFFFFFF)
            case "sack" if p.sack is not None:
                left, right = (edge & 0xFFFFFFFF for edge in p.sack)
                out += struct.pack("!BBII", 5, 10, left, right)
            case "nop":
                out += b"\x01"
            case _:
                out += b"\x00"
    return bytes(out) + bytes(-len(out) % 4)


def checksum(data: bytes) -> int:
    """RFC 1071. The one's complement sum is the value of the bytes modulo 65535."""
    value = int.from_bytes(data + b"\x00" if len(data) % 2 else data, "big")
    rest = value % 0xFFFF
    return 0xFFFF - rest if rest or not value else 0


def _pseudo(p: Packet) -> bytes:
    """Addresses and protocol as the checksum takes them, without the length."""
    if p.version == 6:
        return (
            p.src.to_bytes(16, "big") + p.dst.to_bytes(16, "big") + struct.pack("!HB", 0, p.proto)
        )
    return struct.pack("!IIBB", p.src, p.dst, 0, p.proto)


def _transport(p: Packet) -> bytes:
    pseudo = _pseudo(p)
    if p.proto == UDP:
        length = 8 + len(p.payload)
        head = struct.pack("!HHH", p.sport, p.dport, length)
        total = checksum(pseudo + struct.pack("!H", length) + head + bytes(2) + p.payload)
        return head + struct.pack("!H", total or 0xFFFF) + p.payload  # nought: none computed
    options = _tcp_options(p)
    head = struct.pack(
        "!HHIIBBH",
        p.sport,
        p.dport,
        p.seq & 0xFFFFFFFF,
        p.ack & 0xFFFFFFFF,
        (5 + len(options) // 4) << 4,
        p.flags,
        p.window,
    )
    tail = bytes(2) + options + p.payload
    length = len(head) + 2 + len(tail)
    total = checksum(pseudo + struct.pack("!H", length) + head + bytes(2) + tail)
    return head + struct.pack("!H", total) + tail


def frame(p: Packet, src_mac: bytes, dst_mac: bytes) -> bytes:
    """The packet on an Ethernet."""
    body = _transport(p)
    if p.version == 6:
        head = struct.pack("!IHBB", 6 << 28, len(body), p.proto, p.ttl)
        ends = p.src.to_bytes(16, "big") + p.dst.to_bytes(16, "big")
        return dst_mac + src_mac + _ETHERNET_IPV6 + head + ends + body
    flags = _DF if p.df else 0
    size = 20 + len(body)
    head = struct.pack("!BBHHHBB", 0x45, 0, size, p.ip_id, flags, p.ttl, p.proto)
    ends = struct.pack("!II", p.src, p.dst)
    total = struct.pack("!H", checksum(head + bytes(2) + ends))
    padding = bytes(max(0, 46 - size))  # shortest Ethernet frame
    return dst_mac + src_mac + _ETHERNET_IPV4 + head + total + ends + body + padding
