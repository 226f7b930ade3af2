"""Writes capture.pcap: a client reads an FTP server's greeting, names a user and closes.

`python tests/cases/ftp_greeting/make.py` from the project's root; the same bytes every time.
16 packets between documentation addresses, captured beside the client, 20 ms from the server.
Initial sequence numbers 1664882716 (client) and 829007135 (server); 58 and 946 bytes of
greeting, 11 bytes from the client, 45 back; after the greeting is read the client updates its
window; FIN and ACK are separate packets in both directions.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

CAPTURE = Path(__file__).with_name("capture.pcap")
CLIENT, SERVER = ("192.0.2.10", 49_160), ("198.51.100.21", 21)
ISN = {"client": 1_664_882_716, "server": 829_007_135}
START_S = 1_768_471_200  # 2026-01-15 10:00:00 UTC
ETHERNET = 1
MAC = {"client": "020000000010", "server": "020000000001"}
FIN, SYN, PSH, ACK = 1, 2, 8, 16
CLOCK_ORIGIN = {"client": 1_000_000, "server": 500_000_000}  # TSval at the start; 1 kHz

BANNER = b"220-Welcome to the file server of the example network.\r\n"
BANNER = BANNER[:-2] + b"." * (58 - len(BANNER)) + b"\r\n"
RULES = b"".join(b"220-Rule %02d: be kind to others and to the disk.\r\n" % n for n in range(1, 19))
RULES += b"220 Ready" + b"." * (946 - len(RULES) - 11) + b"\r\n"
USER = b"USER anon\r\n"
REPLY = b"331 Any e-mail address is a good password.\r\n"
REPLY = REPLY[:-2] + b" " * (45 - len(REPLY)) + b"\r\n"


@dataclass(frozen=True)
class Packet:
    """One packet: when, who, what. Numbers are relative, `ticks` is the TSval since the start."""

    at_us: int
    who: str
    flags: int
    seq: int
    ack: int
    window: int
    ticks: int
    echo: int
    payload: bytes = b""
    mss: int = 1460
    wscale: int | None = 7
    ttl: int | None = None


PACKETS = (
    Packet(0, "client", SYN, 0, 0, 64_240, 0, 0),
    Packet(20_000, "server", SYN | ACK, 0, 1, 65_160, 10, 0),
    Packet(20_100, "client", ACK, 1, 1, 502, 20, 10),
    Packet(45_000, "server", PSH | ACK, 1, 1, 509, 35, 20, BANNER),
    Packet(45_100, "client", ACK, 1, 59, 502, 45, 35),
    Packet(46_000, "server", PSH | ACK, 59, 1, 509, 36, 20, RULES),
    Packet(46_100, "client", ACK, 1, 1005, 495, 46, 36),
    Packet(50_000, "client", ACK, 1, 1005, 502, 50, 36),
    Packet(3_000_000, "client", PSH | ACK, 1, 1005, 502, 3000, 36, USER),
    Packet(3_020_000, "server", ACK, 1005, 12, 509, 3010, 3000),
    Packet(3_022_000, "server", PSH | ACK, 1005, 12, 509, 3012, 3000, REPLY),
    Packet(3_022_100, "client", ACK, 12, 1050, 502, 3022, 3012),
    Packet(3_025_000, "client", FIN | ACK, 12, 1050, 502, 3025, 3012),
    Packet(3_045_000, "server", ACK, 1050, 13, 509, 3035, 3025),
    Packet(3_046_000, "server", FIN | ACK, 1050, 13, 509, 3036, 3025),
    Packet(3_046_100, "client", ACK, 13, 1051, 502, 3046, 3036),
)


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def frame(number: int, packet: Packet) -> bytes:
    """The packet as an Ethernet frame with right checksums."""
    other = "server" if packet.who == "client" else "client"
    ends = {"client": CLIENT, "server": SERVER}
    (src, sport), (dst, dport) = ends[packet.who], ends[other]
    options = struct.pack(
        "!BBBBII",
        *(1, 1, 8, 10),
        CLOCK_ORIGIN[packet.who] + packet.ticks,
        CLOCK_ORIGIN[other] + packet.echo if packet.flags & ACK else 0,
    )
    if packet.flags & SYN:  # mss, sack permitted, timestamps, nop, window scale
        scale = (
            b"\x01" * 4 if packet.wscale is None else struct.pack("!BBBB", 1, 3, 3, packet.wscale)
        )
        options = struct.pack("!BBH", 2, 4, packet.mss) + b"\x04\x02" + options[2:] + scale
    seq = ISN[packet.who] + packet.seq
    ack = ISN[other] + packet.ack if packet.flags & ACK else 0
    offset = (20 + len(options)) // 4 << 4
    head = struct.pack("!HHIIBBH", sport, dport, seq, ack, offset, packet.flags, packet.window)
    rest = options + packet.payload
    addresses = ip_address(src).packed + ip_address(dst).packed
    length = len(head) + 4 + len(rest)
    pseudo = addresses + struct.pack("!BBH", 0, 6, length)
    tcp = head + struct.pack("!HH", checksum(pseudo + head + bytes(4) + rest), 0) + rest
    ttl, ipid = (64, 0x1000) if packet.who == "client" else (52, 0x8000)
    ttl = packet.ttl or ttl
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, ipid + number, 0x4000, ttl, 6, 0)
    ip = ip[:10] + struct.pack("!H", checksum(ip + addresses)) + addresses
    return bytes.fromhex(MAC[other] + MAC[packet.who] + "0800") + ip + tcp


def capture() -> bytes:
    """The whole file: pcap with microseconds."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, ETHERNET)]
    for number, packet in enumerate(PACKETS, start=1):
        data = frame(number, packet)
        seconds, us = divmod(packet.at_us, 1_000_000)
        parts.append(struct.pack("<IIII", START_S + seconds, us, len(data), len(data)) + data)
    return b"".join(parts)


if __name__ == "__main__":
    CAPTURE.write_bytes(capture())
