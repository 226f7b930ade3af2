"""The devices command on captures: the whole river, from the command line."""

from __future__ import annotations

import csv
import gzip
import io
import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from raw_ip import ACK, RAW, SYN, tcp_frame

SERVER, CLIENT = "198.51.100.1", "192.0.2.1"


def pcap(frames: list[tuple[float, bytes]]) -> bytes:
    """A capture of raw IP frames with their times in seconds."""
    records = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, RAW)]
    for time_s, frame in frames:
        us = round((1_790_000_000 + time_s) * 1_000_000)
        size = len(frame)
        records += [struct.pack("<IIII", us // 1_000_000, us % 1_000_000, size, size), frame]
    return b"".join(records)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight connections of one client with one clock, to two ports."""
    frames = []
    for number in range(8):
        start, port = number * 10.0, 443 if number % 2 else 80
        ends = {"src": CLIENT, "dst": SERVER, "sport": 50_000 + number, "dport": port}
        for step, flags in ((0.0, SYN), (0.1, ACK), (5.0, ACK)):
            ticks = 1_000_000 + int((start + step) * 1000)
            frame = tcp_frame(**ends, flags=flags, tsval=ticks, seq=1, ipid=number * 3 + 1)
            frames.append((start + step, frame))
    path = tmp_path_factory.mktemp("captures") / "one.pcap"
    path.write_bytes(pcap(frames))
    return path


def wiretell(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "wiretell", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def sources(text: str) -> list[tuple[str, str]]:
    return [(row["src"], row["dport"]) for row in csv.DictReader(io.StringIO(text))]


def test_one_row_per_judged_side(capture: Path) -> None:
    done = wiretell("devices", capture, "--csv")
    assert done.returncode == 0
    notes = done.stderr.splitlines()  # the capture holds one direction only, and is told to
    assert len(notes) == 1 and notes[0].startswith("wiretell: capture quality: 8 of 8 TCP")
    assert [row for row in sources(done.stdout) if row[0] == CLIENT] == [
        (CLIENT, port) for port in ("80", "443") * 4
    ]


def test_filter_words(capture: Path) -> None:
    for words in (["tcp", "port", "443"], ["tcp port 443"]):
        done = wiretell("devices", "--csv", capture, *words)
        assert done.returncode == 0, done.stderr
        assert {row for row in sources(done.stdout) if row[0] == CLIENT} == {(CLIENT, "443")}
    assert wiretell("devices", "-r", capture, "udp", "--csv").stdout.count("\n") == 1
    wrong = wiretell("devices", capture, "tcp", "prot", "443")
    assert wrong.returncode == 2
    assert "syntax error" in wrong.stderr


def test_standard_input_and_compression_are_the_same(capture: Path) -> None:
    expected = wiretell("devices", capture, "--csv").stdout
    plain = capture.read_bytes()
    assert wiretell("devices", "-", "--csv", stdin=plain).stdout == expected
    assert wiretell("devices", "-", "--csv", stdin=gzip.compress(plain)).stdout == expected


def test_a_saved_report_says_the_same_as_the_capture(capture: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    first = wiretell("devices", capture, "--save", saved)
    assert first.stdout.startswith(CLIENT)
    for form in ("--json", "--csv", "--html=-"):
        assert wiretell("show", saved, form).stdout == wiretell("devices", capture, form).stdout
    assert wiretell("show", saved).stdout == first.stdout


def test_a_cut_capture_is_shown_with_its_damage(capture: Path) -> None:
    done = wiretell("devices", "-", "--json", stdin=capture.read_bytes()[:-5])
    assert done.returncode == 1
    assert "input damaged" in done.stderr
    damage = json.loads(done.stdout)["provenance"]["damage"]
    assert len(damage) == 1


def test_what_is_no_capture_is_a_usage_error(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a capture, but long enough to look for a magic number in it")
    done = wiretell("devices", text)
    assert done.returncode == 2
    assert "notes.txt" in done.stderr
    assert "Traceback" not in done.stderr
