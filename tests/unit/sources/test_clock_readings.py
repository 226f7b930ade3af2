"""Clocks in payloads, from captured bytes to the table: ICMP timestamps and RTP."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from raw_ip import RAW, udp_frame

from wiretell.pipeline import measure_clocks

START_S = 1_790_000_000.0
HOST, OTHER = "198.51.100.9", "192.0.2.1"


def icmp_frame(kind: int, ms: int, seq: int) -> bytes:
    """A timestamp message: a request from OTHER, or HOST's reply."""
    src, dst = (OTHER, HOST) if kind == 13 else (HOST, OTHER)
    stamps = (ms, 0, 0) if kind == 13 else (0, ms, ms)
    rest = struct.pack("!BBHHHIII", kind, 0, 0, 77, seq, *stamps)
    ends = b"".join(bytes(map(int, address.split("."))) for address in (src, dst))
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(rest), seq, 0, 64, 1, 0)
    return head + ends + rest


def write(path: Path, frames: list[tuple[float, bytes]]) -> None:
    parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65_535, RAW)]
    for at, frame in sorted(frames):
        second, ns = divmod(round((START_S + at) * 1e9), 10**9)
        parts += [struct.pack("<IIII", second, ns, len(frame), len(frame)), frame]
    path.write_bytes(b"".join(parts))


def test_both_kinds_are_read_from_a_capture(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    frames: list[tuple[float, bytes]] = []
    for seq in range(300):
        at = 0.5 * seq
        frames.append((at, icmp_frame(13, int((START_S + at) * 1000.0) % 86_400_000, seq)))
        told = START_S + at + 0.001 + 100e-6 * at
        late = at + 0.002 + float(rng.exponential(0.001))
        frames.append((late, icmp_frame(14, int(told * 1000.0) % 86_400_000, seq)))
    for seq in range(2000):
        at = 0.02 * seq
        stamp = round(8000.0 * at * (1.0 - 40e-6))
        media = struct.pack("!BBHII", 0x80, 8, seq, stamp, 0x1234) + bytes(20)
        late = at + float(rng.exponential(0.0005))
        frames.append((late, udp_frame(src=HOST, dst=OTHER, sport=7000, dport=7002, payload=media)))
    capture = tmp_path / "told.pcap"
    write(capture, frames)
    found = measure_clocks(capture, level="address")
    rows = {(row["address"], row["source"]): row for row in found.clocks.to_dicts()}
    host = rows[HOST, "icmp_timestamp"]
    assert host["best_ppm"] == pytest.approx(100.0, abs=max(2.0, 4.0 * host["best_se_ppm"]))
    assert host["ahead_ms"] == pytest.approx(7.5, abs=3.0)
    asker = rows[OTHER, "icmp_timestamp"]
    assert asker["best_ppm"] == pytest.approx(0.0, abs=max(2.0, 4.0 * asker["best_se_ppm"]))
    stream = rows[HOST, "rtp"]
    assert stream["nominal_hz"] == 8000.0
    assert stream["best_ppm"] == pytest.approx(-40.0, abs=max(2.0, 4.0 * stream["best_se_ppm"]))
    assert stream["boot"].startswith("unknowable")
    assert found.provenance["counters"]["clock_readings_left_out"] == 0
