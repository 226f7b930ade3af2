"""Raw IPv4 frames for the tracker's tests (checksums are zero: nothing looks at them)."""

from __future__ import annotations

import ipaddress
import struct

RAW = 101
"""LINKTYPE_RAW."""

FIN, SYN, RST, ACK = 1, 2, 4, 16
_TCP, _UDP = 6, 17


def _ipv4(src: str, dst: str, proto: int, rest: bytes, ipid: int) -> bytes:
    ends = ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(rest), ipid, 0x4000, 64, proto, 0)
    return header + ends + rest


def tcp_frame(
    *,
    src: str = "192.0.2.1",
    dst: str = "198.51.100.1",
    sport: int = 40_000,
    dport: int = 443,
    flags: int = ACK,
    seq: int = 0,
    ack: int = 0,
    tsval: int | None = None,
    ipid: int = 1,
    payload: bytes = b"",
) -> bytes:
    """A segment, with the timestamp option where `tsval` is given."""
    options = b"" if tsval is None else struct.pack("!BBBBII", 1, 1, 8, 10, tsval, 0)
    offset = (20 + len(options)) // 4 << 4
    header = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, offset, flags, 1000, 0, 0)
    return _ipv4(src, dst, _TCP, header + options + payload, ipid)


def udp_frame(
    *,
    src: str = "192.0.2.1",
    dst: str = "198.51.100.1",
    sport: int = 40_000,
    dport: int = 53,
    ipid: int = 1,
    payload: bytes = b"",
) -> bytes:
    """A datagram."""
    header = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    return _ipv4(src, dst, _UDP, header + payload, ipid)
