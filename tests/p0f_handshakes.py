"""Random TCP handshakes in the handwriting of a p0f database's records, to compare NAT scores."""

from __future__ import annotations

import struct
from pathlib import Path
from random import Random

from lab.baselines.p0f_signatures import Record

_MICROSECONDS, _RAW = 0xA1B2C3D4, 101
_FIN, _SYN, _RST, _ACK, _URG, _PSH, _ECE = 1, 2, 4, 16, 32, 8, 64
_OPTION = {"nop": 1, "mss": 2, "ws": 3, "sok": 4, "sack": 5, "ts": 8}
_CLIENTS = ("203.0.113.7", "203.0.113.8", "203.0.113.9")
_SERVERS = ("198.51.100.1", "198.51.100.2")


def write_handshakes(
    path: Path, requests: tuple[Record, ...], responses: tuple[Record, ...], *, n: int, seed: int
) -> None:
    """A capture of about `n` connections: answered, refused, repeated, left open, with pauses.

    Each SYN and SYN/ACK is like a random record of the database, most of them exactly, some with
    one thing changed. An address keeps to a record for a while, so that it is often the same twice.
    """
    rng = Random(seed)
    writer = _Writer(rng, requests, responses)
    for _ in range(n):
        writer.connection()
    header = struct.pack("<IHHiIII", _MICROSECONDS, 2, 4, 0, 0, 65_535, _RAW)
    with path.open("wb") as file:
        file.write(header)
        for time_us, frame in writer.frames:
            file.write(struct.pack("<IIII", *divmod(time_us, 10**6), len(frame), len(frame)))
            file.write(frame)


