"""Clocks that payloads tell: ICMP timestamps of either byte order, NTP, HTTP Date, RTP."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sides_builder import START_NS, ns

from wiretell.findings.clocks.report import clock_report
from wiretell.findings.clocks.told import icmp_readings, rtp_readings, told_units
from wiretell.model.clocks import READINGS
from wiretell.model.report import Report
from wiretell.model.tables import (
    ADDRESSES,
    DEVICES,
    EVIDENCE,
    FLOWS,
    MEMBERS,
    OBSERVATIONS,
    SAMPLES,
)

DAY_MS = 86_400_000
HOST, OBSERVER = "192.0.2.9", "192.0.2.1"


def stamps(skew_ppm: float, *, little: bool, ahead_s: float = 0.0, n: int = 600) -> pl.DataFrame:
    """ICMP timestamp replies over ten minutes, across midnight."""
    rng = np.random.default_rng(3)
    midnight = (START_NS // 10**9 // 86_400 + 1) * 86_400
    sent = midnight - 300.0 + np.sort(rng.uniform(0.0, 600.0, n))
    seen = sent + 0.01 + rng.exponential(0.002, n)
    told = (sent + ahead_s + skew_ppm * 1e-6 * (sent - sent[0])) % 86_400.0
    ms = (told * 1000.0).astype(np.int64)
    if little:
        ms = ms.astype("<u4").view(">u4").astype(np.int64)
    return pl.DataFrame(
        {"src": [HOST] * n, "dst": [OBSERVER] * n, "time_ns": (seen * 1e9).astype(np.int64)}
    ).with_columns(stamp=pl.Series(ms, dtype=pl.UInt32))


@pytest.mark.parametrize("little", [False, True])
def test_an_icmp_clock_is_read_across_midnight_in_either_byte_order(little: bool) -> None:
    readings = icmp_readings(stamps(80.0, little=little, ahead_s=2.5))
    assert readings.schema == READINGS.schema
    (unit,) = told_units(readings, int(readings["time_ns"].min()))  # type: ignore[call-overload]
    assert unit.told is not None
    assert unit.told.note == ("little-endian" if little else "")
    assert unit.clock.skew_ppm == pytest.approx(80.0, abs=4.0 * unit.clock.error_ppm)
    assert unit.clock.error_ppm < 2.0
    # 80 ppm over five minutes, and the 10 ms of the way.
    assert unit.told.ahead_s == pytest.approx(2.5 + 0.024 - 0.010, abs=0.003)


def test_stamps_that_are_no_time_of_day_are_left_out() -> None:
    odd = stamps(0.0, little=False).with_columns(stamp=pl.lit(0x80000001, pl.UInt32))
    assert icmp_readings(odd.head(1)).height <= 1
    none = stamps(0.0, little=False).with_columns(stamp=pl.lit(0xFFFFFFFF, pl.UInt32))
    assert icmp_readings(none).is_empty()


def media(hz: float, *, in_order: bool = True, n: int = 800) -> pl.DataFrame:
    rng = np.random.default_rng(4)
    sent = np.arange(n) * 0.02
    seen = sent + rng.exponential(0.001, n)
    seq = (65_500 + np.arange(n)) % 65_536
    if not in_order:
        seq = rng.integers(0, 65_536, n)
    return pl.DataFrame(
        {
            "src": [HOST] * n,
            "dst": [OBSERVER] * n,
            "sport": [5004] * n,
            "dport": [6004] * n,
            "time_ns": [ns(t) for t in np.sort(seen)],
            "ssrc": [0xABCDEF01] * n,
            "kind": [0] * n,
            "seq": seq,
            "stamp": (4_294_960_000 + np.rint(sent * hz * (1.0 + 60e-6)).astype(np.int64)) % 2**32,
        }
    )


def test_a_media_stream_is_a_clock_and_noise_is_none() -> None:
    (unit,) = told_units(rtp_readings(media(8000.0)), START_NS)
    assert (unit.source, unit.clock.nominal_hz) == ("rtp", 8000.0)
    assert unit.clock.skew_ppm == pytest.approx(60.0, abs=4.0 * unit.clock.error_ppm)
    assert rtp_readings(media(8000.0, in_order=False)).is_empty()
    assert rtp_readings(media(5000.0)).is_empty()
    assert rtp_readings(media(8000.0).head(20)).is_empty()


def test_ntp_servers_tell_the_observers_own_error() -> None:
    """An observer 6 ppm fast: what servers of time and a host that keeps it say of it."""
    rng = np.random.default_rng(5)
    rows, flows = [], []
    for flow in range(90):
        at, host = 40.0 * flow + 5.0, ("203.0.113.1", "203.0.113.2", HOST)[flow % 3]
        quantity = "http_date" if host == HOST else "ntp_transmit"
        off = -6e-6 * at - rng.exponential(0.001)
        if quantity == "http_date":
            off = float(np.floor(START_NS / 1e9 + at + off) - START_NS / 1e9 - at)
        rows.append(
            {
                "signal": "names",
                "address": host,
                "flow_id": flow,
                "side": 1,
                "quantity": quantity,
                "value": off,
                "time_ns": ns(at),
            }
        )
        flows.append({"flow_id": flow, "orig_h": OBSERVER, "resp_h": host, "first_ns": START_NS})
    report = Report(
        flows=FLOWS.frame(flows),
        samples=SAMPLES.empty(),
        observations=OBSERVATIONS.frame(rows),
        evidence=EVIDENCE.empty(),
        addresses=ADDRESSES.empty(),
        devices=DEVICES.empty(),
        members=MEMBERS.empty(),
        provenance={},
    )
    found = clock_report(report, level="address")
    by_source = {row["source"]: row for row in found.clocks.to_dicts()}
    assert set(by_source) == {"ntp", "http_date"}
    assert by_source["ntp"]["common_ppm"] == pytest.approx(-6.0, abs=0.5)
    assert by_source["ntp"]["relative_ppm"] == pytest.approx(0.0, abs=1.0)
    assert any("NTP servers" in note for note in found.notes)
    assert by_source["http_date"]["quality"] in ("rough", "too short")
    assert by_source["http_date"]["offset_regime"] == "time of day"
