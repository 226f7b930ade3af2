"""Real captures: machines with set skews seen twice, and machines that never met."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wiretell.cli import command


def _matches(captures: Path, *names: str) -> list[dict[str, Any]]:
    paths = [captures / name for name in names]
    for path in paths:
        if not path.is_file():
            pytest.skip(f"{path.name} is not among the shared captures")
    done = CliRunner().invoke(command, ["match", *map(str, paths), "--json", "-q"])
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)["comparisons"][0]["matches"]
    return found


def test_guests_of_two_recordings_are_matched_by_their_set_skews(captures: Path) -> None:
    """Both have guests of +80, -35 and +12 ppm; the others' clocks are in one of them alone."""
    found = _matches(captures, "lab/vm6.pcap", "lab/vm6short.pcap")
    same = [m for m in found if m["decision"] == "same machine"]
    assert len(same) >= 2
    for m in same:
        assert m["a"]["skew_ppm"] == pytest.approx(m["b"]["skew_ppm"], abs=2.5)
    # Set skews that one recording has alone, or that NTP would give: -100 and 0.
    assert not [m for m in same if m["a"]["skew_ppm"] < -90.0 or abs(m["a"]["skew_ppm"]) < 1.0]


@pytest.mark.parametrize(
    "names",
    [
        ("NAT-source/nDPI__netflix.pcap", "NAT-source/nDPI__ocs.pcap"),
        ("NAT-source/nDPI__ocs.pcap", "NAT-source/nDPI__webex.pcap"),
        ("NAT-source/nDPI__starcraft_battle.pcap", "NAT-source/nDPI__gnutella.pcap"),
    ],
    ids=" ".join,
)
def test_machines_of_unrelated_captures_are_not_matched(
    captures: Path, names: tuple[str, str]
) -> None:
    assert {m["decision"] for m in _matches(captures, *names)} <= {"no match", "no information"}
