"""The speed bench: who is missing or fails, what is repeated, what is told."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import polars as pl
import pytest
from raw_ip import RAW, udp_frame

from bench import run as speed
from bench.contenders import CONTENDERS, EXPORTERS, Contender
from bench.process import Cost, run
from bench.repeat import repeated
from wiretell.pipeline import read

GOOD = Contender("good", "says yes", "wiretell", lambda _, __: [sys.executable, "-c", "print(1)"])
BAD = Contender("bad", "fails", "sh", lambda *_: ["false"], package="dash")
MISSING = Contender("none", "is not there", "no-such-program", lambda *_: [], package="nothing")


@pytest.fixture
def captures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "FOLDER", tmp_path)
    monkeypatch.setattr(Contender, "version", lambda _: "1.0")
    real = Contender.path
    monkeypatch.setattr(
        Contender, "path", lambda each: sys.executable if each is GOOD else real(each)
    )


def test_who_is_missing_or_fails_is_told(captures: None) -> None:
    rows = speed.measure([GOOD, BAD, MISSING], 100, ["headers"], 1)
    good, bad, missing = (line.split(" | ") for line in speed.table(rows, ["headers"])[2:])
    assert good[1] == "1.0"
    assert float(good[2]) >= 0
    assert bad[2] == "failed"
    assert missing[1] == "missing (Debian: nothing)"
    assert rows[0].costs["headers"].wall_s > 0


def test_a_slow_one_is_measured_on_fewer_packets() -> None:
    slow = Contender("slow", "", "slow", lambda *_: [], at_most=300)
    row = speed.Row(slow, "1", 300, {"full": Cost(0.1, 0.1, 10**6)})
    base = speed.Row(GOOD, "1", 1000, {"full": Cost(0.1, 0.1, 10**6)})
    line = speed.table([base, row], ["full"])[-1]
    assert line == "| slow † | 1 | 0.00 | 0.10 | 1 | 3.3 × |"


def test_every_tool_says_where_it_comes_from() -> None:
    python = {"wiretell", "dpkt", "nfstream", "scapy"}
    for each in (*CONTENDERS, *EXPORTERS):
        assert (each.package is None) == (each.program in python), each.name
    assert CONTENDERS[0].ours
    assert EXPORTERS[0].ours


def test_a_capture_repeated_goes_on_in_time(tmp_path: Path) -> None:
    data = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, RAW)
    for i in range(5):
        frame = udp_frame(sport=5000 + i, payload=bytes(i))
        data += struct.pack("<IIII", 1_760_000_000 + 3 * i, 7, len(frame), len(frame)) + frame
    path = tmp_path / "long.pcap"
    path.write_bytes(b"".join(repeated(data + b"half a record", 12)))
    told = pl.concat(list(read(path)))
    assert told["sport"].to_list() == [5000, 5001, 5002, 5003, 5004] * 2 + [5000, 5001]
    seconds = (told["time_ns"] // 1_000_000_000 - 1_760_000_000).to_list()
    assert seconds == [0, 3, 6, 9, 12, 13, 16, 19, 22, 25, 26, 29]
    assert set(told["time_ns"] % 1_000_000_000) == {7}
    for odd in (b"", b"not a capture, though it is long", data[:24]):
        with pytest.raises(ValueError, match=r"not a plain|no packet"):
            list(repeated(odd, 3))


def test_a_process_is_fed_and_kept_to_cores() -> None:
    count = "import sys; sys.exit(len(sys.stdin.read()) != 5)"
    feed = [sys.executable, "-c", "print('four')"]
    assert run([sys.executable, "-c", count], fed_by=feed).wall_s > 0
    one = "import os, sys; sys.exit(os.sched_getaffinity(0) != {0})"
    run([sys.executable, "-c", one], cores=[0])
    endless = [sys.executable, "-c", "while True: print('y')"]
    with pytest.raises(RuntimeError, match="ended with 3"):
        run([sys.executable, "-c", "raise SystemExit(3)"], fed_by=endless)
