"""Ctrl-C while a command waits for a silent pipe: it ends at once, and says so."""

from __future__ import annotations

import signal
import subprocess
import sys
import termios
import time
import zlib
from fcntl import ioctl
from pathlib import Path
from typing import IO

import pytest

CAPTURE = Path(__file__).parents[2] / "examples" / "single.pcap.zst"
COMMANDS = {
    "devices": ["devices", "-", "--csv"],
    "flows": ["flows", "-"],
    "count": ["flows", "-", "--count"],
    "packets kept": ["flows", "-", "-w", "kept.pcap"],
    "explain": ["explain", "-"],
    "scans": ["scans", "-"],
    "clocks": ["clocks", "-"],
    "plot": ["plot", "ip_id", "-"],
}
PATIENCE_S = 60
"""Modules take so long to load on a busy machine."""


def wait_until_read(pipe: IO[bytes]) -> None:
    """Until nothing is left in it: the program has started, and waits."""
    end = time.monotonic() + PATIENCE_S
    while int.from_bytes(ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder):
        assert time.monotonic() < end, "it reads nothing"
        time.sleep(0.1)


def interrupted(arguments: list[str], sent: bytes, folder: Path) -> tuple[int, str]:
    """What the command ended with, and said, interrupted after it has read what was sent."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wiretell", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(sent)
        process.stdin.flush()
        wait_until_read(process.stdin)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=2)
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=PATIENCE_S / 2)
            except subprocess.TimeoutExpired:
                continue  # A module that was just being loaded took it for itself.
            break
        is_deaf = process.poll() is None
    finally:
        process.kill()
    out, err = process.communicate()
    assert not is_deaf, "it did not end"
    assert out == b""
    return process.returncode, err.decode()


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A capture's first bytes, plain."""
    from wiretell._core import PcapWriter, Reader

    path = tmp_path_factory.mktemp("plain") / "x.pcap"
    writer = PcapWriter(str(path))
    writer.consume(Reader([str(CAPTURE)]), 200)
    writer.finish()
    return path.read_bytes()


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_it_ends_at_once(arguments: list[str], capture: bytes, tmp_path: Path) -> None:
    code, told = interrupted(arguments, capture, tmp_path)
    assert code == 130
    assert told.strip() == "wiretell: interrupted"


@pytest.mark.parametrize("n_bytes", [0, 3, 30])
def test_before_the_first_packet(capture: bytes, tmp_path: Path, n_bytes: int) -> None:
    assert interrupted(["flows", "-", "--count"], capture[:n_bytes], tmp_path)[0] == 130


def test_in_the_midst_of_what_is_compressed(capture: bytes, tmp_path: Path) -> None:
    packer = zlib.compressobj(wbits=31)
    sent = packer.compress(capture) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert interrupted(["devices", "-"], sent, tmp_path)[0] == 130


_TRACKING = """
from wiretell._core import Reader, Tracker

tracker = Tracker(threads=4)
try:
    tracker.consume(Reader(["-"]), 1_000_000)
except KeyboardInterrupt:
    print(tracker.counters()["packets"])
"""


def test_a_worker_waits_in_place_of_the_main_thread(capture: bytes) -> None:
    half = len(capture) // 2
    process = subprocess.Popen(
        [sys.executable, "-c", _TRACKING], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdin is not None
        # Who waited for the second half leaves waiting for more to another thread.
        for sent in (capture[:half], capture[half:]):
            process.stdin.write(sent)
            process.stdin.flush()
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(timeout=1)
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S / 2)
    finally:
        process.kill()
    out, _ = process.communicate()
    assert out == b"200\n"
