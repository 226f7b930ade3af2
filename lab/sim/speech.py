"""Bytes of DNS, NTP and HTTP messages."""

import struct
from random import Random

_A_RECORD, _IN = 1, 1
_RESPONSE, _QUERY = 0x8180, 0x0100


def dns(name: str, ip: int, rng: Random) -> tuple[bytes, bytes]:
    """A query for the address of ``name``, and its answer (RFC 1035)."""
    number = rng.getrandbits(16)
    labels = b"".join(bytes([len(x)]) + x.encode("ascii") for x in name.split(".")) + b"\x00"
    question = labels + struct.pack("!HH", _A_RECORD, _IN)
    query = struct.pack("!6H", number, _QUERY, 1, 0, 0, 0) + question
    record = struct.pack("!HHHIHI", 0xC00C, _A_RECORD, _IN, 300, 4, ip)
    return query, struct.pack("!6H", number, _RESPONSE, 1, 1, 0, 0) + question + record


def ntp(rng: Random) -> tuple[bytes, bytes]:
    """A client's and a server's message (RFC 5905), their times random as in careful clients."""
    query = b"\x23\x00\x06\xec" + bytes(36) + rng.randbytes(8)
    answer = b"\x24\x02\x06\xec" + bytes(4) + rng.randbytes(8) + rng.randbytes(32)
    return query, answer


def http_request(host_name: str, path: str, user_agent: str) -> bytes:
    """A GET (RFC 9112); no User-Agent line if there is none."""
    agent = f"User-Agent: {user_agent}\r\n" if user_agent else ""
    lines = f"GET {path} HTTP/1.1\r\nHost: {host_name}\r\n{agent}Accept: */*\r\n\r\n"
    return lines.encode("ascii")


def http_response(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode("ascii") + body
