"""A folder of captures: what counts as one, in which order; many read as one."""

from __future__ import annotations

import gzip
import os
import random
import struct
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from raw_ip import RAW, SYN, tcp_frame

from wiretell.errors import CaptureError
from wiretell.pipeline import measure
from wiretell.sources.captures import open_captures
from wiretell.sources.folder import captures_below, first_packet_ns
from wiretell.sources.tracked import TrackedCaptures

HEADER = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, RAW)
SECOND = 1_760_000_000


def record(time_ns: int, frame: bytes) -> bytes:
    whole, rest = divmod(time_ns, 1_000_000_000)
    return struct.pack("<IIII", SECOND + whole, rest, len(frame), len(frame)) + frame


def packets(n: int, seed: int = 1) -> list[bytes]:
    """Records of some connections, a millisecond apart, no two at the same time."""
    draw = random.Random(seed)
    made = []
    for i in range(n):
        port = 40_000 + draw.randrange(60)
        frame = tcp_frame(sport=port, seq=i, flags=SYN if draw.random() < 0.1 else 16, ipid=i)
        made.append(record(i * 1_000_000, frame))
    return made


def write(path: Path, records: list[bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(HEADER + b"".join(records))
    return path


def flows(*paths: Path) -> pl.DataFrame:
    source = TrackedCaptures([str(path) for path in paths])
    parts = list(source.batches())
    source.close()
    return pl.concat(parts)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = packets(40)
    write(tmp_path / "b" / "late.pcap", made[30:])
    write(tmp_path / "z" / "early", made[:10])
    write(tmp_path / "middle.cap1", made[10:20])
    (tmp_path / "packed.gz").write_bytes(gzip.compress(HEADER + b"".join(made[20:30])))
    write(tmp_path / "header_alone", [])
    (tmp_path / "empty.pcap").touch()
    (tmp_path / "README.md").write_text("no capture")
    (tmp_path / "text.gz").write_bytes(gzip.compress(b"no capture either"))
    (tmp_path / "broken_link.pcap").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.pcap")
    return tmp_path


def test_captures_are_told_by_their_bytes_and_ordered_by_time(folder: Path) -> None:
    found = captures_below(folder)
    assert [Path(name).name for name in found.captures] == [
        *("early", "middle.cap1", "packed.gz", "late.pcap"),
        *("empty.pcap", "header_alone"),
    ]
    assert [Path(name).name for name in found.others] == ["README.md", "text.gz"]


def test_the_first_packets_time(folder: Path) -> None:
    late_ns = SECOND * 1_000_000_000 + 30 * 1_000_000
    assert first_packet_ns(str(folder / "b" / "late.pcap")) == late_ns
    assert first_packet_ns(str(folder / "empty.pcap")) is None
    assert first_packet_ns(str(folder / "missing.pcap")) is None


def test_a_folder_is_its_captures(folder: Path) -> None:
    report = measure(folder)
    assert report.provenance["counters"]["packets"] == 40
    assert [(told["kind"], Path(told["file"]).name) for told in report.provenance["damage"]] == [
        ("unreadable", "empty.pcap")
    ]
    (folder / "nothing").mkdir()
    with pytest.raises(CaptureError, match="no capture in this folder"):
        measure(folder / "nothing")


@pytest.mark.parametrize("n_pieces", [3, 40])  # more than are held open at once
def test_pieces_give_the_flows_of_the_whole(tmp_path: Path, n_pieces: int) -> None:
    made = packets(3000)
    whole = flows(write(tmp_path / "whole.pcap", made))
    draw = random.Random(2)
    following = [made[i * 3000 // n_pieces : (i + 1) * 3000 // n_pieces] for i in range(n_pieces)]
    overlapping: list[list[bytes]] = [[] for _ in range(n_pieces)]
    for each in made:
        overlapping[draw.randrange(n_pieces)].append(each)
    for kind, pieces in (("following", following), ("overlapping", overlapping)):
        paths = [write(tmp_path / kind / f"{i}.pcap", piece) for i, piece in enumerate(pieces)]
        for _ in range(2):
            draw.shuffle(paths)
            assert_frame_equal(flows(*paths), whole)


def test_what_is_damaged_does_not_stop_the_rest(tmp_path: Path) -> None:
    made = packets(40)
    write(tmp_path / "cut.pcap", [*made[:9], made[9][:-7]])
    write(tmp_path / "whole.pcap", made[10:])
    (tmp_path / "text.pcap").write_text("not a capture, whatever its name says")
    reader, unread = open_captures(captures_below(tmp_path).captures, None)
    while reader.packets(1000) is not None:
        pass
    assert reader.counters()["frames"] == 39
    assert [told["kind"] for told in reader.damage()] == ["cut"]
    assert [told["message"] for told in unread] == ["neither pcap nor pcapng"]


def test_a_file_that_may_not_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wiretell._core import Reader
    from wiretell.sources import captures

    closed = str(tmp_path / "closed.pcap")

    def refuse(names: list[str], **options: object) -> Reader:
        if closed in names:
            raise PermissionError(13, "Permission denied", closed)
        return Reader(names, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(captures, "Reader", refuse)
    names = [closed, str(write(tmp_path / "open.pcap", packets(5)))]
    reader, unread = open_captures(names, None)
    assert len(reader.files()) == 1
    assert [(told["file"], "chmod" in str(told["message"])) for told in unread] == [(closed, True)]
    with pytest.raises(PermissionError):
        open_captures([closed], None)


def test_standard_input_beside_a_file_that_is_no_capture(tmp_path: Path) -> None:
    (tmp_path / "no.pcap").touch()
    program = (
        "from wiretell.sources.captures import open_captures\n"
        "reader, unread = open_captures(['-', 'no.pcap'], None)\n"
        "batch = reader.packets(100)\n"
        "print(len(batch), [told['file'] for told in unread])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=HEADER + b"".join(packets(7)),
        capture_output=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.stdout.decode().strip() == "7 ['no.pcap']", done.stderr.decode()
