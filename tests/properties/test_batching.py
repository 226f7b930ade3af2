"""Flows do not depend on how the stream is cut, nor on any bytes, nor grow past their cap."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from raw_ip import ACK, FIN, RAW, RST, SYN, tcp_frame, udp_frame
from tracked_flows import NO_BATCH, Frame, push, track

from bench.generate import FULL_SNAPLEN, generate

S = 1_000_000_000
START_NS = 1_700_000_000 * S

LIMITS = {"max_flows": 3, "max_payload_bytes": 12, "payload_budget_bytes": 30,
          "samples_per_side": 4, "max_hull": 3}  # fmt: skip
"""So tight that a few frames reach every one of them."""


@st.composite
def streams(draw: st.DrawFn) -> list[Frame]:
    """A few connections' packets, at times that now and then jump, ports used again."""
    frames: list[Frame] = []
    time_ns = START_NS
    for number in range(draw(st.integers(1, 60))):
        time_ns += draw(st.sampled_from([0, 1, S // 1000, S, 6 * S, 100 * S, -S, 3 * 86_400 * S]))
        port = draw(st.integers(1, 5))
        back = draw(st.booleans())
        ends = {"src": "192.0.2.1", "dst": "198.51.100.1", "sport": port, "dport": 80}
        if back:
            ends = {"src": "198.51.100.1", "dst": "192.0.2.1", "sport": 80, "dport": port}
        payload = draw(st.binary(max_size=20))
        if port == 5:
            data = udp_frame(**ends, ipid=number, payload=payload)
        else:
            data = tcp_frame(
                **ends,
                flags=draw(st.sampled_from([SYN, SYN | ACK, ACK, ACK, ACK, FIN | ACK, RST])),
                seq=draw(st.integers(0, 40)),
                ack=draw(st.integers(0, 3)),
                tsval=draw(st.none() | st.integers(0, 2**32 - 1)),
                ipid=number,
                payload=payload,
            )
        frames.append((time_ns, RAW, data))
    return frames


@settings(max_examples=150, deadline=None)
@given(frames=streams(), drain_every=st.integers(1, 7))
def test_draining_at_any_time_changes_nothing(frames: list[Frame], drain_every: int) -> None:
    whole = push(frames, **LIMITS)
    parts = push(frames, drain_every=drain_every, **LIMITS)
    assert_frame_equal(whole[0], parts[0])
    assert_frame_equal(whole[1], parts[1])
    assert whole[2].counters() == parts[2].counters()


@settings(max_examples=100, deadline=None)
@given(frames=streams())
def test_every_packet_is_in_one_flow(frames: list[Frame]) -> None:
    flows, _, tracker = push(frames, **LIMITS)
    assert flows["flow_id"].to_list() == list(range(flows.height))
    assert flows["orig_pkts"].sum() + flows["resp_pkts"].sum() == len(frames)
    assert tracker.counters()["active_flows"] == 0


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.sampled_from([1, RAW, 113, 228]),
                          st.binary(max_size=120)), max_size=30))  # fmt: skip
def test_any_bytes_at_any_time(frames: list[Frame]) -> None:
    _, _, tracker = push(frames, **LIMITS)
    assert tracker.counters()["packets"] == len(frames)


def test_any_batching_of_a_real_capture(captures: Path) -> None:
    paths = [captures / "nat/phones_a.pcap"]
    whole = track(paths)
    for batch in (1, 7, 1000):
        parts = track(paths, batch=batch)
        assert_frame_equal(whole[0], parts[0])
        by = ["flow_id", "side", "time_ns", "ipid", "tsval"]
        assert_frame_equal(whole[1].sort(by), parts[1].sort(by))


@pytest.mark.parametrize("ct", [None, "linux"])
def test_any_number_of_threads_gives_the_same(tmp_path: Path, ct: str | None) -> None:
    path = tmp_path / "many.pcap"
    generate(path, 40_000, FULL_SNAPLEN)
    limits: dict[str, Any] = {"ct": ct, "max_flows": 400, "payload_budget_bytes": 100_000}
    whole = track([path], threads=1, **limits)
    assert (whole[0]["end_reason"] == "evicted").any()
    for threads in (1, 2, 4):
        for batch in (NO_BATCH, 5000):
            parts = track([path], threads=threads, batch=batch, **limits)
            assert_frame_equal(whole[0], parts[0])
            by = ["flow_id", "side", "time_ns", "ipid", "tsval"]
            assert_frame_equal(whole[1].sort(by), parts[1].sort(by))


def test_a_flood_of_new_flows_is_evicted_and_counted() -> None:
    frames = (
        (START_NS + number, RAW, tcp_frame(src=f"10.0.{number >> 8}.{number & 255}", flags=SYN))
        for number in range(20_000)
    )
    flows, _, tracker = push(frames, max_flows=1000)
    assert tracker.counters()["evicted_flows"] == 19_000
    assert flows.filter(pl.col("end_reason") == "evicted")["flow_id"].max() == 18_999


def test_a_lone_absurd_date_changes_no_times() -> None:
    absurd = START_NS + 20 * 365 * 86_400 * S
    frames = [(START_NS + i * S, RAW, tcp_frame(tsval=100 + i, seq=i)) for i in range(10)]
    for at in (0, 5, 10):
        stamped = [*frames[:at], (absurd, RAW, tcp_frame(tsval=1, seq=99)), *frames[at:]]
        flows, samples, tracker = push(stamped)
        row = flows.row(0, named=True)
        assert tracker.counters()["time_absurd"] == 1
        assert (row["first_ns"], row["last_ns"]) == (START_NS, START_NS + 9 * S)
        assert (row["orig_pkts"], row["orig_ts_n"], samples.height) == (11, 10, 10)
