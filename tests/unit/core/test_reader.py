"""The border: what `_core.Reader` hands out and what it raises."""

from __future__ import annotations

import struct
from pathlib import Path

import polars as pl
import pytest
from decode_frames import CAPTURES, ETHERNET, pcap
from polars.testing import assert_frame_equal

from wiretell import _core
from wiretell.errors import CaptureError
from wiretell.model.packets import PACKETS

ACCEPT_NOTHING = struct.pack("<HBBI", 0x06, 0, 0, 0)
ACCEPT_ALL = struct.pack("<HBBI", 0x06, 0, 0, 65_535)


@pytest.fixture
def transports(tmp_path: Path) -> Path:
    path = tmp_path / "transports.pcap"
    path.write_bytes(CAPTURES["transports"])
    return path


def read(path: Path, max_packets: int) -> pl.DataFrame:
    reader = _core.Reader([path])
    batches = []
    while (batch := reader.packets(max_packets)) is not None:
        assert 0 < len(batch) <= max_packets
        batches.append(pl.DataFrame(batch))
    return pl.concat(batches)


def test_the_schema_is_the_declared_one(transports: Path) -> None:
    assert read(transports, 100).schema == PACKETS.schema


@pytest.mark.parametrize("max_packets", [1, 2, 7])
def test_batches_of_any_size_give_the_same_rows(transports: Path, max_packets: int) -> None:
    assert_frame_equal(read(transports, max_packets), read(transports, 100))


def test_a_batch_of_nothing_is_the_callers_mistake(transports: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        _core.Reader([transports]).packets(0)


def test_a_syn_in_words(transports: Path) -> None:
    syn = read(transports, 1).row(0, named=True)
    assert (syn["number"], syn["time_ns"]) == (1, 1_000_000_000)
    assert (syn["src"], syn["dst"], syn["sport"], syn["dport"]) == (
        "192.0.2.1",
        "198.51.100.2",
        40_000,
        443,
    )
    assert (syn["src_mac"], syn["ttl"], syn["ipid"], syn["df"]) == (
        "02:00:00:00:00:02",
        61,
        7,
        True,
    )
    assert syn["options"] == "mss,sok,ts,nop,ws"
    assert (syn["mss"], syn["wscale"], syn["tsval"], syn["payload_len"]) == (1460, 7, 9, 0)
    assert syn["sack"] is None
    assert syn["weird"] is None


def test_a_snap_length_inside_tcp_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    frame = CAPTURES["transports"][40 : 40 + 74]
    path.write_bytes(pcap(ETHERNET, [frame], snaplen=14 + 20 + 8))
    row = read(path, 10).row(0, named=True)
    assert (row["sport"], row["seq"], row["payload_len"]) == (40_000, None, None)
    assert row["weird"] == "tcp_header_cut"


def test_filters_go_by_link_type(transports: Path) -> None:
    n_frames = len(read(transports, 100))
    for program, n_matching in ((ACCEPT_ALL, n_frames), (ACCEPT_NOTHING, 0)):
        reader = _core.Reader([transports], filters={ETHERNET: program})
        batch = reader.packets(100)
        assert (0 if batch is None else len(batch)) == n_matching
        assert reader.counters()["filtered_out"] == n_frames - n_matching


def test_counters_files_and_position(transports: Path) -> None:
    reader = _core.Reader([transports])
    batch = reader.packets(100)
    assert batch is not None
    assert reader.counters()["frames"] == len(batch)
    size = transports.stat().st_size
    assert reader.position() == (size, size)
    (described,) = reader.files()
    assert (described["path"], described["format"]) == (str(transports), "pcap")
    assert described["link_types"] == [ETHERNET]
    assert reader.damage() == []


def test_damage_is_data(transports: Path) -> None:
    transports.write_bytes(transports.read_bytes()[:-1])
    reader = _core.Reader([transports])
    while reader.packets(100) is not None:
        pass
    (place,) = reader.damage()
    assert place["file"] == str(transports)
    assert place["packet"] == reader.counters()["frames"]


def test_what_cannot_be_opened_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        _core.Reader([tmp_path / "missing.pcap"])
    assert missing.value.filename == str(tmp_path / "missing.pcap")
    text = tmp_path / "text.pcap"
    text.write_text("this is no capture at all")
    with pytest.raises(CaptureError) as no_capture:
        _core.Reader([text])
    assert no_capture.value.path == str(text)


def test_a_filter_that_is_no_program_is_the_callers_mistake(transports: Path) -> None:
    with pytest.raises(ValueError, match="filter for link type 1"):
        _core.Reader([transports], filters={ETHERNET: b"\0" * 7})


def test_weirds_have_names_and_meanings() -> None:
    meanings = dict(_core.weird_meanings())
    assert len(meanings) == len(_core.weird_meanings())
    assert "tcp_bad_option" in meanings
    assert all(meanings.values())
