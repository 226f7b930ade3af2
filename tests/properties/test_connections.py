"""The connection tracker: a row per packet, however the stream is cut; flows stay as they are."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from raw_ip import ACK, FIN, RAW, RST, SYN, tcp_frame, udp_frame
from tracked_flows import Frame, push

from wiretell import _core
from wiretell.model.segments import CT_STATES, ENTRIES, SEGMENTS, TCP_STATES
from wiretell.model.tables import STREAM_TOTALS

S = 1_000_000_000
START_NS = 1_700_000_000 * S
CLIENT, SERVER = "192.0.2.1", "198.51.100.1"


@st.composite
def streams(draw: st.DrawFn) -> list[Frame]:
    """Two connections' packets near each other's windows, at times that now and then jump."""
    frames: list[Frame] = []
    time_ns = START_NS
    for number in range(draw(st.integers(1, 50))):
        time_ns += draw(st.sampled_from([0, S // 1000, S, 6 * S, 100 * S, -S]))
        port = draw(st.integers(1, 3))
        ends = {"src": CLIENT, "dst": SERVER, "sport": port, "dport": 80}
        if draw(st.booleans()):
            ends = {"src": SERVER, "dst": CLIENT, "sport": 80, "dport": port}
        payload = draw(st.binary(max_size=20))
        if port == 3:
            data = udp_frame(**ends, ipid=number, payload=payload)
        else:
            data = tcp_frame(
                **ends,
                flags=draw(st.sampled_from([SYN, SYN | ACK, ACK, ACK, ACK, FIN | ACK, RST, 0])),
                seq=draw(st.integers(0, 3000)),
                ack=draw(st.integers(0, 3000)),
                payload=payload,
            )
        frames.append((time_ns, RAW, data))
    return frames


def rows(frames: list[Frame], every: int, **limits: str) -> pl.DataFrame:
    """The segments of frames pushed one at a time, drained after every so many."""
    tracker = _core.Tracker(**({"ct": "linux"} | limits), segments=True)
    parts = [SEGMENTS.empty()]
    for number, frame in enumerate(frames, 1):
        tracker.push(*frame)
        if number % every == 0 and (batch := tracker.drain_segments()) is not None:
            parts.append(pl.DataFrame(batch))
    tracker.finish()
    if (batch := tracker.drain_segments()) is not None:
        parts.append(pl.DataFrame(batch))
    return pl.concat(parts)


@settings(max_examples=100, deadline=None)
@given(frames=streams(), every=st.integers(1, 7))
def test_draining_at_any_time_changes_nothing(frames: list[Frame], every: int) -> None:
    whole, parts = rows(frames, 1 << 40), rows(frames, every)
    assert_frame_equal(whole, parts)
    assert whole["packet"].to_list() == list(range(1, len(frames) + 1))


@settings(max_examples=100, deadline=None)
@given(frames=streams(), ct=st.sampled_from(["linux", "pf-like", "strict", "linux,liberal"]))
def test_flows_do_not_know_that_they_are_watched(frames: list[Frame], ct: str) -> None:
    plain, watched = push(frames), push(frames, ct=ct, segments=True)
    totals = [column.name for column in STREAM_TOTALS]
    tcp = watched[0].filter(proto=6)
    # Round trips that were not measured have no time.
    counted = [name for name in totals if not name.endswith("_ns")]
    assert tcp.select(counted).null_count().sum_horizontal().sum() == 0
    assert plain[0].select(pl.col(totals).is_null().all()).row(0) == (True,) * len(totals)
    assert_frame_equal(plain[0].drop(totals), watched[0].drop(totals))
    assert_frame_equal(plain[1], watched[1])


@settings(max_examples=100, deadline=None)
@given(frames=streams())
def test_what_if_is_the_other_settings_word(frames: list[Frame]) -> None:
    both = rows(frames, 1 << 40, ct="linux", what_if="strict")
    strict = rows(frames, 1 << 40, ct="strict")
    seen = both.select(
        pl.coalesce("what_if_ct_state", "ct_state").alias("ct_state"),
    )
    assert_frame_equal(seen, strict.select("ct_state"))


@settings(max_examples=50, deadline=None)
@given(frames=streams(), ct=st.sampled_from(["linux", "strict"]))
def test_rows_are_what_the_schema_says(frames: list[Frame], ct: str) -> None:
    table = rows(frames, 1 << 40, ct=ct)
    assert table.schema == SEGMENTS.schema
    reasons = {name for name, _ in _core.ct_reasons()}
    assert set(table["ct_state"]) <= set(CT_STATES)
    assert set(table["tcp_state"].drop_nulls()) <= set(TCP_STATES)
    assert set(table["reason"].drop_nulls()) | set(table["note"].drop_nulls()) <= reasons
    invalid = pl.col("ct_state") == "invalid"
    assert table.filter(invalid != pl.col("reason").is_not_null()).is_empty()


def test_a_handshake_in_numbers() -> None:
    ends = {"src": CLIENT, "dst": SERVER, "sport": 4000, "dport": 80}
    back = {"src": SERVER, "dst": CLIENT, "sport": 80, "dport": 4000}
    segments = [
        tcp_frame(**ends, flags=SYN, seq=2**32 - 1),
        tcp_frame(**back, flags=SYN | ACK, seq=700, ack=0),
        tcp_frame(**ends, flags=ACK, seq=0, ack=701, payload=b"hello"),
        tcp_frame(**back, flags=RST, seq=5000, ack=5),
    ]
    frames = [(START_NS + i * S, RAW, data) for i, data in enumerate(segments)]
    table = rows(frames, 1 << 40)
    assert table["ct_state"].to_list() == ["new", "established", "established", "invalid"]
    assert table["tcp_state"].to_list() == ["syn_sent", "syn_recv", "established", "established"]
    assert table["reply"].to_list() == [False, True, False, True]
    assert table["seq_rel"].to_list() == [0, 0, 1, 4300]
    assert table["ack_rel"].to_list() == [None, 1, 1, None]
    assert table["next_seq_rel"].to_list() == [1, 1, 6, 4300]
    # The client's ACK of 701 let the server send up to 701 + 1000.
    last = table.row(3, named=True)
    assert (last["reason"], last["bound"], last["excess"]) == ("seq_over", 1702, 3299)
    assert last["bound_packet"] == 3


def test_entries_are_what_is_remembered() -> None:
    tracker = _core.Tracker(ct="linux")
    ends = {"src": CLIENT, "dst": SERVER, "sport": 4000}
    back = {"src": SERVER, "dst": CLIENT, "dport": 4000}
    frames = [
        tcp_frame(**ends, dport=21, flags=SYN, seq=9),
        tcp_frame(**back, sport=21, flags=SYN | ACK, seq=99, ack=10),
        tcp_frame(**ends, dport=21, flags=ACK, seq=10, ack=100),
        udp_frame(**ends, dport=53),
    ]
    for i, data in enumerate(frames):
        tracker.push(START_NS + i * S, RAW, data)
    tracker.finish()
    batch = tracker.entries()
    assert batch is not None
    table = pl.DataFrame(batch)
    assert table.schema == ENTRIES.schema
    first, second = table.iter_rows(named=True)
    assert (first["src"], first["sport"], first["dport"]) == (CLIENT, 4000, 21)
    assert (first["tcp_state"], first["timeout_s"], first["helper"]) == (
        "established",
        431999,
        "ftp",
    )
    assert (first["replied"], first["assured"]) == (True, True)
    assert (second["proto"], second["timeout_s"], second["replied"]) == (17, 30, False)
    assert (second["tcp_state"], second["helper"], second["icmp_id"]) == (None, None, None)
    # 30 seconds later only the connection is known.
    tracker.push(START_NS + 40 * S, RAW, tcp_frame(**ends, dport=21, seq=10, ack=100))
    batch = tracker.entries()
    assert batch is not None
    assert pl.DataFrame(batch)["dport"].to_list() == [21]
    assert _core.Tracker().entries() is None


@pytest.mark.parametrize("words", [{"ct": "lose"}, {"segments": True}, {"what_if": "strict"}])
def test_settings_that_are_none(words: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"lose|need ct"):
        _core.Tracker(**words)  # type: ignore[arg-type]


def test_transitions_are_data() -> None:
    table = _core.tcp_transitions()
    assert len(table) == len(set(table)) == 2 * 10 * 5
    assert {state for _, state, _, _ in table} == set(TCP_STATES)
    assert {outcome for *_, outcome in table} <= {*TCP_STATES, "pass", "refuse"}
    assert ("orig", "none", "syn", "syn_sent") in table
