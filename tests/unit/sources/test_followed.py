"""Captures that are still written: read as far as they are, waited on, changed under way."""

from __future__ import annotations

import gzip
import random
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from raw_ip import ACK, FIN, RAW, SYN, tcp_frame

from wiretell.errors import CaptureError
from wiretell.sources import watch
from wiretell.sources.followed import FollowedCaptures
from wiretell.sources.tracked import TrackedCaptures

HEADER = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, RAW)
SECTION = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
INTERFACE = struct.pack("<IIHHIHHIHHI", 1, 32, RAW, 0, 65535, 9, 1, 9, 0, 0, 32)
SECOND = 1_760_000_000
PATIENCE_S = 20.0


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SETTLED_S", 0.3)


def connection(start_s: int, port: int) -> list[tuple[int, bytes]]:
    """Six packets, times in ns; it ends some seconds after its last, when others go on."""
    back = {"src": "198.51.100.1", "dst": "192.0.2.1", "sport": 443, "dport": port}
    frames = [
        tcp_frame(sport=port, flags=SYN, seq=1),
        tcp_frame(**back, flags=SYN | ACK, seq=1, ack=2),
        tcp_frame(sport=port, seq=2, ack=2, payload=b"x" * (port % 50)),
        tcp_frame(sport=port, flags=FIN | ACK, seq=2 + port % 50, ack=2),
        tcp_frame(**back, flags=FIN | ACK, seq=2, ack=3 + port % 50),
        tcp_frame(sport=port, seq=3 + port % 50, ack=3),
    ]
    start_ns = (SECOND + start_s) * 1_000_000_000
    return [(start_ns + i * 1_000_000, frame) for i, frame in enumerate(frames)]


def pcap(*connections: int) -> bytes:
    """Records of the connections of these numbers, ten seconds apart."""
    made = b""
    for number in connections:
        for time_ns, frame in connection(10 * number, 40_000 + number):
            head = (*divmod(time_ns, 1_000_000_000), len(frame), len(frame))
            made += struct.pack("<IIII", *head) + frame
    return made


def pcapng(*connections: int) -> bytes:
    """The same as enhanced packet blocks."""
    made = b""
    for number in connections:
        for time_ns, frame in connection(10 * number, 40_000 + number):
            padded = frame + bytes(-len(frame) % 4)
            n = 32 + len(padded)
            head = (6, n, 0, time_ns >> 32, time_ns & 0xFFFFFFFF, len(frame), len(frame))
            made += struct.pack("<IIIIIII", *head) + padded + struct.pack("<I", n)
    return made


class Following:
    """A source that is read in a thread of its own, so that a test can go on writing."""

    def __init__(self, path: Path, **settings: int | str) -> None:
        self.told: list[str] = []
        self.source = FollowedCaptures(str(path), tell=self.told.append, **settings)  # type: ignore[arg-type]
        self._got: Queue[pl.DataFrame | BaseException | None] = Queue()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for batch in self.source.batches():
                self._got.put(batch)
            self._got.put(None)
        except BaseException as error:
            self._got.put(error)

    def next(self) -> pl.DataFrame | None:
        """The next flows; None: there are no more."""
        got = self._got.get(timeout=PATIENCE_S)
        if isinstance(got, BaseException):
            raise got
        return got

    def ports(self, n: int) -> list[int]:
        """Originators' ports of the next `n` flows, numbered as connections are."""
        found: list[int] = []
        while len(found) < n and (batch := self.next()) is not None:
            found += [port - 40_000 for port in batch["orig_p"]]
        return found

    def rest(self, n_packets: int = 0) -> pl.DataFrame:
        """The flows that are handed out when it is stopped after so many packets."""
        until(lambda: self.source.n_packets >= n_packets)
        self.source.stop()
        batches = []
        while (batch := self.next()) is not None:
            batches.append(batch)
        return pl.concat(batches) if batches else pl.DataFrame()

    def is_silent(self) -> bool:
        """Whether nothing comes for a while."""
        try:
            self._got.get(timeout=0.6)
        except Empty:
            return True
        return False


