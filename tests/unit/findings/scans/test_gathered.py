"""What is kept of a capture is bounded and counted, and does not depend on how it was cut."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scanned import NEIGHBOUR, PORTS, SCANNER, TARGET, zombie

from lab.scans import simulate
from lab.scans.simulate import Host
from lab.sim.write import CapturedPacket, write_pcap
from wiretell.findings.scans.finding import Scans
from wiretell.findings.scans.gathered import MAX_ROWS, Gathered, gather
from wiretell.findings.scans.survey import find_scans
from wiretell.sources import segments
from wiretell.sources.segments import SegmentStream


def gathered(path: Path, max_rows: int = MAX_ROWS) -> Gathered:
    whole = Gathered()
    for each in SegmentStream([os.fspath(path)]).batches():
        whole = gather(whole, each.packets, each.segments, each.flows, max_rows=max_rows)
    return whole


def found(path: Path, max_rows: int = MAX_ROWS) -> Scans:
    return find_scans(gathered(path, max_rows), {})


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An idle scan, a decoy scan and ordinary traffic at once."""
    other = Host("198.51.100.11", open_ports=frozenset({22}))
    names = [Host("192.0.2.130"), NEIGHBOUR, SCANNER]
    parts = [
        simulate.idle(1, SCANNER, zombie(), TARGET, PORTS, "zombie"),
        simulate.decoys(2, "syn", SCANNER, names, other, PORTS, alive=[NEIGHBOUR]),
        *(packets for _, packets in simulate.innocents(3)),
    ]
    path = tmp_path_factory.mktemp("mixed") / "mixed.pcap"
    write_pcap(path, sorted(packet for part in parts for packet in part))
    return path


def test_scans_among_other_traffic_are_found(mixed: Path) -> None:
    assert [(each.kind, each.scanner) for each in found(mixed).likely] == [
        ("idle_scan", SCANNER.address),
        ("decoy_scan", SCANNER.address),
    ]


@pytest.mark.parametrize("batch", [1000, 97])
def test_batches_of_any_size_give_the_same(
    batch: int, mixed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = found(mixed)
    monkeypatch.setattr(segments, "BATCH_PACKETS", batch)
    cut = found(mixed)
    assert cut.counts == whole.counts
    assert cut.likely == whole.likely


def _flood(n: int) -> list[CapturedPacket]:
    """SYNs in `n` drawn names to one port, and behind them a scan of another host."""
    wire = simulate.Wire(random.Random(1))
    for k in range(n):
        claimed = Host(f"10.{k >> 16 & 255}.{k >> 8 & 255}.{k & 255}")
        probe = simulate._packet(claimed, 1024 + k % 60_000, TARGET, 80, flags=simulate.SYN)
        wire.crafted(SCANNER, claimed, probe)
    other = Host("198.51.100.11")
    return sorted([*wire.packets, *simulate.scan(2, "syn", NEIGHBOUR, other, PORTS)])


def test_a_flood_is_thinned_counted_and_hides_no_scan(tmp_path: Path) -> None:
    path = tmp_path / "flood.pcap"
    write_pcap(path, _flood(3000))
    limited = found(path, max_rows=500)
    assert limited.counts["probes"] <= 500
    assert limited.counts["probes"] + limited.counts["probes_dropped"] == 3000 + len(PORTS)
    assert limited.counts["events_dropped"] > 0
    assert ("port_scan", NEIGHBOUR.address) in [
        (each.kind, each.scanner) for each in limited.likely
    ]
    assert found(path).counts["probes_dropped"] == 0


@settings(max_examples=10)
@given(st.lists(st.binary(max_size=90), max_size=40), st.integers(0, 2**32))
def test_any_bytes_are_counted_and_no_exception(frames: list[bytes], seed: int) -> None:
    """Frames of a real scan with parts overwritten, and frames of nothing but noise."""
    rng = random.Random(seed)
    scan = simulate.idle(seed, SCANNER, zombie(), TARGET, PORTS[:8], "zombie")
    packets = []
    for at, packet in enumerate(scan):
        data = bytearray(packet.data)
        if frames and at % 3 == 0:
            noise = frames[at % len(frames)]
            place = rng.randrange(len(data))
            data[place : place + len(noise)] = noise
        packets.append(CapturedPacket(packet.time_ns, bytes(data), len(data)))
    packets += [
        CapturedPacket(simulate.START_NS + n, data, len(data)) for n, data in enumerate(frames)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noise.pcap"
        write_pcap(path, packets)
        assert all(0 <= each.probability <= 1 for each in found(path).findings)


def test_an_empty_capture_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "empty.pcap"
    write_pcap(path, [])
    assert found(path).findings == ()
