"""`wiretell flows` as a user meets it: every output, export to files and collectors, and back."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest
from raw_ip import ACK, FIN, RAW, SYN, tcp_frame, udp_frame

from wiretell.exporters.flow_schema import schema
from wiretell.exporters.zeek import FIELDS

SECOND = 1_760_000_000
CLIENT, SERVER = "192.0.2.1", "198.51.100.1"


def write_capture(path: Path, frames: list[tuple[float, bytes]]) -> Path:
    """A pcap of raw IP with times in nanoseconds."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, RAW))
        for time_s, frame in frames:
            whole, rest = divmod(round(time_s * 1e9), 1_000_000_000)
            file.write(struct.pack("<IIII", SECOND + whole, rest, len(frame), len(frame)) + frame)
    return path


def connection(start_s: float, sport: int) -> list[tuple[float, bytes]]:
    """Seven packets: opened, one request, closed by both."""
    there = {"src": CLIENT, "dst": SERVER, "sport": sport, "dport": 80}
    back = {"src": SERVER, "dst": CLIENT, "sport": 80, "dport": sport}
    steps: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (there, {"flags": SYN, "seq": 100}),
        (back, {"flags": SYN | ACK, "seq": 500, "ack": 101}),
        (there, {"seq": 101, "ack": 501}),
        (there, {"seq": 101, "ack": 501, "payload": b"GET / HTTP/1.1\r\n\r\n"}),
        (there, {"flags": FIN | ACK, "seq": 119, "ack": 501}),
        (back, {"flags": FIN | ACK, "seq": 501, "ack": 120}),
        (there, {"seq": 120, "ack": 502}),
    ]
    return [
        (start_s + 0.01 * i, tcp_frame(**ends, **fields)) for i, (ends, fields) in enumerate(steps)
    ]


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = connection(0, 40_001) + connection(1, 40_002)
    frames += [(2.0 + 10 * i, udp_frame(sport=5000, payload=b"x" * 10)) for i in range(5)]
    return write_capture(tmp_path_factory.mktemp("capture") / "c.pcap", frames)


