"""`wiretell clocks` as a person runs it, on a capture made here."""

from __future__ import annotations

import csv
import io
import json
import struct
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from raw_ip import ACK, RAW, SYN, tcp_frame

from wiretell.cli.clocks import command
from wiretell.exporters.clocks_tables import schema
from wiretell.model.clocks import CLOCK_TABLES

CLIENT, SERVER = "192.0.2.1", "198.51.100.1"
START_S = 1_790_000_000.0


def run(*arguments: object, **more: object) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten minutes: a client of +70 ppm with one offset, a server of -25 ppm that keeps its own."""
    rng = np.random.default_rng(1)
    frames: list[tuple[float, bytes]] = []
    for flow in range(6):
        there = {"src": CLIENT, "dst": SERVER, "sport": 40_000 + flow, "dport": 443}
        back = {"src": SERVER, "dst": CLIENT, "sport": 443, "dport": 40_000 + flow}
        offset = int(rng.integers(0, 2**32))
        for number, at in enumerate(np.sort(rng.uniform(100.0 * flow, 100.0 * flow + 95.0, 120))):
            mine = int(1000.0 * (at * (1.0 + 70e-6) + 5000.0)) % 2**32
            theirs = (offset + int(1000.0 * at * (1.0 - 25e-6))) % 2**32
            flags = SYN if number == 0 else ACK
            late = at + rng.exponential(0.002)
            frames.append((late, tcp_frame(**there, flags=flags, seq=number, tsval=mine, ipid=7)))
            flags = SYN | ACK if number == 0 else ACK
            late = at + 0.02 + rng.exponential(0.002)
            frames.append((late, tcp_frame(**back, flags=flags, seq=number, tsval=theirs, ipid=7)))
    parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65_535, RAW)]
    for at, frame in sorted(frames):
        second, ns = divmod(round((START_S + at) * 1e9), 10**9)
        parts += [struct.pack("<IIII", second, ns, len(frame), len(frame)), frame]
    path = tmp_path_factory.mktemp("clocks") / "two.pcap"
    path.write_bytes(b"".join(parts))
    return path


def test_the_table_tells_rates_offsets_and_why_boot_times_are_not_known(capture: Path) -> None:
    done = run("--addresses", capture)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "2 clocks measured, by address."
    assert lines.index(CLIENT) < lines.index(SERVER)
    assert any("TCP" in line and "1000 Hz" in line and "±" in line for line in lines)
    words = " ".join(done.stdout.split())
    assert "unknowable so far: one destination does not tell" in words
    assert "unknowable: random offsets" in words
    assert "the clock of the machine that captured" in words


def test_one_address_and_the_wanted_precision(capture: Path) -> None:
    done = run("--flows", "--address", SERVER, "--precision", "0.01", capture)
    assert done.exit_code == 0, done.output
    assert CLIENT not in done.stdout
    assert "flow 0 <" in done.stdout
    assert "for ±0.01 ppm" in done.stdout


def test_json_fits_its_schema_and_the_schema_its_file(capture: Path, root: Path) -> None:
    written = json.loads((root / "docs" / "schema" / "clocks.v1.json").read_text(encoding="utf-8"))
    assert written == schema()
    for level in ("--flows", "--addresses", "--devices"):
        done = run(level, "--json", "-j", "1", capture)
        assert done.exit_code == 0, done.output
        document = json.loads(done.stdout)
        Draft202012Validator(written).validate(document)
        assert document["level"] + "s" in (level[2:], level[2:] + "s", "addresss")
    machines = {row["address"]: row for row in document["clocks"]}
    for address, skew_ppm, known_ppm in ((CLIENT, 70.0, 0.5), (SERVER, -25.0, 2.5)):
        row = machines[address]
        assert row["best_ppm"] == pytest.approx(skew_ppm, abs=4.0 * row["best_se_ppm"])
        assert row["best_se_ppm"] < known_ppm


def test_files_of_every_kind(capture: Path, tmp_path: Path) -> None:
    page, table, folder = tmp_path / "c.html", tmp_path / "c.csv", tmp_path / "tables"
    options = ("--html", page, "--csv", table, "--parquet", folder)
    done = run("--addresses", *options, capture)
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"))))
    assert [row["address"] for row in rows] == [CLIENT, SERVER]
    for known in CLOCK_TABLES:
        assert pl.read_parquet(folder / f"{known.name}.parquet").schema == known.schema
    text = page.read_text(encoding="utf-8")
    assert "Clock offset" in text
    assert "http://" not in text.split("<footer>")[0].split("</style>")[1].split("<script")[0]
    again = tmp_path / "again.html"
    assert run("--addresses", "--html", again, "-q", capture).exit_code == 0
    assert again.read_text(encoding="utf-8") == text
    assert run("--parquet", folder, "-q", capture).exit_code == 0  # its own: replaced


def test_what_is_refused(capture: Path, tmp_path: Path) -> None:
    assert run().exit_code == 2
    assert run("--address", "nowhere", capture).exit_code == 2
    assert run("--html", capture, capture).exit_code == 2
    assert run(tmp_path).exit_code == 2
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("mine")
    done = run("--parquet", tmp_path / "other", "-q", capture)
    assert done.exit_code != 0
    assert (tmp_path / "other" / "file").read_text() == "mine"


def test_a_cut_capture_keeps_its_clocks_and_says_so(capture: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(capture.read_bytes()[:-30])
    done = run("--addresses", cut)
    assert done.exit_code == 1
    assert "2 clocks measured" in done.stdout