@pytest.fixture
def follow() -> Iterator[Callable[..., Following]]:
    made: list[Following] = []

    def start(path: Path, **settings: int | str) -> Following:
        made.append(Following(path, **settings))
        return made[-1]

    yield start
    for each in made:
        each.source.close()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("begin", "records"), [(HEADER, pcap), (SECTION + INTERFACE, pcapng)], ids=["pcap", "pcapng"]
)
def test_a_file_written_in_odd_pieces_gives_the_flows_of_the_whole(
    tmp_path: Path, follow: Callable[..., Following], begin: bytes, records: Callable[..., bytes]
) -> None:
    path = tmp_path / "grows.pcap"
    path.touch()
    following = follow(path)
    whole, draw = begin + records(*range(40)), random.Random(1)
    with path.open("ab", buffering=0) as file:
        while whole:
            n = draw.randrange(1, 900)
            file.write(whole[:n])
            whole = whole[n:]
            time.sleep(draw.random() / 100)
    # The last one waits for time to go on: it ends when the following does.
    early: list[pl.DataFrame] = []
    while sum(batch.height for batch in early) < 39:
        batch = following.next()
        assert batch is not None
        early.append(batch)
    told = pl.concat([*early, following.rest(240)])
    plain = TrackedCaptures([str(path)])
    expected = pl.concat(list(plain.batches()))
    plain.close()
    assert_frame_equal(told, expected)
    provenance = following.source.provenance()
    assert provenance["damage"] == []
    assert provenance["counters"] == plain.provenance()["counters"]
    assert [file["path"] for file in provenance["files"]] == [str(path)]


def test_half_a_record_is_waited_for_and_no_damage(
    tmp_path: Path, follow: Callable[..., Following]
) -> None:
    path = tmp_path / "half.pcap"
    whole = HEADER + pcap(0, 1)
    path.write_bytes(whole[:-70])
    following = follow(path)
    assert following.ports(1) == [0]
    assert following.is_silent()
    with path.open("ab") as file:
        file.write(whole[-70:] + pcap(2)[:-3])
    assert following.ports(1) == [1]
    assert following.rest(17)["orig_p"].to_list() == [40_002]
    provenance = following.source.provenance()
    assert (provenance["damage"], provenance["counters"]["damaged"]) == ([], 0)
    assert provenance["counters"]["packets"] == 17


def test_damage_under_way_is_told_under_the_files_name(
    tmp_path: Path, follow: Callable[..., Following]
) -> None:
    path = tmp_path / "broken.pcap"
    path.write_bytes(HEADER + pcap(0) + b"\xff" * 50 + pcap(1, 2))
    following = follow(path)
    # Records are searched for in what comes, or what there is at the end.
    until(lambda: following.source.n_packets == 6)
    assert following.is_silent()
    assert following.rest()["orig_p"].to_list() == [40_000, 40_001, 40_002]
    (damage,) = following.source.provenance()["damage"]
    assert (damage["file"], damage["kind"], damage["packet"]) == (str(path), "corrupt", 6)


@pytest.mark.parametrize("how", ["truncated", "replaced"])
def test_a_file_written_anew_is_read_anew(
    tmp_path: Path, follow: Callable[..., Following], how: str
) -> None:
    path = tmp_path / "again.pcap"
    path.write_bytes(HEADER + pcap(0, 1, 2))
    following = follow(path)
    assert following.ports(2) == [0, 1]
    if how == "truncated":
        path.write_bytes(HEADER + pcap(3))
    else:
        (tmp_path / "other").write_bytes(HEADER + pcap(3, 4, 5))
        (tmp_path / "other").replace(path)
    until(lambda: bool(following.told))
    with path.open("ab") as file:
        file.write(pcap(6))
    assert following.ports(2)[:2] == [2, 3]
    assert following.told == [f"{path} was written anew: it is read from its beginning"]
    following.rest()
    assert len(following.source.provenance()["files"]) == 2


def test_a_file_that_is_gone_is_told_and_waited_for(
    tmp_path: Path, follow: Callable[..., Following]
) -> None:
    path = tmp_path / "gone.pcap"
    path.write_bytes(HEADER + pcap(0, 1))
    following = follow(path)
    assert following.ports(1) == [0]
    path.unlink()
    until(lambda: following.told == [f"{path} is gone"])
    path.write_bytes(HEADER + pcap(2, 3))
    assert following.ports(2) == [1, 2]


