"""As many packets and bytes as Wireshark's tools find in the same captures."""

from __future__ import annotations

import bz2
import gzip
import lzma
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

_core = pytest.importorskip("wiretell._core", reason="the core is not built: run `maturin develop`")

BATCH_PACKETS = 65_536
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
}


def _read(*paths: Path) -> _core.Reader:
    """Read to the end; the reader then knows its counters."""
    reader = _core.Reader([str(path) for path in paths])
    while reader.packets(BATCH_PACKETS) is not None:
        pass
    return reader


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def capinfos(require_program: Callable[[str], str]) -> Callable[[Path], tuple[int, int]]:
    """Packets and bytes on the wire of a capture, as capinfos counts them."""
    program = require_program("capinfos")

    def count(path: Path) -> tuple[int, int]:
        line = _run(program, "-TMrcd", str(path))
        _, n_packets, wire_bytes = line.rstrip("\n").split("\t")
        return int(n_packets), 0 if wire_bytes == "n/a" else int(wire_bytes)

    return count


def test_every_capture_has_as_many_packets_and_bytes(
    captures: Path, capinfos: Callable[[Path], tuple[int, int]]
) -> None:
    for path in sorted(captures.rglob("*.pcap*")):
        reader = _read(path)
        counters = reader.counters()
        assert (counters["frames"], counters["wire_bytes"]) == capinfos(path), path.name
        assert [file["n_packets"] for file in reader.files()] == [counters["frames"]], path.name


@pytest.mark.parametrize("compression", COMPRESSORS)
def test_compression_changes_nothing(captures: Path, tmp_path: Path, compression: str) -> None:
    plain = captures / "nat" / "phones_a.pcap"
    packed = tmp_path / "capture"
    packed.write_bytes(COMPRESSORS[compression](plain.read_bytes()))
    reader = _read(packed)
    assert reader.counters() == _read(plain).counters()
    assert reader.files()[0]["compression"] == compression
    assert reader.damage() == []


def test_every_cut_leaves_as_many_packets_as_tshark_reads(
    captures: Path, tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    tshark = require_program("tshark")
    whole = (captures / "nat" / "single_a.pcap").read_bytes()
    for n_cut in (1, 15, 16, 17, 500, len(whole) // 2):
        cut = tmp_path / "cut.pcap"
        cut.write_bytes(whole[:-n_cut])
        # tshark ends with an error for a cut file, having printed what it read.
        command = [tshark, "-n", "-r", str(cut), "-T", "fields", "-e", "frame.number"]
        result = subprocess.run(command, check=False, capture_output=True, text=True)
        assert _read(cut).counters()["frames"] == len(result.stdout.split())


def test_several_files_merge_as_mergecap_merges_them(
    captures: Path, tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    mergecap = require_program("mergecap")
    parts = [captures / "nat" / f"{name}.pcap" for name in ("phones_a", "iot_a", "single_a")]
    merged = tmp_path / "merged.pcapng"
    _run(mergecap, "-w", str(merged), *map(str, parts))
    counters = [reader.counters() for reader in (_read(*parts), _read(merged))]
    for key in ("frames", "captured_bytes", "wire_bytes"):
        assert counters[0][key] == counters[1][key], key