def wiretell(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wiretell", "flows", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )


def test_the_table_and_its_totals(capture: Path) -> None:
    done = wiretell(capture)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["start", "(UTC)", "lasted"]
    assert "192.0.2.1:40001" in lines[1]
    assert "SF" in lines[1]
    assert "3 flows; 19 packets; 786 B; 2 tcp, 1 udp; 1 without packets of one side" in done.stdout


def test_filters_and_counts(capture: Path) -> None:
    assert wiretell(capture, "udp", "--count").stdout.startswith("1 flow; 5 packets;")
    assert wiretell("-r", capture, "-c", "7", "--count").stdout.startswith("1 flow; 7 packets;")
    told = json.loads(wiretell(capture, "--count", "--json").stdout)
    assert (told["flows"], told["packets"], told["bytes"]) == (3, 19, 786)
    assert told["counters"]["packets"] == 19


def test_json_lines_fit_their_schema(capture: Path) -> None:
    rows = [json.loads(line) for line in wiretell(capture, "--json").stdout.splitlines()]
    assert len(rows) == 3
    for row in rows:
        jsonschema.validate(row, schema())
    first = min(rows, key=lambda row: row["flow_id"])
    assert (first["orig_h"], first["orig_p"], first["resp_p"]) == (CLIENT, 40_001, 80)
    assert (first["orig_pkts"], first["orig_bytes"], first["orig_ip_bytes"]) == (5, 18, 218)
    assert (first["orig_tcp_flags"], first["conn_state"]) == (SYN | FIN | ACK, "SF")


def test_the_published_schema_is_the_one_of_the_code(root: Path) -> None:
    published = (root / "docs" / "schema" / "flows.v1.json").read_text(encoding="utf-8")
    assert json.loads(published) == schema()


def test_csv_and_parquet_hold_the_same(capture: Path, tmp_path: Path) -> None:
    done = wiretell(capture, "--csv", "--parquet", tmp_path / "flows")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    kept = pl.read_parquet(tmp_path / "flows" / "*.parquet")
    assert [int(row["orig_ip_bytes"]) for row in rows] == kept["orig_ip_bytes"].to_list()
    again = wiretell(capture, "--count", "--parquet", tmp_path / "flows")
    assert again.returncode == 2
    assert wiretell(capture, "--parquet", tmp_path / "flows").returncode == 0
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    assert wiretell(capture, "--parquet", tmp_path / "other").returncode == 2


def test_packets_that_match_are_written_as_they_were(capture: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    done = wiretell(capture, "port", "40001", "-w", out)
    assert (done.returncode, done.stdout) == (0, "") and "wrote 7 packets" in done.stderr
    sent = capture.read_bytes()[24:]
    n_bytes = sum(16 + len(frame) for _, frame in connection(0, 40_001))
    assert out.read_bytes()[24:] == sent[:n_bytes]
    assert wiretell(capture, "-c", "3", "-w", out, "-q").returncode == 0
    assert wiretell(out, "--count").stdout.startswith("1 flow; 3 packets;")
    piped = subprocess.run(
        [sys.executable, "-m", "wiretell", "flows", capture, "-w", "-", "-q"],
        capture_output=True,
        check=True,
    )
    assert piped.stdout[24:] == sent
    for odd in (["-w", capture], ["-w", out, "--json"], ["-w", tmp_path / "no" / "out"]):
        assert wiretell(capture, *odd).returncode == 2
    assert list(tmp_path.iterdir()) == [out], "no half file is left"


def test_zeek_logs(capture: Path, tmp_path: Path) -> None:
    text = wiretell(capture, "--zeek", "-").stdout.splitlines()
    names = next(line for line in text if line.startswith("#fields")).split("\t")[1:]
    assert names == [name for name, _ in FIELDS]
    rows = [
        dict(zip(names, line.split("\t"), strict=True)) for line in text if not line.startswith("#")
    ]
    first = rows[0]
    assert first["ts"] == f"{SECOND}.000000"
    assert (first["duration"], first["conn_state"], first["service"]) == ("0.060000", "SF", "-")
    assert (first["orig_bytes"], first["resp_bytes"]) == ("18", "0")
    assert len({row["uid"] for row in rows}) == 3
    wiretell(capture, "--zeek", tmp_path, "--zeek-json")
    objects = [json.loads(line) for line in (tmp_path / "conn.log").read_text().splitlines()]
    assert [each["uid"] for each in objects] == [row["uid"] for row in rows]
    assert "service" not in objects[0]


def test_zeek_tells_how_many_bytes_were_missed(tmp_path: Path) -> None:
    whole = connection(0, 40_001)
    path = write_capture(tmp_path / "c.pcap", [*whole[:3], *whole[4:], (2, udp_frame())])
    rows = [json.loads(x) for x in wiretell(path, "--zeek", "-", "--zeek-json").stdout.splitlines()]
    assert {row["proto"]: row["missed_bytes"] for row in rows} == {"tcp": 18, "udp": 0}


def test_the_listing_is_the_connection_trackers_table_at_the_last_packet(capture: Path) -> None:
    lines = wiretell(capture, "--format", "conntrack").stdout.splitlines()
    assert lines[0] == (
        "tcp      6 78 TIME_WAIT src=192.0.2.1 dst=198.51.100.1 sport=40001 dport=80 "
        "packets=5 bytes=218 src=198.51.100.1 dst=192.0.2.1 sport=80 dport=40001 "
        "packets=2 bytes=80 [ASSURED] mark=0 use=1"
    )
    assert len(lines) == 3
    assert lines[2].startswith("udp      17 30 src=192.0.2.1")
    later = wiretell(
        capture, "--format", "conntrack", "--ct", "tcp_timeout_time_wait=30"
    ).stdout.splitlines()
    assert [line.split()[0] for line in later] == ["udp"], "what timed out is not listed"
    for odd in (["--ct", "loose=0"], ["--all"], ["--format", "conntrack", "--ct", "nonsense"]):
        assert wiretell(capture, *odd).returncode == 2


def test_all_flows_look_like_conntrack(capture: Path) -> None:
    lines = wiretell(capture, "--format", "conntrack", "--all").stdout.splitlines()
    assert lines[0] == (
        "tcp      6 120 TIME_WAIT src=192.0.2.1 dst=198.51.100.1 sport=40001 dport=80 "
        "packets=5 bytes=218 src=198.51.100.1 dst=192.0.2.1 sport=80 dport=40001 "
        "packets=2 bytes=80 [ASSURED] mark=0 use=1"
    )
    assert lines[2].startswith("udp      17 30 src=192.0.2.1")
    assert " [UNREPLIED] src=198.51.100.1 dst=192.0.2.1 sport=53 dport=5000" in lines[2]


def test_timeouts_cut_flows_as_exporters_do(capture: Path) -> None:
    def udp(*options: object) -> list[tuple[int, str]]:
        lines = wiretell(capture, "udp", "--json", *options).stdout.splitlines()
        return [(row["orig_pkts"], row["end_reason"]) for row in map(json.loads, lines)]

    assert udp() == [(5, "end")]
    assert udp("--active-timeout", 20) == [(2, "active"), (2, "active"), (1, "end")]
    assert udp("--inactive-timeout", 5) == [(1, "timeout")] * 4 + [(1, "end")]


@pytest.mark.parametrize("target", ["o.nf5", "o.nf9", "o.ipfix", "ipfix-uniflow:o"])
def test_exported_files_are_read_again(capture: Path, tmp_path: Path, target: str) -> None:
    done = wiretell(capture, "--export", target, "-q", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    name = target.rpartition(":")[2]
    wanted = wiretell(capture, "--count").stdout.splitlines()[:2]
    assert wiretell(name, "--count", cwd=tmp_path).stdout.splitlines()[:2] == wanted
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-3])
    cut = wiretell(name, "--count", cwd=tmp_path)
    assert cut.returncode == 1
    assert "input damaged" in cut.stdout


def test_a_collector_hears_an_exporter(capture: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    collector = subprocess.Popen(
        [
            *(sys.executable, "-m", "wiretell", "flows", "--collect", str(port), "--json"),
            *("--seconds", "60", "-c", "4"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_for_udp(port, "listened", lambda waiting: waiting is not None)
        wiretell(capture, "--export", f"v9://127.0.0.1:{port}", "-q")
        wiretell(capture, "--export", f"ipfix://127.0.0.1:{port}", "-q")
        _wait_for_udp(port, "read what was sent", lambda waiting: not waiting)
        collector.send_signal(signal.SIGINT)
        out, _ = collector.communicate(timeout=60)
    finally:
        collector.kill()
    rows = [json.loads(line) for line in out.splitlines()]
    assert sum(row["orig_pkts"] + row["resp_pkts"] for row in rows) >= 19


def _wait_for_udp(port: int, done: str, is_done: Callable[[int | None], bool]) -> None:
    """Until the bytes that wait in the socket of this port are so; None: there is no socket."""
    table = Path("/proc/net/udp")
    if not table.exists():
        pytest.skip("no /proc/net/udp: cannot tell when the collector listens")
    for _ in range(600):
        rows = [line.split() for line in table.read_text().splitlines()]
        of_port = [row[4] for row in rows if row[1].endswith(f":{port:04X}")]
        if is_done(int(of_port[0].partition(":")[2], 16) if of_port else None):
            return
        time.sleep(0.05)
    pytest.fail(f"the collector never {done}")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--export", "v7://h:1"], "formats: v5, v9"),
        (["--export", "v9://h"], "HOST:PORT"),
        (["--zeek-json"], "belongs to --zeek"),
        (["--json", "--csv"], "same place"),
        (["--seconds", "3"], "belongs to --collect"),
        (["--export-rate", "3"], "is for collectors"),
        (["--parquet", "-"], "folder"),
    ],
)
def test_what_does_not_fit_is_refused(capture: Path, options: list[str], words: str) -> None:
    done = wiretell(capture, *options)
    assert done.returncode == 2
    assert words in done.stderr


def test_the_capture_is_never_written_over(capture: Path) -> None:
    done = wiretell(capture, "--export", f"v9:{capture}")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def test_nobody_reads_the_output(capture: Path) -> None:
    command = f"{sys.executable} -m wiretell flows {capture} --json | head -c 10"
    done = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert done.returncode in (0, 141)
    assert done.stderr == ""


def test_json_tells_of_the_connection_and_its_streams(capture: Path) -> None:
    rows = [json.loads(line) for line in wiretell(capture, "--json").stdout.splitlines()]
    tcp, udp = rows[0], next(row for row in rows if row["proto"] == 17)
    assert (tcp["close_reason"], tcp["half_open"], tcp["one_sided"]) == ("fin", False, False)
    # The client sends its request 10 ms after the answer to its SYN, which took 10 ms.
    assert tcp["handshake_rtt_ns"] == 20_000_000
    assert tcp["orig_retransmissions"] == tcp["resp_missing_bytes"] == 0
    assert udp["close_reason"] is udp["half_open"] is udp["orig_retransmissions"] is None


def test_what_other_settings_would_say(capture: Path, tmp_path: Path) -> None:
    late = write_capture(tmp_path / "late.pcap", connection(0, 40_001)[3:])
    done = wiretell(late, "--what-if", "linux,loose=0")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    ends = "#1 192.0.2.1:40001 > 198.51.100.1:80 flow 0"
    assert lines[0] == f"{ends}: NEW established (picked_up) -> INVALID (not_picked_up)"
    assert "4 of 4 packets judged otherwise by linux,loose=0 than by linux" in lines
    rows = wiretell(late, "--what-if", "linux,loose=0", "--json").stdout.splitlines()
    assert [json.loads(row)["packet"] for row in rows] == [1, 2, 3, 4]
    again = wiretell(late, "--what-if", "linux", "--ct", "linux,loose=0", "--csv")
    assert len(list(csv.DictReader(io.StringIO(again.stdout)))) == 4
    same = wiretell(capture, "--what-if", "linux")
    assert same.stdout == "0 of 19 packets judged otherwise by linux than by linux\n"
    assert wiretell(late, "--what-if", "bogus").returncode == 2
    assert wiretell(late, "--ct", "strict").returncode == 2
    assert wiretell(late, "--what-if", "strict", "--count").returncode == 2