def test_files_that_appear_in_a_folder_follow_each_other(
    tmp_path: Path, follow: Callable[..., Following]
) -> None:
    (tmp_path / "b.pcap").write_bytes(HEADER + pcap(0, 1))
    (tmp_path / "a.pcap").write_bytes(HEADER + pcap(2)[:-5])  # its writer was ended
    (tmp_path / "notes.txt").write_text("no capture")
    following = follow(tmp_path)
    assert following.ports(1) == [0]
    later = tmp_path / "later" / "c.pcap"
    later.parent.mkdir()
    later.write_bytes(HEADER)
    assert following.ports(1) == [1]  # `a` was begun, though `c` has nothing yet
    with later.open("ab") as file:
        file.write(pcap(3, 4))
    assert following.ports(2) == [2, 3]
    # A ring of files begins again with the first.
    (tmp_path / "b.pcap").write_bytes(HEADER + pcap(5, 6))
    assert following.ports(2) == [4, 5]
    assert following.rest(41)["orig_p"].to_list() == [40_006]
    provenance = following.source.provenance()
    names = [Path(file["path"]).name for file in provenance["files"]]
    assert names == ["b.pcap", "a.pcap", "c.pcap", "b.pcap"]
    (damage,) = provenance["damage"]
    assert (Path(damage["file"]).name, damage["kind"]) == ("a.pcap", "cut")
    assert provenance["counters"]["packets"] == 7 * 6 - 1


def test_a_file_that_is_packed_when_it_was_read_is_not_read_again(
    tmp_path: Path, follow: Callable[..., Following]
) -> None:
    first = tmp_path / "1.pcap"
    first.write_bytes(HEADER + pcap(0, 1))
    following = follow(tmp_path)
    assert following.ports(1) == [0]
    (tmp_path / "1.pcap.gz").write_bytes(gzip.compress(first.read_bytes()))
    first.unlink()
    (tmp_path / "2.pcap").write_bytes(HEADER + pcap(2, 3))
    assert following.ports(2) == [1, 2]
    assert following.is_silent()
    following.rest()
    assert following.source.n_packets == 24


def test_what_is_added_to_a_file_that_was_left_is_told(
    tmp_path: Path, follow: Callable[..., Following]
) -> None:
    first, second = tmp_path / "1.pcap", tmp_path / "2.pcap"
    first.write_bytes(HEADER + pcap(0))
    second.write_bytes(HEADER + pcap(1, 2))
    following = follow(tmp_path)
    assert following.ports(2) == [0, 1]
    with first.open("ab") as file:
        file.write(pcap(3))
    until(lambda: bool(following.told))
    time.sleep(0.5)
    assert following.told == [f"{first} grows although another file has begun: that is not read"]


def test_limits_end_it(tmp_path: Path, follow: Callable[..., Following]) -> None:
    path = tmp_path / "endless.pcap"
    path.write_bytes(HEADER + pcap(0, 1, 2))
    following = follow(path, max_packets=7)
    assert following.ports(2) == [0, 1]
    assert following.next() is None
    assert following.source.provenance()["counters"]["packets"] == 7
    following = follow(path, seconds=0.5)
    assert following.ports(3) == [0, 1, 2]
    assert following.next() is None


def test_a_filter(tmp_path: Path, follow: Callable[..., Following]) -> None:
    path = tmp_path / "filtered.pcap"
    path.write_bytes(HEADER + pcap(0, 1, 2, 3))
    following = follow(path, filter="port 40001 or port 40003")
    assert following.ports(1) == [1]
    assert following.rest(12)["orig_p"].to_list() == [40_003]


def test_what_is_no_capture(tmp_path: Path, follow: Callable[..., Following]) -> None:
    path = tmp_path / "text"
    path.write_text("this is not a capture but it is long enough to be one")
    with pytest.raises(CaptureError, match=f"{path}: neither pcap nor pcapng"):
        follow(path).next()
    with pytest.raises(FileNotFoundError):
        follow(tmp_path / "missing")


def test_an_empty_file_can_be_left(tmp_path: Path, follow: Callable[..., Following]) -> None:
    path = tmp_path / "empty.pcap"
    path.touch()
    following = follow(path)
    assert following.is_silent()
    assert following.rest().height == 0
    assert following.source.provenance()["damage"] == []


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_no_descriptor_and_no_thread_stays(
    tmp_path: Path, follow: Callable[..., Following]
) -> None:
    import threading

    path = tmp_path / "many.pcap"
    path.write_bytes(HEADER + pcap(0, 1))
    follow(path).rest()
    n_open, n_threads = open_files(), threading.active_count()
    for _ in range(5):
        following = follow(path)
        assert following.ports(1) == [0]
        following.rest()
        following.source.close()
    assert open_files() <= n_open
    until(lambda: threading.active_count() <= n_threads)
