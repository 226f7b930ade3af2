"""The walk and its sentences, on connections made by hand."""

from __future__ import annotations

import polars as pl
import pytest
from hand_connection import FLOW, MS, opening, row, text, told
from hand_segments import segments
from hypothesis import given
from hypothesis import strategies as st
from raw_ip import ACK, FIN, RAW, RST, SYN, tcp_frame

from wiretell._core import Tracker
from wiretell.findings.explain.connection import explain
from wiretell.findings.explain.explanation import Explanation
from wiretell.findings.explain.memory import WRAP, unwrapped
from wiretell.model.packets import PACKETS


def test_numbers_that_wrap_are_said_and_go_on() -> None:
    isn = WRAP - 6
    rows = [*opening(isn), row(4, 0, ACK, isn + 1, 5001, 10), row(5, 1, ACK, 5001, isn + 11)]
    connection = told(rows)
    data, ack = connection.packets[3], connection.packets[4]
    assert data.numbers is not None and ack.numbers is not None
    assert (data.numbers.seq, data.numbers.next_seq) == (WRAP - 5, 5)
    assert (data.numbers.seq_rel, data.numbers.next_seq_rel) == (1, 11)
    assert "passes 4294967295 and goes on from 0, so the next is 5" in text(connection, 4, "seq")
    assert ack.numbers.ack_rel == 11
    assert "10 bytes (1 to 10)" in text(connection, 5, "ack")


def test_relative_numbers_go_on_past_4_gib() -> None:
    """The tracker's own are 32 bits wide; a walk of a long transfer unwraps them."""
    step = 1 << 30
    rows = [*opening()]
    n_big = 6
    for place in range(n_big):
        seq = 1001 + place * step
        rows.append(row(4 + 2 * place, 0, ACK, seq, 5001, step))
        rows.append(row(5 + 2 * place, 1, ACK, 5001, seq + step))
    connection = told(rows)
    last = connection.packets[-1].numbers
    assert last is not None and last.ack_rel == 1 + n_big * step > WRAP
    assert any("more than 4 GiB" in text(connection, p.packet, "seq") for p in connection.packets)


@given(st.integers(0, 1 << 40), st.integers(-(1 << 31) + 1, (1 << 31) - 1))
def test_unwrapping_finds_the_nearest_number(near: int, off: int) -> None:
    assert unwrapped((near + off) % WRAP, near) == near + off


def test_windows_are_scaled_only_where_both_sides_offered_it() -> None:
    both = told([*opening(wscale=7), row(4, 1, ACK, 5001, 1001, 5)])
    assert "1000 x 2^7 = 128000 bytes" in text(both, 4, "window")
    syn_only = [row(1, 0, SYN, 1000, wscale=7), *opening()[1:], row(4, 1, ACK, 5001, 1001, 5)]
    one = told(syn_only)
    assert "Window 1000 bytes, not scaled" in text(one, 4, "window")
    assert "although the client offered one" in text(one, 2, "options")


def test_a_window_without_its_syns_has_no_known_scale() -> None:
    connection = told([row(1, 0, ACK, 1000, 5000, 5), row(2, 1, ACK, 5000, 1005)])
    assert "with which scale is not known" in text(connection, 1, "window")
    assert [party.name for party in connection.parties] == ["originator", "responder"]


def test_a_window_that_is_taken_back_is_named_and_rounding_is_not() -> None:
    rows = [
        *opening(),
        row(4, 0, ACK, 1001, 5001, window=2000),
        row(5, 0, ACK, 1001, 5001, window=500),
    ]
    assert "moves back by 1500 bytes" in text(told(rows), 5, "window")
    assert "shrunk" not in text(told(opening(wscale=7)), 3, "window")


def test_sack_blocks_and_duplicates_are_told() -> None:
    rows = [
        *opening(sack_ok=True),
        row(4, 0, ACK, 1001, 5001, 100),
        row(5, 0, ACK, 1201, 5001, 100),
        row(6, 1, ACK, 5001, 1101, sack=[1201, 1301]),
        row(7, 1, ACK, 5001, 1301, sack=[1001, 1101]),
    ]
    connection = told(rows)
    assert "bytes 201 to 300 of the client arrived too, although byte 101" in text(
        connection, 6, "sack"
    )
    assert "bytes 1 to 100 of the client arrived twice" in text(connection, 7, "sack")


def test_an_echo_names_the_packet_that_carried_the_timestamp() -> None:
    rows = [
        row(1, 0, SYN, 1000, tsval=100, tsecr=0),
        row(2, 1, SYN | ACK, 5000, 1001, tsval=900, tsecr=100),
        row(3, 0, ACK, 1001, 5001, tsval=120, tsecr=900),
        row(4, 0, ACK, 1001, 5001, 5, tsval=110, tsecr=901),
    ]
    connection = told(rows)
    assert "echoes the TSval of packet 1, 10 ms ago" in text(connection, 2, "timestamps")
    assert "moved on by 20 ticks in the 20 ms" in text(connection, 3, "timestamps")
    assert "does not hold" in text(connection, 4, "timestamps")
    assert "10 ticks behind its newest" in text(connection, 4, "timestamps")


