"""An FTP greeting and close of 16 packets, explained right in every number.

`ftp_greeting/make.py` builds the capture, `ftp_greeting/expected.txt` is what `wiretell explain`
says of it. That text was checked by hand; the sums are made again here, from the four numbers
that the case is given and nothing else.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cases.ftp_greeting import make
from click.testing import CliRunner

from wiretell.cli.explain import command
from wiretell.findings.explain.explanation import Connection, Numbers
from wiretell.pipeline import explain_flow

FOLDER = Path(__file__).parent / "ftp_greeting"
CLIENT_ISN, SERVER_ISN = 1664882716, 829007135
BANNER, RULES, USER, REPLY = 58, 946, 11, 45


@pytest.fixture(scope="module")
def connection() -> Connection:
    return explain_flow(FOLDER / "capture.pcap", "0")[0]


@pytest.fixture(scope="module")
def numbers(connection: Connection) -> dict[int, Numbers]:
    return {told.packet: told.numbers for told in connection.packets if told.numbers is not None}


def test_the_capture_is_what_its_script_writes() -> None:
    assert (FOLDER / "capture.pcap").read_bytes() == make.capture()
    assert [len(text) for text in (make.BANNER, make.RULES, make.USER, make.REPLY)] == [
        BANNER, RULES, USER, REPLY,
    ]  # fmt: skip


def test_the_text_is_the_one_that_was_checked() -> None:
    done = CliRunner().invoke(command, [str(FOLDER / "capture.pcap"), "0"])
    assert done.exit_code == 0, done.output
    assert done.stdout == (FOLDER / "expected.txt").read_text(encoding="utf-8")


def test_sequence_numbers_are_the_sums_of_what_was_sent(numbers: dict[int, Numbers]) -> None:
    client, server = CLIENT_ISN + 1, SERVER_ISN + 1  # each SYN consumed one number
    after_banner = server + BANNER
    after_rules = after_banner + RULES
    after_reply = after_rules + REPLY
    after_user = client + USER
    assert (client, server) == (1664882717, 829007136)
    assert (after_banner, after_rules, after_reply) == (829007194, 829008140, 829008185)
    assert after_user == 1664882728
    expected = {  # packet: sequence number, next one, acknowledgement
        1: (CLIENT_ISN, client, None),
        2: (SERVER_ISN, server, client),
        3: (client, client, server),
        4: (server, after_banner, client),
        5: (client, client, after_banner),
        6: (after_banner, after_rules, client),
        7: (client, client, after_rules),
        8: (client, client, after_rules),
        9: (client, after_user, after_rules),
        10: (after_rules, after_rules, after_user),
        11: (after_rules, after_reply, after_user),
        12: (after_user, after_user, after_reply),
        13: (after_user, after_user + 1, after_reply),  # the FIN consumes one number
        14: (after_reply, after_reply, after_user + 1),
        15: (after_reply, after_reply + 1, after_user + 1),
        16: (after_user + 1, after_user + 1, after_reply + 1),
    }
    assert {n: (each.seq, each.next_seq, each.ack) for n, each in numbers.items()} == expected


def test_relative_numbers_are_absolute_ones_less_the_initial_ones(
    numbers: dict[int, Numbers], connection: Connection
) -> None:
    for told in connection.packets:
        own, other = (CLIENT_ISN, SERVER_ISN) if told.side == 0 else (SERVER_ISN, CLIENT_ISN)
        each = numbers[told.packet]
        assert each.seq_rel == each.seq - own
        assert each.next_seq_rel == each.next_seq - own
        assert each.ack_rel == (None if each.ack is None else each.ack - other)


def test_windows_are_scaled_by_128_after_the_handshake(numbers: dict[int, Numbers]) -> None:
    assert (numbers[1].window_bytes, numbers[2].window_bytes) == (64240, 65160)
    client, server = 502 * 128, 509 * 128
    assert (client, server) == (64256, 65152)
    by_server = {4, 6, 10, 11, 14, 15}
    for packet in range(3, 17):
        expected = server if packet in by_server else client
        assert numbers[packet].window_bytes == (495 * 128 if packet == 7 else expected)


def test_how_far_the_other_side_may_send_is_acknowledgement_and_window(
    numbers: dict[int, Numbers], connection: Connection
) -> None:
    told_edges = 0
    for told in connection.packets:
        for sentence in told.sentences:
            if found := re.search(r"may send up to byte (\d+)", sentence.text):
                each = numbers[told.packet]
                assert each.ack_rel is not None and each.window_bytes is not None
                assert int(found[1]) == each.ack_rel + each.window_bytes - 1
                told_edges += 1
    assert told_edges == 14


def test_bytes_in_flight_are_those_of_the_segment_itself(numbers: dict[int, Numbers]) -> None:
    """Each piece of data was acknowledged before the next of its side was sent."""
    flights = {4: BANNER, 6: RULES, 9: USER, 11: REPLY}
    assert {n: numbers[n].bytes_in_flight for n in flights} == flights


def test_the_only_mark_is_the_window_update(connection: Connection) -> None:
    marked = {told.packet: told.marks for told in connection.packets if told.marks}
    assert marked == {8: ("window_update",)}


def test_every_echo_names_the_packet_that_carried_it(connection: Connection) -> None:
    carried = {2: 1, 3: 2, 4: 3, 5: 4, 6: 3, 7: 6, 8: 6, 9: 6, 10: 9, 11: 9, 12: 11, 13: 11}
    carried |= {14: 13, 15: 13, 16: 15}
    echoed = {
        told.packet: int(found[1])
        for told in connection.packets
        for sentence in told.sentences
        if (found := re.search(r"echoes the TSval of packet (\d+)", sentence.text))
    }
    assert echoed == carried


def test_the_states_are_those_of_an_orderly_life(connection: Connection) -> None:
    states = [told.tcp_state for told in connection.packets]
    assert states == [
        "syn_sent", "syn_recv", *["established"] * 10, "fin_wait", "close_wait", "last_ack",
        "time_wait",
    ]  # fmt: skip
    assert [told.ct_state for told in connection.packets] == ["new", *["established"] * 15]
    assert connection.n_invalid == 0
