"""Totals without tables are those of the flows themselves."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from raw_ip import ACK, FIN, RAW, SYN, tcp_frame, udp_frame

from bench.generate import HEADER_ONLY_SNAPLEN, generate
from wiretell._core import FlowCounter, Reader
from wiretell.exporters.flow_totals import FlowTotals
from wiretell.sources.counted import CountedCaptures
from wiretell.sources.timeouts import Timeouts
from wiretell.sources.tracked import TrackedCaptures

_SHARED = (
    "NAT-source/nfstream__skype.pcap",
    "NAT-source/nDPI__netflix.pcap",
    "multi-clock/try-zeek__sumstat.pcap",
    "NAT-source/mercury__capture2.pcap",
)


def _both(path: Path, **given: object) -> tuple[str, str]:
    """What the counter says, and what the sums over all flows are, as JSON."""
    counted = CountedCaptures([str(path)], **given)  # type: ignore[arg-type]
    by_counter = FlowTotals.counted(*counted.totals()).json(counted.provenance())
    tracked = TrackedCaptures([str(path)], analysis=False, clocks=False, **given)  # type: ignore[arg-type]
    totals = FlowTotals()
    for flows in tracked.batches():
        totals.add(flows)
    return by_counter, totals.json(tracked.provenance())


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Connections, some of them one-sided or cut short, datagrams, and bytes that are no IP."""
    frames = [
        tcp_frame(sport=4000 + i % 50, flags=(SYN, ACK, ACK, FIN | ACK)[i % 4], seq=i)
        for i in range(400)
    ]
    frames += [udp_frame(sport=5000 + i, payload=b"x" * i) for i in range(20)]
    frames += [b"\x00\x01", b"\x45" + bytes(40)]
    path = tmp_path_factory.mktemp("counted") / "c.pcap"
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, RAW))
        for i, frame in enumerate(frames):
            head = struct.pack("<IIII", 1_760_000_000 + i // 2, i, len(frame), len(frame))
            file.write(head + frame)
    return path


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"max_packets": 77},
        {"filter": "udp"},
        {"timeouts": Timeouts(inactive_s=7, active_s=3)},
        {"batch_packets": 33},
    ],
)
def test_totals_are_those_of_the_flows(capture: Path, given: dict[str, object]) -> None:
    counted, summed = _both(capture, **given)
    assert counted == summed
    assert json.loads(counted)["flows"] > 0


@pytest.mark.parametrize("name", _SHARED)
def test_totals_of_real_captures(captures: Path, name: str) -> None:
    counted, summed = _both(captures / name)
    assert counted == summed


def test_threads_and_calls_change_nothing(captures: Path) -> None:
    path = captures / _SHARED[0]

    def told(threads: int, packets: int) -> tuple[object, ...]:
        counter, reader = FlowCounter(threads=threads), Reader([path])
        while counter.consume(reader, packets):
            pass
        counter.finish()
        return counter.totals(), counter.protocols(), counter.counters(), counter.weirds()

    whole = told(1, 1 << 40)
    assert whole[0]["flows"] > 100  # type: ignore[index]
    for threads, packets in ((1, 1000), (2, 1 << 40), (2, 5000), (4, 1 << 40)):
        assert told(threads, packets) == whole


def test_a_large_capture_is_read_ahead_with_the_same_result(tmp_path: Path) -> None:
    path = tmp_path / "headers.pcap"
    generate(path, 210_000, HEADER_ONLY_SNAPLEN)
    assert path.stat().st_size > 16 << 20

    def told(threads: int) -> tuple[object, ...]:
        counter, reader = FlowCounter(threads=threads), Reader([path])
        counter.consume(reader, 1 << 40)
        counter.finish()
        return counter.totals(), counter.counters(), reader.counters(), reader.files()

    whole = told(1)
    assert whole == told(2) == told(4)
    assert whole[0]["packets"] == 210_000  # type: ignore[index]


def test_limits_out_of_range_are_the_callers_mistake() -> None:
    for given in ({"max_flows": 0}, {"threads": 0}):
        with pytest.raises(ValueError, match=r"max_flows|threads"):
            FlowCounter(**given)
