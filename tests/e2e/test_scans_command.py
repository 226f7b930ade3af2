"""`wiretell scans` as a person runs it."""

from __future__ import annotations

import csv
import io
import json
import struct
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from scanned import NEIGHBOUR, PORTS, SCANNER, TARGET, zombie

from lab.scans import simulate
from lab.scans.simulate import Host
from lab.sim.write import write_pcap
from wiretell.cli.scans import command


def run(*arguments: object, **more: object) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("idle") / "idle.pcap"
    write_pcap(path, simulate.idle(1, SCANNER, zombie(), TARGET, PORTS, "zombie"))
    return path


@pytest.fixture(scope="module")
def decoys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("decoys") / "decoys.pcap"
    names = [Host("192.0.2.130"), NEIGHBOUR, SCANNER]
    write_pcap(path, simulate.decoys(1, "syn", SCANNER, names, TARGET, PORTS, alive=[NEIGHBOUR]))
    return path


def test_the_text_names_who_is_behind_it_and_says_why(idle: Path) -> None:
    done = run(idle)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("1 idle scan in ")
    assert "Idle scan of 198.51.100.10 through 192.0.2.9  [>99 %]" in done.stdout
    assert "scanner: 203.0.113.77, behind 192.0.2.9" in done.stdout
    assert "3 ports open: 22, 80, 443" in done.stdout
    assert "Could also be: " in done.stdout
    assert "more (-v shows them)" in done.stdout
    assert "more (-v shows them)" not in run(idle, "-v").stdout


def test_every_candidate_among_decoys_has_its_probability(decoys: Path) -> None:
    text = run(decoys).stdout
    assert "Decoy scan (SYN) of 198.51.100.10 in the name of 3 addresses" in text
    assert "203.0.113.77: the real one with >99 %" in text
    assert "192.0.2.130: the real one with <1 %" in text


def test_the_json_keeps_its_schema(idle: Path, decoys: Path, root: Path) -> None:
    schema = json.loads((root / "docs" / "schema" / "scans.v1.json").read_text())
    Draft202012Validator.check_schema(schema)
    for path, kind in ((idle, "idle_scan"), (decoys, "decoy_scan")):
        document = json.loads(run(path, "--json", "--all").stdout)
        Draft202012Validator(schema).validate(document)
        assert document["findings"][0]["kind"] == kind
        assert document["findings"][0]["scanner"] == SCANNER.address
        assert document["counts"]["probes_dropped"] == 0


def test_the_csv_has_a_row_per_finding(decoys: Path) -> None:
    (row,) = csv.DictReader(io.StringIO(run(decoys, "--csv").stdout))
    assert (row["kind"], row["scanner"]) == ("decoy_scan", SCANNER.address)
    assert row["ports_closed"] == "20-21 23-49"
    assert len(row["sources"].split()) == 3


def test_files_are_written_beside_the_text(idle: Path, tmp_path: Path) -> None:
    done = run(idle, "--json", tmp_path / "a.json", "--csv", tmp_path / "a.csv")
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "a.json").read_text())["format"] == "wiretell.scans/1"
    assert (tmp_path / "a.csv").read_text().count("\n") == 2
    assert "Idle scan" in done.stdout


@pytest.mark.parametrize(
    ("condition", "code"),
    [("scans>0", 3), ("idle>0", 3), ("idle>=2", 0), ("decoys>0", 0), ("backscatter>0", 0)],
)
def test_fail_on_counts_kinds(condition: str, code: int, idle: Path) -> None:
    assert run(idle, "-q", "--fail-on", condition).exit_code == code


def test_an_unknown_condition_is_refused(idle: Path) -> None:
    done = run(idle, "--fail-on", "devices>0")
    assert done.exit_code == 2
    assert "scans>0" in done.stderr


def test_without_a_scan_it_says_so(tmp_path: Path) -> None:
    path = tmp_path / "calm.pcap"
    write_pcap(path, dict(simulate.innocents(1))["busy-server"])
    assert run(path).stdout == "No scan in 150 flows.\n"


def test_standard_input_and_a_filter(idle: Path) -> None:
    assert run("-", input=idle.read_bytes()).stdout.startswith("1 idle scan")
    assert run(idle, "host", "192.0.2.77").stdout == "No scan in 0 flows.\n"


def test_damage_is_told_and_what_was_read_is_kept(idle: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(idle.read_bytes() + struct.pack("<IIII", 1, 1, 4000, 4000) + b"x")
    done = run(cut)
    assert done.exit_code == 1
    assert "input damaged" in done.stderr
    assert "1 idle scan" in done.stdout
