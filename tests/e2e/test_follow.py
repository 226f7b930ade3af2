"""`wiretell flows --follow`: captures that tcpdump is writing, Ctrl-C, what cannot be followed."""

from __future__ import annotations

import contextlib
import csv
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from raw_ip import RAW, udp_frame

PATIENCE_S = 60
_SEND = """
import socket, sys, time
for port in range(5001, 5001 + int(sys.argv[1])):
    with socket.socket(type=socket.SOCK_DGRAM) as out:
        out.bind(("127.0.0.1", port))
        out.sendto(b"x" * 100, ("127.0.0.1", 9))
    time.sleep(float(sys.argv[2]))
"""


def capture(path: Path, times_s: list[float]) -> Path:
    """A datagram of a port of its own at each of these times."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, RAW))
        for i, time_s in enumerate(times_s):
            frame = udp_frame(sport=5001 + i, payload=b"x")
            head = (1_760_000_000 + int(time_s), 0, len(frame), len(frame))
            file.write(struct.pack("<IIII", *head) + frame)
    return path


@contextlib.contextmanager
def follow(*words: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "wiretell", "flows", "--follow", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def rest(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What is still to be read of both streams; `communicate` knows nothing of lines read."""
    assert process.stdout is not None
    assert process.stderr is not None
    told = process.stdout.read(), process.stderr.read()
    process.wait(timeout=PATIENCE_S)
    return told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_flows_are_listed_as_they_end_and_the_rest_at_the_end(
    tmp_path: Path, number: signal.Signals
) -> None:
    path = capture(tmp_path / "c.pcap", [0, 1, 100])
    with follow(path) as process:
        assert line(process).split()[:3] == ["start", "(UTC)", "lasted"]
        assert "192.0.2.1:5001" in line(process)
        assert "192.0.2.1:5002" in line(process)
        process.send_signal(number)
        out, err = rest(process)
    assert "192.0.2.1:5003" in out
    assert "3 flows; 3 packets;" in out
    assert (process.returncode, err) == (0, "")


def test_csv_comes_line_by_line_and_a_summary_on_standard_error(tmp_path: Path) -> None:
    path = capture(tmp_path / "c.pcap", [0, 100])
    with follow(path, "--csv", "--seconds", "30", "-c", "3") as process:
        head = line(process)
        first = dict(zip(head.strip().split(","), line(process).strip().split(","), strict=True))
        assert first["orig_p"] == "5001"
        frame = udp_frame(sport=5003, payload=b"x")
        with path.open("ab") as file:
            file.write(struct.pack("<IIII", 1_760_000_300, 0, len(frame), len(frame)) + frame)
        out, err = rest(process)
    rows = list(csv.DictReader([head, *out.splitlines()]))
    assert [row["orig_p"] for row in rows] == ["5002", "5003"]
    assert err == "wiretell: 3 flows; 3 packets\n"
    assert process.returncode == 0


def test_a_saved_report_does_not_grow(tmp_path: Path) -> None:
    (tmp_path / "report.json").touch()
    with follow(tmp_path) as process:
        _, err = rest(process)
    assert process.returncode == 2
    assert "is a saved report" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["C", "C"], "takes one file"),
        (["-"], "leave --follow out"),
        (["/dev/null"], "leave --follow out"),
        (["C", "-w", "out.pcap"], "leave -w out"),
        (["C", "--quality"], "leave --quality out"),
        (["C", "--format", "conntrack", "--all"], "leave --all out"),
        (["C", "--csv=C"], "C"),
        ([], "name at least one capture"),
    ],
)
def test_what_cannot_be_followed(tmp_path: Path, words: list[str], told: str) -> None:
    path = capture(tmp_path / "C", [0])
    with follow(*(word.replace("C", str(path)) if "C" in word else word for word in words)) as it:
        _, err = it.communicate(timeout=PATIENCE_S)
    assert it.returncode == 2
    assert told in err


def test_tcpdump_writes_a_ring_of_files(
    tmp_path: Path, require_program: Callable[[str], str], require_root: None
) -> None:
    tcpdump, unshare = require_program("tcpdump"), require_program("unshare")
    if shutil.which("ip") is None:
        pytest.skip("ip (iproute2) is not installed")
    if subprocess.run([unshare, "--net", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace can be made")
    # A file for each second; -Z root: it may write here.
    script = (
        "ip link set lo up && "
        f"exec {tcpdump} -i lo -n -U -G 1 -Z root -w '{tmp_path}/%s.pcap' udp and port 9"
    )
    with follow(tmp_path, "--inactive-timeout", "1", "--csv") as process:
        writer = subprocess.Popen(
            [unshare, "--net", "sh", "-c", script], stderr=subprocess.PIPE, text=True
        )
        try:
            assert writer.stderr is not None
            while "listening on" not in (told := writer.stderr.readline()):
                assert told, "tcpdump ended"
            enter = ["nsenter", "--target", str(writer.pid), "--net"]
            subprocess.run([*enter, sys.executable, "-c", _SEND, "8", "0.4"], check=True)
            assert "orig_p" in line(process)
            assert ",5001," in line(process)  # while tcpdump goes on
        finally:
            writer.terminate()
            writer.wait()
        time.sleep(3)  # until the last file's turn has come
        process.send_signal(signal.SIGINT)
        out, err = rest(process)
    assert len(list(tmp_path.glob("*.pcap"))) >= 3
    ports = [5001, *(int(row.split(",5")[1][:3]) + 5000 for row in out.splitlines())]
    assert sorted(ports) == list(range(5001, 5009)), err
    assert "wiretell: 8 flows; 8 packets; " in err
    assert process.returncode == 0
