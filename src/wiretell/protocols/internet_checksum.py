"""The checksum of IP, ICMP, UDP and TCP (RFC 1071)."""

from __future__ import annotations


def internet_checksum(data: bytes) -> int:
    """One's complement of the one's complement sum of 16-bit words; odd data is padded by 0."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
