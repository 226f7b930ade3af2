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
    frames = {f"ethernet_{i}": b"\1" + _ethernet(p) for i, p in enumerate(_packets())}
    frames |= {f"raw_{i}": b"\3" + p for i, p in enumerate(_packets())}
    _write("decode", frames)
    _write("track", {"session": b"".join(struct.pack("<BH", 1, len(p)) + p for p in _packets())})


if __name__ == "__main__":
    main()
