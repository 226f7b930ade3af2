"""p0f's signatures and NAT score, on a small database of our own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from baseline_lines import line

from lab.baselines.p0f_nat import Finding, Host, Seen, add_score, findings_of, p0f_nat, score
from lab.baselines.p0f_signatures import (
    Database,
    Match,
    Signature,
    guessed_distance,
    match,
    parse_signature,
    read_database,
)
from lab.baselines.p0f_tracker import with_peer_mss

FILE = """
; our own
classes = win,unix,other

[mtu]
label = Ethernet
sig   = 1500

[tcp:request]
label = s:unix:Tux:new
sig   = *:64:0:*:mss*20,7:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:mss*10,7:mss,sok,ts,nop,ws:df,id+:0
label = s:unix:Tux:old
sig   = *:64:0:*:mss*4,*:mss,sok,ts,nop,ws:df,id+:0
label = g:unix:Tux:
sig   = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+:0
label = s:win:Pane:
sig   = *:128:0:*:8192,8:mss,nop,ws,nop,nop,sok:df,id+:0
label = s:!:Scan:
sys   = @win
sig   = *:64-:0:1460:%1024,0:mss::*

[tcp:response]
label = s:unix:Tux:new
sig   = 4:64:0:*:mss*10,7:mss,sok,ts,nop,ws:df:0

