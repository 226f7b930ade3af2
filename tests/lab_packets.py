"""A small reader of what the simulator writes, so that its tests trust none of its own code."""

import itertools
import struct
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

NAT_IP = "203.0.113.7"
FIN, SYN, RST, ACK = 1, 2, 4, 16
TCP, UDP = 6, 17


@dataclass
class Seen:
    """One packet, decoded."""

    time_ns: int
    n_bytes: int
    src: str
    dst: str
    proto: int
    sport: int
    dport: int
    ttl: int
    ip_id: int
    df: bool
    checksums_right: bool
    flags: int = 0
    seq: int = 0
    ack: int = 0
    window: int = 0
    options: list[tuple[int, bytes]] = field(default_factory=list)
    payload: bytes = b""

    @property
    def option_kinds(self) -> list[int]:
        return [kind for kind, _ in self.options]

    def option(self, kind: int) -> bytes | None:
        return dict(self.options).get(kind)

    @property
    def tsval(self) -> int | None:
        stamps = self.option(8)
        return struct.unpack("!I", stamps[:4])[0] if stamps else None

    @property
    def is_first_syn(self) -> bool:
        return self.proto == TCP and self.flags & (SYN | ACK) == SYN


def _sum_is_right(data: bytes) -> bool:
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


def _options(raw: bytes) -> list[tuple[int, bytes]]:
    out: list[tuple[int, bytes]] = []
    at = 0
    while at < len(raw):
        kind = raw[at]
        if kind == 0:
            out.append((0, b""))
            break
        if kind == 1:
            out.append((1, b""))
            at += 1
            continue
        out.append((kind, raw[at + 2 : at + raw[at + 1]]))
        at += raw[at + 1]
    return out


def decoded(time_ns: int, data: bytes) -> Seen:
    assert data[12:14] == b"\x08\x00"
    size, ip_id, fragment, ttl, proto = struct.unpack("!HHHBB", data[16:24])
    ip = data[14 : 14 + size]
    right = _sum_is_right(ip[:20]) and _sum_is_right(
        ip[12:20] + struct.pack("!HH", proto, size - 20) + ip[20:]
    )
    src, dst = (".".join(map(str, ip[at : at + 4])) for at in (12, 16))
    sport, dport = struct.unpack("!HH", ip[20:24])
    df = fragment == 0x4000
    seen = Seen(time_ns, len(data), src, dst, proto, sport, dport, ttl, ip_id, df, right)
    if proto == UDP:
        seen.payload = ip[28:]
        return seen
    seen.seq, seen.ack, offset, seen.flags, seen.window = struct.unpack("!IIBBH", ip[24:36])
    end = 20 + (offset >> 4) * 4
    seen.options, seen.payload = _options(ip[40:end]), ip[end:]
    return seen


def read(path: Path) -> list[Seen]:
    """All packets of a little-endian pcapng file with whole frames."""
    data, at, seen = path.read_bytes(), 0, []
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        assert data[at + size - 4 : at + size] == data[at + 4 : at + 8]
        if kind == 6:
            _, high, low, kept, whole = struct.unpack_from("<IIIII", data, at + 8)
            assert kept == whole
            seen.append(decoded(high << 32 | low, data[at + 28 : at + 28 + kept]))
        at += size
    return seen


def sent(packets: list[Seen], proto: int | None = None) -> list[Seen]:
    """Those that left the NAT, of one protocol or of all."""
    return [p for p in packets if p.src.startswith("203.") and proto in (None, p.proto)]


def first_syns(packets: list[Seen]) -> list[Seen]:
    """SYNs that open a connection, without their repetitions."""
    known: set[tuple[int, str, int, int]] = set()
    out: list[Seen] = []
    for p in sent(packets):
        key = p.sport, p.dst, p.dport, p.seq
        if p.is_first_syn and key not in known:
            known.add(key)
            out.append(p)
    return out


def by_flow(packets: list[Seen]) -> dict[tuple[int, str, int], list[Seen]]:
    """TCP packets that left, by own port, address and port of the far end."""
    flows: dict[tuple[int, str, int], list[Seen]] = defaultdict(list)
    for p in sent(packets, TCP):
        flows[p.sport, p.dst, p.dport].append(p)
    return dict(flows)


def steps(values: list[int], size: int = 65536) -> list[int]:
    """Differences of neighbours on a counter that wraps at ``size``."""
    return [(b - a) % size for a, b in itertools.pairwise(values)]
