"""`devices --save-profiles` and `match`, from captures to answers."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lab.sim.sampled import HELD, Box, Sampling, sample
from lab.sim.write import write_pcap
from wiretell.cli import command

SKEWS = (80.0, -35.0, 25.0, -60.0)
HOUR = Sampling(900.0, 3.0, 300.0)


def _run(*words: object) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])


def _json(*words: object) -> dict[str, Any]:
    done = _run(*words, "--json", "-q")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _boxes(net: int) -> tuple[Box, ...]:
    """Four machines with a free clock and one that NTP holds; a net of addresses each day."""
    free = [
        Box(f"box{i}", (f"198.51.{net}.{1 + (i + net) % 4}",), f"crystal{i}", skew_ppm=skew)
        for i, skew in enumerate(SKEWS)
    ]
    held = Box("held", (f"198.51.{net}.9",), "held", HELD)
    return tuple(replace(box, regime="connection") for box in (*free, held))


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("match")
    paths = folder / "monday.pcap", folder / "tuesday.pcap"
    for day, path in enumerate(paths):
        sampling = replace(HOUR, start_s=86_400.0 * day)
        write_pcap(path, sample(_boxes(100 + day), sampling, 1))
    return paths


@pytest.fixture(scope="module")
def profiles(days: tuple[Path, Path]) -> Path:
    file = days[0].with_suffix(".json")
    done = _run("devices", days[0], "-q", "--save-profiles", file)
    assert done.exit_code == 0, done.output
    return file


def test_machines_are_found_again_from_their_profiles(
    days: tuple[Path, Path], profiles: Path
) -> None:
    (found,) = _json("match", "--servers", profiles, days[1])["comparisons"]
    told = {m["a"]["address"]: m for m in found["matches"] if m["a"]["address"] != "192.0.2.1"}
    expected = {_boxes(100)[i].addresses[0]: _boxes(101)[i].addresses[0] for i in range(len(SKEWS))}
    claimed = {
        a: m["b"]["address"]
        for a, m in told.items()
        if m["decision"] in ("same machine", "perhaps")
    }
    assert claimed == expected
    assert told["198.51.100.9"]["decision"] == "no information"
    assert found["n_false"] == 0


def test_captures_and_their_profiles_say_the_same(days: tuple[Path, Path], profiles: Path) -> None:
    assert _json("match", days[0], days[1]) == _json("match", profiles, days[1])


def test_text_and_csv(days: tuple[Path, Path], profiles: Path, tmp_path: Path) -> None:
    file = tmp_path / "found.csv"
    done = _run("match", "--servers", profiles, days[1], "--csv", file)
    assert done.exit_code == 0
    assert "clock rates agree" in done.stdout
    assert "held by NTP" in done.stdout
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    assert len(rows) == 6


def test_profiles_hold_no_name_and_no_payload(days: tuple[Path, Path], profiles: Path) -> None:
    document = json.loads(profiles.read_text())
    assert document["key_id"] == ""
    assert {"clock", "labels", "opened"} <= document["profiles"][0].keys()
    assert document["source"] == days[0].name


def test_profiles_of_another_key_are_not_compared(
    days: tuple[Path, Path], profiles: Path, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_bytes(bytes(range(32)))
    done = _run("match", profiles, days[1], "--profile-key", key)
    assert done.exit_code == 1
    assert "different keys" in done.output
    key.write_bytes(b"short")
    assert _run("match", profiles, days[1], "--profile-key", key).exit_code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("match",),
        ("match", "DAY"),
        ("match", "--aliases", "--siblings", "DAY"),
        ("match", "--link-back", "DAY", "DAY", "DAY"),
        ("match", "DAY", "DAY", "tcp", "port", "80"),
        ("match", "--aliases", "DAY", "--json=DAY"),
        ("devices", "DAY", "--save-profiles", "DAY"),
    ],
    ids=" ".join,
)
def test_odd_questions_are_refused(days: tuple[Path, Path], words: tuple[str, ...]) -> None:
    given = [word.replace("DAY", str(days[0])) for word in words]
    before = days[0].read_bytes()
    assert _run(*given).exit_code == 2
    assert days[0].read_bytes() == before


def test_siblings_and_aliases_of_one_capture(tmp_path: Path) -> None:
    boxes = [
        Box(f"box{i}", (f"198.51.100.{i}", f"2001:db8:1::{i}"), f"crystal{i}", skew_ppm=skew)
        for i, skew in enumerate(SKEWS, 1)
    ]
    path = tmp_path / "dual.pcap"
    write_pcap(path, sample(tuple(boxes), HOUR, 2))
    (found,) = _json("match", "--siblings", path)["comparisons"]
    pairs = {
        (m["a"]["address"], m["b"]["address"])
        for m in found["matches"]
        if m["decision"] == "same machine"
    }
    assert pairs >= {box.addresses[::-1] for box in boxes}
    groups = _json("match", "--aliases", path)["aliases"]["groups"]
    members = [tuple(m["address"] for m in group["members"]) for group in groups]
    assert {box.addresses for box in boxes} <= set(members)


def test_a_moved_trace_links_back_by_its_clock_lines(tmp_path: Path) -> None:
    """All clocks held and all stacks alike: what remains is where their counters stand."""

    def written(name: str, net: int, sampling: Sampling) -> Path:
        boxes = tuple(
            Box(f"box{i}", (f"10.{net}.0.{1 + (3 * i + net) % 5}",), f"crystal{i}", HELD)
            for i in range(5)
        )
        path = tmp_path / name
        write_pcap(path, sample(boxes, sampling, 3))
        return path

    moved_s = 5_432_100
    later = replace(HOUR, seconds=300.0, start_s=600.0)
    later = replace(later, start_ns=later.start_ns + moved_s * 10**9)
    reference = written("reference.pcap", 0, replace(HOUR, seconds=300.0))
    trace = written("trace.pcap", 1, later)
    found = _json("match", "--link-back", "--servers", reference, trace)
    turn_s = 2.0**32 / 1000.0
    off_s = (found["time_shift"]["seconds"] - moved_s) % turn_s
    assert min(off_s, turn_s - off_s) < 0.5
    matches = {
        m["a"]["address"]: m["b"]["address"]
        for m in found["comparisons"][0]["matches"]
        if m["decision"] == "same machine"
    }
    expected = {f"10.1.0.{1 + (3 * i + 1) % 5}": f"10.0.0.{1 + 3 * i % 5}" for i in range(5)}
    assert expected.items() <= matches.items()