[http:request]
ua_os = Tux
label = s:!:Browser:
sys   = Tux
sig   = 1:Host:::
"""
TUX = "4:60+4:0:1460:mss*20,7:mss,sok,ts,nop,ws:df,id+:0"
OLD_TUX = "4:60+4:0:1460:mss*4,2:mss,sok,ts,nop,ws:df,id+:0"
PANE = "4:124+4:0:1460:8192,8:mss,nop,ws,nop,nop,sok:df,id+:0"
SCAN = "4:60+4:0:1460:1024,0:mss:df:0"
UNKNOWN = "4:60+4:0:1460:1024,0:mss,ts::0"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "own.fp"
    file.write_text(FILE)
    return file


@pytest.fixture
def database(path: Path) -> Database:
    return read_database(path)


def signature(text: str, window: int = 29_200) -> Signature:
    return parse_signature(text, window)


def seen(text: str, database: Database, window: int = 29_200, tsval: int = 0, ms: int = 0) -> Seen:
    one = signature(text, window)
    return Seen(one, match(one, database.request), tsval, ms)


def label(found: Match) -> tuple[int | None, bool, int]:
    return (found.record.label if found.record else None), found.fuzzy, found.distance


def test_the_database_is_read(database: Database) -> None:
    assert len(database.request) == 6
    assert len(database.response) == 1
    scan = database.request[-1]
    assert (scan.kind, scan.systems, scan.bad_ttl, scan.ttl) == (None, ("@win",), True, 64)
    assert (scan.window, scan.mss, scan.quirks, scan.payload) == (("%", 1024), 1460, set(), None)
    assert database.response[0].version == 4


def test_a_broken_database_names_the_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.fp"
    broken.write_text("[tcp:request]\nlabel = s:unix:Tux:\nsig = *:64:0:*\n")
    with pytest.raises(ValueError, match="line 3"):
        read_database(broken)


def test_specific_records_go_before_generic_ones_and_exact_before_fuzzy(
    database: Database,
) -> None:
    records = database.request
    assert label(match(signature(TUX), records)) == (1, False, 4)
    assert label(match(signature(TUX.replace("mss*20", "mss*3"), 4_380), records)) == (3, False, 4)
    ecn = TUX.replace("df,id+", "df,id+,ecn")
    assert label(match(signature(ecn), records)) == (1, True, 4)
    no_df = TUX.replace("df,id+", "")
    assert label(match(signature(no_df), records)) == (1, True, 4)
    assert label(match(signature(TUX.replace("df,id+", "df,id+,ack+")), records))[0] is None


def test_quirks_of_the_other_version_of_ip_do_not_count(database: Database) -> None:
    v6 = TUX.replace("4:60+4", "6:60+4").replace("df,id+", "")
    assert label(match(signature(v6), database.request)) == (1, False, 4)


def test_a_ttl_out_of_reach_is_fuzzy(database: Database) -> None:
    far = TUX.replace("60+4", "20+12")
    assert label(match(signature(far), database.request)) == (1, True, 12)
    high = TUX.replace("60+4", "120+8")
    assert label(match(signature(high), database.request)) == (1, True, 8)


def test_windows(database: Database) -> None:
    records = database.request
    assert label(match(signature(PANE, 8_192), records)) == (4, False, 4)
    assert label(match(signature(PANE, 8_193), records))[0] is None
    exact = SCAN.replace(":df:", "::")
    assert label(match(signature(exact, 4_096), records)) == (5, False, 4)
    assert label(match(signature(exact, 4_097), records))[0] is None


def test_programs_are_not_matched_fuzzily(database: Database) -> None:
    ecn = SCAN.replace(":df:", ":ecn:")
    assert match(signature(ecn, 1_024), database.request) == Match(None, False, 0)


def test_distances_are_guessed_from_customary_ttls() -> None:
    assert [guessed_distance(x) for x in (32, 33, 64, 100, 129)] == [0, 31, 0, 28, 126]


def test_a_windows_size_by_the_peers_mss() -> None:
    plain = signature("4:64+0:0:1460:14000,0:mss:df:0", 14_000)
    assert with_peer_mss(plain, 1400).multiple == ("mss", 10)
    assert with_peer_mss(plain, 1412).multiple == ("mss", 10)
    assert with_peer_mss(plain, 1413).multiple is None
    assert with_peer_mss(plain, 0) == plain


def scored(
    database: Database, new: str, old: str, *, window: int = 29_200, port: int = 9_000, **host: int
) -> tuple[int, set[str]]:
    before = seen(old, database, window)
    record = before.match.record
    at = Host(last_port=host.get("last_port", 9_000))
    if record is not None:
        at.kind, at.name = record.kind, record.name
    return score(at, seen(new, database, window), before, port, to_server=True)


def test_points_of_signatures(database: Database) -> None:
    assert scored(database, TUX, TUX) == (0, set())
    assert scored(database, PANE, TUX, window=8_192) == (8, {"os_diff"})
    assert scored(database, OLD_TUX, TUX) == (2, {"os_diff"})
    assert scored(database, TUX.replace("mss*20", "mss*10"), TUX) == (1, {"os_diff"})
    assert scored(database, TUX.replace("df,id+", ""), TUX) == (1, {"fuzzy"})
    assert scored(database, UNKNOWN, UNKNOWN) == (0, set())
    assert scored(database, UNKNOWN.replace("mss,ts", "ts,mss"), UNKNOWN) == (1, {"sig_diff"})
    assert scored(database, UNKNOWN.replace("::0", ":seq-:0"), UNKNOWN) == (2, {"sig_diff"})
    assert scored(database, UNKNOWN, TUX) == (2, {"sig_diff", "x_known"})


def test_servers_count_less(database: Database) -> None:
    host = Host(kind="unix", name="tux", last_port=9_000)
    new, old = seen(OLD_TUX, database), seen(TUX, database)
    assert score(host, new, old, 80, to_server=False) == (0, set())


def test_host_data_alone_can_differ(database: Database) -> None:
    host = Host(kind="win", name="pane")
    assert score(host, seen(TUX, database), None, 1, to_server=True) == (8, {"os_diff"})
    assert score(Host(), seen(TUX, database), None, 1, to_server=True) == (0, set())


@pytest.mark.parametrize(
    ("old", "new", "points"),
    [
        ("62+2", "60+4", 4),  # near: any change is odd
        ("60+4", "62+2", 4),
        ("56+8", "58+6", 1),  # a little further off, and a small change
        ("58+6", "56+8", 1),
        ("60+4", "56+8", 4),
        ("56+8", "54+10", 0),  # distant, and not upwards by more than 1
        ("40+24", "54+10", 4),
        ("52+12", "54+10", 1),
        ("53+11", "54+10", 0),
    ],
)
def test_points_of_ttls(old: str, new: str, points: int, database: Database) -> None:
    pair = (TUX.replace("60+4", new), TUX.replace("60+4", old))
    assert scored(database, *pair) == (points, {"ttl"} if points else set())


def test_points_of_port_and_mtu(database: Database) -> None:
    assert scored(database, TUX, TUX, port=8_936) == (1, {"port"})
    assert scored(database, TUX, TUX, port=8_937) == (0, set())
    assert scored(database, TUX, TUX, last_port=0, port=1) == (0, set())
    assert scored(database, TUX.replace("1460", "1452"), TUX) == (1, {"mtu"})


@pytest.mark.parametrize(
    ("advance", "elapsed_ms", "points", "reasons"),
    [
        (1_000, 1_000, 1, {"os_diff"}),  # consistent: half of 2
        (1_501, 1_000, 6, {"os_diff", "tstamp"}),
        (-5, 1_000, 6, {"os_diff", "tstamp"}),
        (150, 10, 1, {"os_diff"}),  # within 100 ms as if 100 ms had passed
        (151, 10, 6, {"os_diff", "tstamp"}),
        (-5, 99, 1, {"os_diff"}),
        (5, 86_400_000, 2, {"os_diff"}),  # a day later it says nothing
        (5, -1, 2, {"os_diff"}),
    ],
)
def test_points_of_timestamps(
    advance: int, elapsed_ms: int, points: int, reasons: set[str], database: Database
) -> None:
    before = seen(TUX, database, tsval=10**6, ms=10**9)
    now = seen(OLD_TUX, database, tsval=10**6 + advance, ms=10**9 + elapsed_ms)
    host = Host(kind="unix", name="tux")
    assert score(host, now, before, 1, to_server=True) == (points, reasons)
    same = replace(now, signature=before.signature, match=before.match)
    assert score(host, same, before, 1, to_server=True) == (0, set()), "never on its own"
    without = replace(now, tsval=0)
    assert score(host, without, before, 1, to_server=True) == (2, {"os_diff"})


@pytest.mark.parametrize(("points", "n"), [(6, 3), (3, 5), (2, 7), (1, 9)])
def test_the_alarm(points: int, n: int) -> None:
    host = Host()
    said = [add_score(host, points, {f"r{i}"}, to_server=True) for i in range(n)]
    change = [Finding("host change", frozenset({f"r{i}"}), x.hits) for i, x in enumerate(said) if x]
    assert said[:-1] == (change[:-1] if points > 1 else [None] * (n - 1))
    last = said[-1]
    assert last is not None
    assert last.kind == "ip sharing"
    assert last.reasons == {f"r{i}" for i in range(n)}
    after = add_score(host, points, {"new"}, to_server=True)
    if points > 1:
        assert after is not None
        assert (after.kind, after.reasons) == ("host change", {"new"}), "the window was cleared"
    else:
        assert after is None


def test_scores_are_forgotten_after_32() -> None:
    host = Host()
    for _ in range(2):
        add_score(host, 8, {"os_diff"}, to_server=True)
    for _ in range(30):
        assert add_score(host, 0, set(), to_server=True) is None
    found = add_score(host, 8, {"os_diff"}, to_server=True)
    assert found is not None
    assert (found.kind, found.hits) == ("host change", (2, 2, 2, 2))


def test_the_count_is_one_or_several(path: Path, database: Database) -> None:
    tux = {"orig_syn": TUX, "orig_p": 1}
    pane = {"orig_syn": PANE, "orig_window": 8_192, "orig_p": 1}
    alike, mixed = line([tux] * 6), line([tux, pane] * 3)
    assert findings_of(alike.flows, database) == []
    kinds = [x.kind for x in findings_of(mixed.flows, database)]
    assert kinds == ["host change", "host change", "ip sharing", "host change", "host change"]
    one, several = p0f_nat(alike, path), p0f_nat(mixed, path)
    assert (one.count, set(one.machine.values()), len(one.machine)) == (1, {0}, 6)
    assert (several.count, several.machine) == (2, {})
    assert p0f_nat(line(), path).count == 0
    with pytest.raises(OSError, match="absent"):
        p0f_nat(alike, path.with_name("absent.fp"))


def test_a_scan_is_compared_with_the_system(database: Database) -> None:
    scan = {"orig_syn": SCAN.replace(":df:", "::"), "orig_window": 1_024, "orig_p": 1}
    tux = {"orig_syn": TUX, "orig_p": 1}
    found = findings_of(line([tux, scan, tux]).flows, database)
    assert [x.reasons for x in found] == [{"app_vs_os"}]
    pane = {"orig_syn": PANE, "orig_window": 8_192, "orig_p": 1}
    assert findings_of(line([pane, scan, pane]).flows, database) == []
