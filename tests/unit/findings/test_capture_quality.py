"""Was the capture good enough: what is counted, and what is said of it."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hand_connection import MS, opening, row
from hand_segments import segments
from raw_ip import ACK

from wiretell.findings.capture_quality import (
    BAD,
    CHECKED,
    DOUBTFUL,
    GOOD,
    HARMLESS,
    POOR,
    Quality,
    from_report,
    judge_capture,
)
from wiretell.findings.clock_jumps import clock_jumps
from wiretell.findings.quality_counts import Counts, add, count_batch
from wiretell.model.packets import PACKETS
from wiretell.model.segments import SEGMENTS
from wiretell.model.tables import FLOWS

S = 10**9


def capture(rows: list[dict[str, Any]]) -> pl.DataFrame:
    whole = {"wire_len": 100, "captured_len": 100, "ip_version": 4}
    return PACKETS.frame([whole | each for each in rows])


def counted(rows: list[dict[str, Any]], changes: dict[int, dict[str, Any]] | None = None) -> Counts:
    packets = capture(rows)
    return count_batch(packets, segments(packets, changes))


def judged(counts: Counts, flows: pl.DataFrame | None = None, **provenance: Any) -> Quality:
    return judge_capture(counts, FLOWS.empty() if flows is None else flows, provenance)


def kinds(quality: Quality) -> list[str]:
    return [finding.kind for finding in quality.findings]


def data(n: int, start: int = 4) -> list[dict[str, Any]]:
    """Data of the client, each acknowledged, times with microseconds."""
    rows = []
    for place in range(n):
        seq = 1001 + 100 * place
        rows.append(row(start + 2 * place, 0, ACK, seq, 5001, 100))
        rows.append(row(start + 2 * place + 1, 1, ACK, 5001, seq + 100))
    for each in rows:
        each["time_ns"] += 1000 * each["number"]
    return rows


def test_a_clean_capture_is_good_and_says_what_was_looked_at() -> None:
    quality = judged(counted([*opening(mss=1460), *data(20)]))
    assert (quality.verdict, quality.findings, quality.drops) == (GOOD, (), ())
    unverified = CHECKED.keys() - {"checksums"}
    assert quality.fine == tuple(words for kind, words in CHECKED.items() if kind in unverified)


def verified(rows: list[dict[str, Any]], words: list[str | None]) -> Counts:
    packets = capture(rows).with_columns(
        ip_checksum=pl.lit("good"), checksum=pl.Series(words, dtype=pl.String)
    )
    return count_batch(packets, segments(packets))


@pytest.mark.parametrize(
    ("of_client", "of_server", "kind", "severity"),
    [
        ("good", "good", None, None),
        ("partial", "good", "unfinished_checksums", HARMLESS),
        ("zero", "good", "unfinished_checksums", HARMLESS),
        ("bad", "good", "own_checksums", HARMLESS),
        ("bad", "bad", "edited_checksums", HARMLESS),
        ("bad", None, "bad_checksums", BAD),
    ],
)
def test_wrong_checksums_of_all_that_one_side_sends_are_no_damage(
    of_client: str, of_server: str | None, kind: str | None, severity: str | None
) -> None:
    rows = [*opening(), *data(20)]
    words = [of_client if each["src"] == rows[0]["src"] else of_server for each in rows]
    if of_server is None:  # nothing came back
        rows = [each for each, word in zip(rows, words, strict=True) if word is not None]
        words = [word for word in words if word is not None]
    quality = judged(verified(rows, words))
    found = [(f.kind, f.severity) for f in quality.findings if "checksums" in f.kind]
    assert found == ([(kind, severity)] if kind else [])
    assert (CHECKED["checksums"] in quality.fine) == (kind is None)


def test_wrong_checksums_here_and_there_are_damage() -> None:
    rows = [*opening(), *data(20)]
    words: list[str | None] = ["good"] * len(rows)
    words[7] = words[12] = "bad"
    words[9] = "partial"
    words[15] = None
    found = {f.kind: f for f in judged(verified(rows, words)).findings}
    assert found["bad_checksums"].severity == DOUBTFUL
    assert (found["bad_checksums"].number, found["bad_checksums"].of) == (2, len(rows))
    assert rows[7]["src"] in found["bad_checksums"].what
    assert found["unfinished_checksums"].number == 1


def test_bytes_acknowledged_and_never_seen_are_told_by_side_and_time() -> None:
    rows = [*opening(), *data(200)]
    for each in rows:
        each["time_ns"] *= 10
    changes = {each: {"analysis": ["ack_lost_segment"]} for each in (105, 107, 109, 111, 113, 115)}
    counts = counted(rows, changes)
    quality = judged(counts)
    missing = next(f for f in quality.findings if f.kind == "missing")
    assert missing.number == 6
    assert "6 of data from originators" in missing.what  # the responder acknowledged them
    assert "most within" in missing.what
    assert sum(drop.n for drop in quality.drops) == 6
    assert {drop.side for drop in quality.drops} == {0}
    spot = changes.keys()
    first = rows[min(spot) - 1]["time_ns"]
    last = rows[max(spot) - 1]["time_ns"]
    assert all(
        first - drop.width_ns < drop.start_ns <= last + drop.width_ns for drop in quality.drops
    )


def test_copies_are_told_from_retransmissions_and_hops_are_seen() -> None:
    rows = [*opening(), *data(20)]
    copy = rows[5] | {"number": 100, "time_ns": rows[5]["time_ns"] + MS}
    other = rows[7] | {"number": 101, "time_ns": rows[7]["time_ns"] + MS, "ttl": 63}
    again = rows[9] | {"number": 102, "time_ns": rows[9]["time_ns"] + MS, "ipid": 999}
    late = rows[11] | {"number": 103, "time_ns": rows[11]["time_ns"] + 50 * MS}
    mixed = sorted([*rows, copy, other, again, late], key=lambda each: each["time_ns"])
    counts = counted(mixed)
    assert (counts.n_copies, counts.n_copies_hop) == (2, 1)
    assert "1 of them with another TTL" in judged(counts).findings[0].what


def test_ip_ids_that_stand_still_tell_no_copies() -> None:
    rows = [each | {"ipid": 1, "time_ns": 5} for each in data(20)]
    assert counted([rows[1]] * 8).n_copies == 0


def test_super_segments_are_measured_by_the_mss_of_the_other_side() -> None:
    big = row(4, 0, ACK, 1001, 5001, 14_600)
    quality = judged(counted([*opening(mss=1460), big]))
    assert kinds(quality)[0] == "super_segments"
    assert "up to 14600 bytes" in quality.findings[0].what
    jumbo = row(4, 0, ACK, 1001, 5001, 8_900)
    assert "super_segments" not in kinds(judged(counted([*opening(mss=8960), jumbo])))
    unknown = judged(counted([row(1, 0, ACK, 1001, 5001, 8_900)]))
    assert "super_segments" not in kinds(unknown)


def test_cut_packets_are_harmless_until_headers_are() -> None:
    rows = [each | {"captured_len": 60} for each in [*opening(), *data(20)]]
    quality = judged(counted(rows))
    assert [(f.kind, f.severity) for f in quality.findings] == [("snap_length", HARMLESS)]
    assert "at most 60 bytes" in quality.findings[0].what
    broken = [each | {"weird": "tcp_header_cut"} for each in rows]
    assert judged(counted(broken)).verdict == POOR


@pytest.mark.parametrize(
    ("step_ns", "unit"), [(S, "seconds"), (MS, "milliseconds"), (1000, None), (1, None)]
)
def test_the_resolution_of_times_is_seen(step_ns: int, unit: str | None) -> None:
    rows = [each | {"time_ns": each["number"] * step_ns} for each in [*opening(), *data(20)]]
    found = [f for f in judged(counted(rows)).findings if f.kind == "coarse_time"]
    assert [f"whole {unit}" in f.what for f in found] == ([True] if unit else [])


def test_time_that_steps_back_is_told_with_the_largest_step() -> None:
    rows = [*opening(), *data(20)]
    rows[10]["time_ns"] -= 2 * S
    quality = judged(counted(rows))
    assert "time_backwards" in kinds(quality) and quality.verdict == POOR


def test_a_clock_that_is_set_shows_against_the_timestamps() -> None:
    def readings(jump_ns: int, n_sides: int) -> pl.DataFrame:
        made = [
            {
                "flow_id": flow,
                "side": 0,
                "time_ns": n * S // 10 + flow * 1000 + (jump_ns if n > 20 else 0),
                "tsval": 5000 * (flow + 1) + 100 * n,
            }
            for n in range(40)
            for flow in range(n_sides)
        ]
        types = {"flow_id": pl.UInt64, "side": pl.UInt8, "time_ns": pl.Int64, "tsval": pl.UInt32}
        return pl.DataFrame(made, schema=types)

    (jump,) = clock_jumps(readings(3 * S, 4)).rows()
    assert jump[1] == pytest.approx(3 * S, rel=0.01) and jump[2] == 4
    (back,) = clock_jumps(readings(-3 * S, 4)).rows()
    assert back[1] == pytest.approx(-3 * S, rel=0.01)
    assert clock_jumps(readings(0, 4)).is_empty()
    assert clock_jumps(readings(3 * S, 2)).is_empty(), "two sides prove nothing"


def flows(n_both: int, n_alone: int, history: str = "DadA") -> pl.DataFrame:
    def flow(number: int, resp_pkts: int) -> dict[str, Any]:
        return {
            "flow_id": number, "proto": 6, "history": history, "orig_pkts": 9,
            "resp_pkts": resp_pkts,
        }  # fmt: skip

    both = [flow(n, 8) for n in range(n_both)]
    return FLOWS.frame([*both, *(flow(n_both + n, 0) for n in range(n_alone))])


def test_one_sided_connections_are_counted_and_unanswered_syns_are_not() -> None:
    assert kinds(judged(Counts(), flows(10, 10))) == ["one_sided"]
    assert judged(Counts(), flows(10, 10)).findings[0].severity == BAD
    assert kinds(judged(Counts(), flows(10, 10, history="S"))) == []
    assert kinds(judged(Counts(), flows(1000, 2))) == []


def test_what_every_analysis_knows_already_is_told_without_a_look_at_packets() -> None:
    interfaces = [{"dropped": 50, "tsresol": 3}]
    provenance = {"files": [{"interfaces": interfaces}], "counters": {"frames": 950}}
    found = {f.kind: f for f in from_report(provenance, flows(10, 10))}
    assert found.keys() == {"dropped_by_capture", "one_sided", "coarse_time"}
    assert "50 packets of 1000 (5 %)" in found["dropped_by_capture"].what
    assert from_report({}, FLOWS.empty()) == []


def test_batches_add_up_to_the_whole() -> None:
    rows = [*opening(mss=1460), *data(30), row(80, 0, ACK, 9001, 5001, 14_600)]
    changes = {n: {"analysis": ["ack_lost_segment", "lost_segment"]} for n in (9, 21, 47)}
    packets = capture(rows).with_columns(ip_checksum=pl.lit("good"), checksum=pl.lit("bad"))
    told = segments(packets, changes)
    whole = count_batch(packets, told)
    for cut in (1, 17, 40):
        first, last = packets.head(cut), packets.slice(cut)
        parts = [
            count_batch(part, told.filter(pl.col("packet").is_in(part["number"].to_list())))
            for part in (first, last)
        ]
        together = add(add(Counts(), parts[0]), parts[1])
        for name in ("n_packets", "n_cut", "n_not_us", "n_not_ms", "first_ns", "last_ns"):
            assert getattr(together, name) == getattr(whole, name), name
        assert together.gaps.equals(whole.gaps)
        pair = ["src", "dst", "proto"]
        assert together.checksums.sort(pair).equals(whole.checksums.sort(pair))
        assert together.sizes.sort("flow_id", "side").equals(whole.sizes.sort("flow_id", "side"))


def test_an_empty_batch_changes_nothing() -> None:
    counts = counted([*opening(), *data(3)])
    empty = count_batch(PACKETS.empty(), SEGMENTS.empty())
    assert add(counts, empty) is counts and add(empty, counts) is counts