def test_a_fin_consumes_a_number_with_data_and_alone() -> None:
    rows = [
        *opening(),
        row(4, 0, FIN | ACK, 1001, 5001, 7),
        row(5, 1, ACK, 5001, 1009),
        row(6, 1, FIN | ACK, 5001, 1009),
    ]
    connection = told(rows)
    first, ack, second = (each.numbers for each in connection.packets[3:])
    assert first is not None and first.next_seq_rel == 1 + 7 + 1
    assert "1001 + 7 + 1 = 1009 (9)" in text(connection, 4, "seq")
    assert ack is not None and ack.n_consumed == 0
    assert "7 bytes (1 to 7) and the FIN" in text(connection, 5, "ack")
    assert second is not None and (second.n_bytes, second.n_consumed) == (0, 1)


def test_retransmissions_name_the_first_packet_and_marks_have_words() -> None:
    rows = [*opening(), row(4, 0, ACK, 1001, 5001, 100), row(5, 0, ACK, 1001, 5001, 100)]
    connection = told(rows, {5: {"analysis": ["retransmission"]}})
    assert "in packet 4, 10 ms ago" in text(connection, 5, "mark")
    assert "sends 100 bytes again" in connection.packets[4].headline
    odd = told(rows, {5: {"analysis": ["duplicate_ack", "never_heard_of"]}})
    assert "Duplicate acknowledgement: something" in text(odd, 5, "mark")
    assert "never_heard_of" in text(odd, 5, "mark")


def test_new_numbers_on_the_same_ports_begin_anew() -> None:
    rows = [*opening(), *opening(900_000, 100_000)]
    for place, each in enumerate(rows, start=1):
        each |= {"number": place, "time_ns": place * 10 * MS}
    changes = {4: {"seq_rel": 0, "next_seq_rel": 1}, 5: {"seq_rel": 0, "ack_rel": 1}}
    connection = told(rows, changes)
    assert "Another connection begins" in text(connection, 4, "options")
    numbers = connection.packets[3].numbers
    assert numbers is not None and numbers.seq_rel == 0


def test_a_reset_says_what_a_receiver_asks_of_it() -> None:
    connection = told([*opening(), row(4, 1, RST, 5001)])
    assert "exactly the byte it expects" in text(connection, 4, "seq")
    assert "ACK flag is not set" in text(connection, 4, "ack")


def test_one_packet_alone_has_the_context_of_those_before() -> None:
    packets = PACKETS.frame([*opening(), row(4, 0, ACK, 1001, 5001, 5), row(5, 1, ACK, 5001, 1006)])
    alone = explain(FLOW, packets, segments(packets), only=5)
    whole = explain(FLOW, packets, segments(packets))
    assert alone.packets == (whole.packets[-1],)
    assert explain(FLOW, packets, segments(packets), limit=2).packets == whole.packets[:2]
    with pytest.raises(ValueError, match="packet 9"):
        explain(FLOW, packets, segments(packets), only=9)


@pytest.mark.parametrize(
    ("words", "damaged"),
    [
        (("good", "good", "good", "good", "bad"), {5}),
        (("bad", "good", "bad", None, "good"), set()),  # all that the client sent, as verified
        (("partial", "good", "partial", "zero", "good"), set()),
        ((None, None, None, None, None), set()),
    ],
)
def test_a_wrong_checksum_is_told_where_it_is_damage(
    words: tuple[str | None, ...], damaged: set[int]
) -> None:
    rows = [*opening(), row(4, 0, ACK, 1001, 5001, 5), row(5, 1, ACK, 5001, 1006)]
    packets = PACKETS.frame(rows).with_columns(
        ip_checksum=pl.lit(None, pl.String), checksum=pl.Series(words, dtype=pl.String)
    )
    connection = explain(FLOW, packets, segments(packets))
    found = {
        each.packet
        for each in connection.packets
        if any("checksum is wrong" in sentence.text for sentence in each.sentences)
    }
    assert found == damaged


_HOSTILE = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(0, 0xFFF),
        st.integers(0, WRAP - 1),
        st.integers(0, WRAP - 1),
        st.integers(0, 1500),
        st.sampled_from(["new", "established", "invalid", "related", "untracked"]),
        st.sampled_from([None, "seq_over", "ack_over", "rst_not_exact", "no_such", "tcp_flags"]),
    ),
    min_size=1,
    max_size=12,
)


@given(_HOSTILE)
def test_any_numbers_are_explained_without_an_exception(packets: list[tuple[object, ...]]) -> None:
    rows, changes = [], {}
    for place, (side, flags, seq, ack, n, state, reason) in enumerate(packets, start=1):
        assert isinstance(side, int) and isinstance(flags, int)
        sack = [ack, seq, seq] if place % 3 == 0 else None
        rows.append(
            row(place, side, flags, seq, ack, n, sack=sack, wscale=place, tsval=seq, tsecr=ack)
        )
        given_reason = reason if state == "invalid" else None
        changes[place] = {
            "ct_state": state, "reason": given_reason, "bound": seq, "excess": 7,
            "bound_packet": max(1, place - 1), "tcp_state": "established",
        }  # fmt: skip
    connection = told(rows, changes)
    assert len(connection.packets) == len(rows)
    assert all(isinstance(each, Explanation) and each.headline for each in connection.packets)


def test_rows_of_the_reader_fit() -> None:
    """The columns that are used are those that the core hands out."""
    tracker = Tracker()
    frame = tcp_frame(flags=SYN, seq=7)
    tracker.push(0, RAW, frame)
    tracker.finish()
    batch = tracker.drain_flows()
    assert batch is not None
    flow = pl.DataFrame(batch).row(0, named=True)
    packets = PACKETS.frame([row(1, 0, SYN, 7)])
    assert explain(flow, packets, segments(packets)).n_packets == 1
