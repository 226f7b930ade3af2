"""The whole analysis on hostile input: never an exception, and its tables hold together."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from raw_ip import ACK, FIN, RAW, RST, SYN, tcp_frame, udp_frame

import wiretell
from wiretell.model.report import Report
from wiretell.model.tables import REPORT_TABLES

Record = tuple[int, bytes]
"""Time in us and the bytes of a raw IP frame."""

START_S = 1_790_000_000
HOSTS = ["203.0.113.7", "198.51.100.1", "198.51.100.2", "203.0.113.7", "203.0.113.7"]
FLAGS = [SYN, SYN, SYN | ACK, ACK, ACK, FIN | ACK, RST]


def pcap(records: list[Record]) -> bytes:
    """A capture of raw IP with times in us."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, RAW)]
    for time_us, data in records:
        stamp = struct.pack("<II", time_us // 1_000_000 & 0xFFFFFFFF, time_us % 1_000_000)
        parts.append(stamp + struct.pack("<II", len(data), len(data)) + data)
    return b"".join(parts)


@st.composite
def plausible(draw: st.DrawFn) -> bytes:
    """A frame with a header that decodes, between few ends."""
    src, dst = draw(st.sampled_from(HOSTS)), draw(st.sampled_from(HOSTS))
    ports = st.sampled_from([53, 80, 443, 1024, 40_000, 40_002, 65_535]) | st.integers(0, 65_535)
    ends = {"src": src, "dst": dst, "sport": draw(ports), "dport": draw(ports)}
    payload = draw(st.just(b"") | st.binary(max_size=60))
    ipid = draw(st.integers(0, 65_535))
    if draw(st.booleans()):
        return udp_frame(**ends, ipid=ipid, payload=payload)
    return tcp_frame(
        **ends,
        flags=draw(st.sampled_from(FLAGS)),
        seq=draw(st.integers(0, 2**32 - 1)),
        tsval=draw(st.none() | st.integers(0, 2**32 - 1)),
        ipid=ipid,
        payload=payload,
    )


@st.composite
def captures_of(draw: st.DrawFn) -> list[Record]:
    """Frames, some of them noise, at times that now and then jump."""
    records: list[Record] = []
    time_us = START_S * 1_000_000
    for _ in range(draw(st.integers(0, 40))):
        time_us += draw(st.sampled_from([0, 1, 900, 200_000, 7_000_000, -400_000, 10**11]))
        records.append((time_us, draw(plausible() | plausible() | st.binary(max_size=80))))
    return records


def check(report: Report) -> None:
    """What holds for every report, whatever was captured."""
    for table in REPORT_TABLES:
        assert report.tables()[table.name].schema == table.schema, table.name
    assert not report.provenance["failed_signals"]
    devices, members, addresses = report.devices, report.members, report.addresses
    assert devices["device"].is_unique().all()
    assert addresses["address"].is_unique().all()
    assert members.select("flow_id", "side").is_duplicated().sum() == 0
    sides = pl.concat(
        report.flows.select("flow_id", pl.lit(side, pl.UInt8).alias("side"), address=f"{end}_h")
        for side, end in enumerate(("orig", "resp"))
    )
    judged = sides.join(addresses, on="address", how="semi")
    assert_frame_equal(judged, members.select("flow_id", "side", "address"), check_row_order=False)
    for row in addresses.iter_rows(named=True):
        own = devices.filter(pl.col("address") == row["address"])
        assert row["n_devices"] == own.height >= 1
        assert 1 <= row["low"] <= row["n_devices"] <= row["high"]
        assert 0.0 <= row["probability"] <= 1.0 + 1e-9
        assert row["reasons"]
    assert devices["confidence"].is_between(0.0, 1.0).all()
    assert members["confidence"].is_between(0.0, 1.0).all()
    assert (devices["reasons"].list.len() > 0).all()
    assert set(members["device"].drop_nulls()) <= set(devices["device"])
    counts = members.drop_nulls("device").group_by("device").agg(n=pl.len())
    both = devices.join(counts, on="device", how="left")
    assert (both["n"] == both["n_flows"]).all()
    assert report.evidence["bits"].is_finite().all()


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(captures_of())
@example([])
def test_any_capture(tmp_path: Path, records: list[Record]) -> None:
    path = tmp_path / "any.pcap"
    path.write_bytes(pcap(records))
    report = wiretell.analyze(path)
    check(report)
    again = wiretell.analyze(path)
    for name, table in report.tables().items():
        assert_frame_equal(table, again.tables()[name])


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=600))
def test_any_bytes_after_the_header(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "noise.pcap"
    path.write_bytes(pcap([]) + body)
    check(wiretell.analyze(path))


def test_a_thousand_flows_of_noise(tmp_path: Path) -> None:
    """Ports, offsets and identifications at random: one machine, and no signal fails."""
    rng = random.Random(1)
    records = []
    for i in range(1000):
        ends = {
            "src": HOSTS[0],
            "dst": f"198.51.100.{i % 40}",
            "sport": rng.randrange(1024, 65_536),
        }
        for step in range(3):
            time_us = START_S * 1_000_000 + i * 300_000 + step * 50_000
            flags = SYN if step == 0 else ACK
            frame = tcp_frame(
                **ends,
                dport=443,
                flags=flags,
                tsval=rng.randrange(2**32),
                ipid=rng.randrange(65_536),
            )
            records.append((time_us, frame))
    path = tmp_path / "noise.pcap"
    path.write_bytes(pcap(sorted(records)))
    report = wiretell.analyze(path)
    check(report)
    client = report.addresses.row(by_predicate=pl.col("address") == HOSTS[0], named=True)
    assert client["n_devices"] == 1
