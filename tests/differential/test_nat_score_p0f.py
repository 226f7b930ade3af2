"""The NAT score equals p0f's, TCP part: the same events, at the same times, for the same reasons.

p0f is given the capture without data segments, so that its HTTP module, which writes into the same
scores, has nothing to read; everything its TCP part needs is still there. On whole captures the
addresses are compared whose HTTP p0f did not read.
"""

from __future__ import annotations

import ipaddress
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from p0f_handshakes import write_handshakes

from lab.baselines.p0f_signatures import DATABASE, read_database
from lab.baselines.p0f_tracker import WITHOUT_DATA, Ends, events_of
from lab.sim import simulate, write_pcapng
from lab.sim.presets import PRESETS

SHARED = ("nat", "multi-clock", "scan", "tcp-state", "interception")

Run = Callable[[Path, str | None], "Told"]


@dataclass(frozen=True)
class Row:
    time: str
    ends: Ends
    subject: str
    kind: str
    reasons: frozenset[str]
    hits: str

    @property
    def address(self) -> str:
        return self.ends[0] if self.subject == "cli" else self.ends[2]


@dataclass(frozen=True)
class Told:
    rows: list[Row]
    http: set[str]
    """Addresses whose HTTP was read."""


@pytest.fixture
def p0f(require_program: Callable[[str], str], tmp_path: Path) -> Run:
    program = require_program("p0f")
    if not DATABASE.is_file():
        pytest.skip(f"no p0f database {DATABASE}")

    def run(capture: Path, expression: str | None) -> Told:
        log = tmp_path / "p0f.log"
        log.unlink(missing_ok=True)
        words = [program, "-r", capture, "-f", DATABASE, "-o", log]
        subprocess.run(
            [*words, *([expression] if expression else [])],
            check=True,
            capture_output=True,
            env=os.environ | {"TZ": "UTC"},
        )
        return parsed(log)

    return run


def parsed(log: Path) -> Told:
    told = Told([], set())
    for line in log.read_text(errors="replace").splitlines():
        parts = line.split("] ", 1)[1].split("|")
        fields = dict(part.split("=", 1) for part in parts if "=" in part)
        ends = (*end(fields["cli"]), *end(fields["srv"]))
        row = Row(
            line[1:20],
            ends,
            fields["subj"],
            fields["mod"],
            frozenset(fields.get("reason", "").split()),
            fields.get("raw_hits", ""),
        )
        if row.kind.startswith("http"):
            told.http.add(row.address)
        elif row.kind in ("host change", "ip sharing"):
            told.rows.append(row)
    return told


def end(text: str) -> tuple[str, int]:
    address, port = text.rsplit("/", 1)
    return str(ipaddress.ip_address(address)), int(port)


def our_rows(capture: Path, expression: str | None) -> list[Row]:
    return [
        Row(
            f"{datetime.fromtimestamp(event.time_ms // 1000, UTC):%Y/%m/%d %H:%M:%S}",
            event.ends,
            event.subject,
            event.finding.kind,
            event.finding.reasons,
            ",".join(map(str, event.finding.hits)),
        )
        for event in events_of(capture, filter=expression)
    ]


def compare(capture: Path, p0f: Run) -> int:
    """How many events are equal; a difference fails."""
    n_equal = 0
    for expression in (WITHOUT_DATA, None):
        theirs = p0f(capture, expression)
        ours = our_rows(capture, expression)
        expected = [row for row in theirs.rows if row.address not in theirs.http]
        assert [row for row in ours if row.address not in theirs.http] == expected
        n_equal += len(expected)
    return n_equal


@pytest.mark.parametrize("name", ["office", "single", "counters"])
def test_examples(
    name: str, root: Path, require_program: Callable[[str], str], p0f: Run, tmp_path: Path
) -> None:
    capture = tmp_path / f"{name}.pcap"
    packed = root / "examples" / f"{name}.pcap.zst"
    subprocess.run([require_program("zstd"), "-dqf", packed, "-o", capture], check=True)
    assert compare(capture, p0f) > 0


@pytest.mark.parametrize("name", ["legacy", "modern-20", "lossy", "cgn"])
def test_simulated(name: str, p0f: Run, tmp_path: Path) -> None:
    scenario = replace(PRESETS[name], seconds=240.0)
    capture = tmp_path / "line.pcapng"
    write_pcapng(capture, simulate(scenario, seed=3).packets)
    assert compare(capture, p0f) > 0


@pytest.mark.parametrize("seed", range(4))
def test_random_handshakes(seed: int, p0f: Run, tmp_path: Path) -> None:
    """Every record of the database, odd flags, repeated SYNs, pauses; most reasons there are."""
    database = read_database()
    capture = tmp_path / "random.pcap"
    write_handshakes(capture, database.request, database.response, n=1500, seed=seed)
    assert compare(capture, p0f) > 500
    reasons = set().union(*(row.reasons for row in our_rows(capture, None)))
    assert reasons >= {"os_diff", "sig_diff", "x_known", "tstamp", "ttl", "port", "mtu", "fuzzy"}
    assert "app_vs_os" in reasons


def test_shared_captures(captures: Path, p0f: Run) -> None:
    """In many of them p0f finds nothing, and so must we."""
    found = [path for folder in SHARED for path in sorted((captures / folder).glob("*.pcap*"))]
    assert sum(compare(capture, p0f) for capture in found) > 200


@pytest.mark.parametrize("name", ["vm6short", "mixed8"])
def test_shared_lab_captures(name: str, captures: Path, p0f: Run) -> None:
    assert compare(captures / "lab" / f"{name}.pcap", p0f) > 0