class _Writer:
    def __init__(
        self, rng: Random, requests: tuple[Record, ...], responses: tuple[Record, ...]
    ) -> None:
        self.frames: list[tuple[int, bytes]] = []
        self._rng = rng
        # Programs (scanners) twice as often as their records: their rules are few but odd.
        programs = [record for record in requests if record.kind is None]
        self._requests = [*requests, *programs]
        self._responses = responses
        self._now_us = 1_700_000_000_000_000
        self._port = 50_000
        self._record = {address: rng.choice(requests) for address in _CLIENTS}
        self._hops = dict.fromkeys(_CLIENTS, 0)
        self._peer_mss = 0

    def connection(self) -> None:
        rng = self._rng
        pause_s = rng.choice((0.0, 0.001, 0.03, 0.2, 1.0, 1.0, 5.0, 40.0))
        self._now_us += int(pause_s * 10**6 * rng.uniform(0.5, 1.5))
        if rng.random() < 0.02:
            self._idle()
        client, server = rng.choice(_CLIENTS), rng.choice(_SERVERS)
        if rng.random() < 0.3:
            self._record[client] = rng.choice(self._requests)
        if rng.random() < 0.3:
            self._hops[client] = rng.choice((0, 1, 5, 6, 7, 9, 10, 11, 12, 30, 40))
        self._port = 1024 + (self._port + rng.choice((1, 2, 30, 300, 20_000)) - 1024) % 60_000
        there, back = (client, server, self._port, 80), (server, client, 80, self._port)
        isn, answer = rng.getrandbits(32), rng.getrandbits(32)
        record = self._record[client]
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            self._send(there, isn, 0, _SYN, record)
            self._now_us += rng.choice((10**3, 5 * 10**4, 10**6, 31 * 10**6))
        ending = rng.choice(("answer", "answer", "refuse", "silence", "close"))
        if ending == "silence":
            return
        if ending == "refuse":
            self._send(back, 0, isn + 1, _RST | _ACK)
            return
        for _ in range(rng.choice((1, 1, 2))):
            self._send(back, answer, isn + 1, _SYN | _ACK, rng.choice(self._responses))
        self._send(there, isn + 1, answer + 1, _ACK)
        if ending == "close":
            self._send(there, isn + 1, answer + 1, _FIN | _ACK)
            self._send(there, isn, 0, _SYN, record)

    def _idle(self) -> None:
        """About as long as p0f remembers a host, then packets enough that it looks at the time."""
        self._now_us += self._rng.randrange(118, 124) * 60 * 10**6
        for _ in range(60):
            self._send(("192.0.2.1", "192.0.2.2", 9, 9), 1, 1, _ACK)

    def _send(
        self,
        ends: tuple[str, str, int, int],
        seq: int,
        ack: int,
        flags: int,
        like: Record | None = None,
    ) -> None:
        rng = self._rng
        self._now_us += rng.randrange(50, 3000)
        src, dst, sport, dport = ends
        hops = self._hops.get(src, 0) + rng.choice((0, 0, 0, 0, 1, 2, -1, -2))
        ttl = min(max((like.ttl if like else 64) - hops, 1), 255)
        mss = rng.choice((1460, 1460, 1460, 1452, 1331)) if like else 1460
        if like and like.mss is not None:
            mss = like.mss
        options = self._options(like, mss, first=flags == _SYN) if like else b""
        quirks = like.quirks if like else frozenset({"df", "id+"})
        own = rng.random() < 0.6 or flags == _SYN
        window = (
            self._window(like, mss if own else max(self._peer_mss - rng.choice((0, 12)), 0))
            if like
            else 500
        )
        self._peer_mss = mss if flags == _SYN else self._peer_mss
        odd = rng.random() < 0.15 and like is not None
        if odd:
            quirks ^= {rng.choice(("df", "id+", "id-", "ecn", "ack+", "uptr+", "pushf+", "seq-"))}
        if "ack+" in quirks and flags == _SYN:
            ack = rng.getrandbits(32)
        seq = 0 if "seq-" in quirks else seq
        ack = 0 if "ack-" in quirks else ack
        flags |= _ECE if "ecn" in quirks else 0
        flags |= _URG if "urgf+" in quirks else 0
        flags |= _PSH if "pushf+" in quirks else 0
        urgent = 1 if "uptr+" in quirks else 0
        ip_options = bytes([1]) * like.ip_options if like else b""
        data = b"x" * 20 if like and like.payload else b""
        df = "df" in quirks
        ipid = rng.randrange(1, 65_536) if "id+" in quirks or not (df or "id-" in quirks) else 0
        tcp = struct.pack(
            "!HHIIBBHHH",
            *(sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF),
            *((20 + len(options)) // 4 << 4, flags, window, 0, urgent),
        )
        length = 20 + len(ip_options) + len(tcp) + len(options) + len(data)
        header = struct.pack(
            "!BBHHHBBH",
            *(0x40 | (20 + len(ip_options)) // 4, 0, length, ipid, 0x4000 if df else 0),
            *(ttl, 6, 0),
        )
        ip = header + _packed(src) + _packed(dst) + ip_options
        self.frames.append((self._now_us, ip + tcp + options + data))

    def _options(self, like: Record, mss: int, *, first: bool) -> bytes:
        rng = self._rng
        out = b""
        tsval = self._now_us // 1000 & 0xFFFFFFFF
        if rng.random() < 0.1:
            tsval = rng.getrandbits(32)
        elif rng.random() < 0.3:
            tsval = (tsval + rng.randrange(-300, 300)) & 0xFFFFFFFF
        if "ts1-" in like.quirks:
            tsval = 0
        tsecr = 7 if "ts2+" in like.quirks or not first else 0
        wscale = like.wscale if like.wscale is not None else rng.choice((0, 2, 7, 9))
        for name in like.layout:
            if name == "mss":
                out += struct.pack("!BBH", 2, 4, mss)
            elif name == "ws":
                out += bytes([3, 3, wscale])
            elif name == "sok":
                out += bytes([4, 2])
            elif name == "ts":
                out += struct.pack("!BBII", 8, 10, tsval, tsecr)
            elif name == "eol":
                out += bytes(1 + like.eol_pad)
            elif name.startswith("?"):
                out += bytes([int(name[1:]), 2])
            else:
                out += bytes([_OPTION[name]])
        return out + bytes(-len(out) % 4)

    def _window(self, like: Record, mss: int) -> int:
        unit, number = like.window or ("=", self._rng.choice((5840, 65_535, 8192, 14_600)))
        if self._rng.random() < 0.05:
            return self._rng.randrange(65_536)
        size = {"=": 1, "%": 1, "mss": mss, "mtu": mss + 40}[unit]
        return min(number * size * (3 if unit == "%" else 1), 65_535)


def _packed(address: str) -> bytes:
    return bytes(int(x) for x in address.split("."))
