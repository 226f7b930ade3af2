"""Why a packet is INVALID: the bound in words, and the cause that the evidence speaks for."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hand_connection import opening, row, text, told
from raw_ip import ACK, FIN, RST, SYN

from wiretell import _core
from wiretell.findings.explain.explanation import Connection, Explanation
from wiretell.findings.explain.step import PSH


def invalid(reason: str, **more: object) -> dict[str, object]:
    return {"ct_state": "invalid", "reason": reason, "tcp_state": "established", **more}


def chosen(connection: Connection, packet: int) -> Explanation:
    return next(each for each in connection.packets if each.packet == packet)


def causes(connection: Connection, packet: int) -> list[str]:
    return [cause.name for cause in chosen(connection, packet).causes]


def test_a_lost_scale_is_found_by_the_window_that_would_fit() -> None:
    rows = [
        row(1, 0, SYN, 1000, wscale=7),
        *opening()[1:],
        row(4, 1, ACK, 5001, 1001, window=1000),
        row(5, 0, ACK, 1001, 5001, 1000),
        row(6, 0, ACK, 2002, 5001, 1000),
        row(7, 1, ACK, 5001, 3002),
    ]
    over = invalid("seq_over", bound=2002, excess=1, bound_packet=4)
    connection = told(rows, {6: over})
    assert causes(connection, 6)[0] == "scale_lost"
    words = text(connection, 6, "verdict")
    assert "begins 1 byte beyond" in words
    assert "starts at byte 1002; the highest start allowed is 1001" in words
    assert "packet 4 set it with acknowledgement 1 and window 1000" in words
    evidence = text(connection, 6, "cause")
    assert "1000 x 2^1 = 2000 bytes" in evidence
    assert "packet 7 acknowledges it 10 ms later" in evidence
    assert "let the option pass" in text(connection, 6, "remedy")


def test_a_window_scaled_by_both_is_not_called_lost() -> None:
    rows = [*opening(wscale=0), row(4, 0, ACK, 9001, 5001, 10)]
    over = invalid("seq_over", bound=2002, excess=7000, bound_packet=2)
    assert "scale_lost" not in causes(told(rows, {4: over}), 4)


def test_a_reset_with_another_ttl_that_nobody_heeds_is_called_spoofed() -> None:
    rows = [
        *opening(),
        row(4, 1, RST | ACK, 700_000_000, 1001, ttl=113),
        row(5, 1, ACK, 5001, 1001, 10),
        row(6, 0, ACK, 1001, 5011),
    ]
    over = invalid("seq_over", bound=6001, excess=700_000_000 - 6000, bound_packet=3)
    connection = told(rows, {4: over})
    assert causes(connection, 4)[0] == "spoofing"
    evidence = text(connection, 4, "cause")
    assert "TTL is 113, that of the server's other packets 64" in evidence
    assert "goes on after its alleged reset: 1 packet more" in evidence


def test_a_copy_is_told_from_a_retransmission_by_its_ip_id() -> None:
    rows = [*opening(), row(4, 0, ACK | PSH, 1001, 5001, 10), row(5, 0, ACK | PSH, 1001, 5001, 10)]
    under = invalid("seq_under", bound=1005, excess=3)
    assert "duplicate" not in causes(told(rows, {5: under}), 5)
    rows[-1]["ipid"] = rows[-2]["ipid"]
    assert causes(told(rows, {5: under}), 5)[0] == "duplicate"


def test_an_ack_before_its_data_is_the_captures_order() -> None:
    rows = [*opening(), row(4, 1, ACK, 5001, 1011), row(5, 0, ACK, 1001, 5001, 10)]
    rows[-1]["time_ns"] = rows[-2]["time_ns"] + 1000
    over = invalid("ack_over", bound=1002, excess=10, bound_packet=3)
    connection = told(rows, {4: over})
    assert causes(connection, 4)[0] == "capture_order"
    assert "acknowledges 10 bytes that were not seen" in text(connection, 4, "verdict")
    assert "packet 5, 1 µs later" in text(connection, 4, "cause")


def test_bytes_that_never_come_are_the_captures_loss() -> None:
    rows = [
        *opening(),
        row(4, 1, ACK, 5001, 1011),
        row(5, 0, ACK, 1011, 5001, 10),
        row(6, 1, ACK, 5001, 1021),
    ]
    connection = told(rows, {4: invalid("ack_over", bound=1002, excess=10, bound_packet=3)})
    assert causes(connection, 4)[0] == "capture_loss"


def test_a_side_that_is_hardly_seen_is_an_asymmetric_path() -> None:
    rows = [*opening(), *(row(n, 1, ACK, 5001, 1001 + 100 * n) for n in range(4, 60))]
    connection = told(rows, {40: invalid("ack_over", bound=1002, excess=4000, bound_packet=3)})
    assert causes(connection, 40)[0] == "asymmetric_path"


@pytest.mark.parametrize(
    ("theirs", "cause"),
    [([], "asymmetric_path"), ([row(5, 1, ACK, 5001, 1001)], "capture_loss")],
)
def test_an_answer_that_was_not_captured(theirs: list[dict[str, object]], cause: str) -> None:
    rows = [opening()[0], row(4, 0, ACK, 1001, 5001), *theirs]
    connection = told(rows, {4: invalid("wrong_state", tcp_state="syn_sent")})
    assert causes(connection, 4)[0] == cause


def test_an_entry_that_timed_out_is_told_with_its_timeout() -> None:
    rows = [*opening(), row(4, 0, FIN | ACK, 1001, 5001)]
    rows[-1]["time_ns"] += 500 * 10**9
    changes = {3: {"timeout_s": 300, "tcp_state": "established"}, 4: invalid("not_picked_up")}
    connection = told(rows, changes)
    assert causes(connection, 4)[0] == "idle_timeout"
    assert "silent for 8 min 20 s; in that state its entry lives 5 min 0 s" in text(
        connection, 4, "cause"
    )


def test_old_timestamps_are_paws() -> None:
    rows = [*opening(tsval=1000, tsecr=0), row(4, 0, ACK, 1001, 5001, 5, tsval=900, tsecr=0)]
    connection = told(rows, {4: invalid("timestamp_old", bound=1000, excess=100)})
    assert causes(connection, 4)[0] == "paws"
    assert "100 ticks older" in text(connection, 4, "verdict")


def test_a_window_that_was_taken_back_explains_what_is_over_it() -> None:
    rows = [
        *opening(wscale=0),
        row(4, 1, ACK, 5001, 1001, window=4000),
        row(5, 1, ACK, 5001, 1001, window=100),
        row(6, 0, ACK, 2001, 5001, 10),
    ]
    connection = told(rows, {6: invalid("seq_over", bound=1102, excess=900, bound_packet=5)})
    assert causes(connection, 6)[0] == "window_shrunk"


@pytest.mark.parametrize(
    ("flags", "reason", "cause"),
    [(SYN | FIN, "tcp_flags", "scan"), (RST, "not_opening", "backscatter")],
)
def test_lonely_packets(flags: int, reason: str, cause: str) -> None:
    changes = {1: invalid(reason, tcp_state=None)}
    assert causes(told([row(1, 0, flags, 7)], changes), 1) == [cause]


def test_what_nothing_speaks_for_is_unknown() -> None:
    connection = told(opening(), {3: invalid("no_such_reason")})
    assert causes(connection, 3) == ["unknown"]
    assert "no such reason" in text(connection, 3, "verdict")


def test_a_super_segment_beyond_the_window_is_offloading() -> None:
    rows = [*opening(mss=1460, wscale=0), row(4, 0, ACK, 1001, 5001, 14_600)]
    connection = told(rows, {4: invalid("window_overrun", bound=6001, excess=9600)})
    assert causes(connection, 4)[0] == "offload"
    assert "14600 bytes are more than the 1460" in text(connection, 4, "cause")


def _invalid_texts(root: Path) -> dict[str, dict[str, dict[str, str]]]:
    folder = root / "src" / "wiretell" / "findings" / "explain"
    return tomllib.loads((folder / "invalid.toml").read_text(encoding="utf-8"))


def test_every_reason_of_the_tracker_has_words(root: Path) -> None:
    known = _invalid_texts(root)["reason"]
    assert {name for name, _ in _core.ct_reasons()} <= known.keys()


def test_every_reason_can_be_said_of_a_packet() -> None:
    for name, _ in _core.ct_reasons():
        rows = [*opening(), row(4, 0, ACK, 1001, 5001, 10)]
        for state, key in (("invalid", "reason"), ("established", "note")):
            changes = {4: {"ct_state": state, key: name, "bound": 1500, "excess": 5}}
            words = text(told(rows, changes), 4, "verdict")
            assert "{" not in words and "None" not in words, (name, words)
            assert words.startswith("INVALID" if state == "invalid" else "Accepted, but odd")


def test_every_cause_has_text_and_remedy(root: Path) -> None:
    source = (root / "src/wiretell/findings/explain/causes.py").read_text(encoding="utf-8")
    for name, entry in _invalid_texts(root)["cause"].items():
        assert f'Cause("{name}"' in source or f'"{name}"' in source, name
        assert entry["text"] and entry["remedy"]


def test_what_follows_from_a_rejected_packet_points_to_it() -> None:
    rows = [
        *opening(),
        row(4, 0, ACK, 9001, 5001, 100),
        row(5, 1, ACK, 5001, 9101),
        row(6, 0, ACK, 9101, 5001, 10),
    ]
    changes = {
        4: invalid("seq_over", bound=2002, excess=7000, bound_packet=2),
        5: invalid("ack_over", bound=1002, excess=8100, bound_packet=3),
        6: invalid("seq_over", bound=2002, excess=7100, bound_packet=2),
    }
    connection = told(rows, changes)
    assert causes(connection, 5)[0] == causes(connection, 6)[0] == "follow_up"
    assert "acknowledges packet 4" in text(connection, 5, "cause")
    assert "goes on from packet 4" in text(connection, 6, "cause")
