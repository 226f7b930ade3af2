"""nmap itself scans in namespaces; wiretell says who it was, from each machine's wire.

Needs root, nmap and /dev/net/tun. Four scans in one laboratory, about ten seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.scans.record import Recording, laboratory, lacks, record
from lab.scans.scenario import OPEN_PORTS, scenarios
from wiretell.findings.scans.finding import Finding
from wiretell.pipeline import survey_scans

NAMES = ("syn", "udp", "idle", "decoys")
Found = Callable[[str, str], Finding]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recording]:
    if missing := lacks():
        pytest.skip(f"needs {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("scans")
    with laboratory(folder / "work", lan=False) as lab:
        return {name: record(scenarios()[name], lab, folder) for name in NAMES}


@pytest.fixture(scope="module")
def found(recordings: dict[str, Recording]) -> Found:
    def one(name: str, place: str) -> Finding:
        (finding,) = survey_scans(recordings[name].captures[place]).likely
        return finding

    return one


@pytest.mark.parametrize("place", ["target", "scanner"])
@pytest.mark.parametrize("name", ["syn", "udp"])
def test_a_scan_has_its_kind_and_its_scanner(name: str, place: str, found: Found) -> None:
    scenario, finding = scenarios()[name], found(name, place)
    assert (finding.kind, finding.technique) == ("port_scan", scenario.kind)
    assert (finding.scanner, finding.targets) == (scenario.hosts.scanner, (scenario.hosts.target,))
    if name == "syn":
        assert finding.ports.open == OPEN_PORTS
    else:  # the kernel limits how many ICMP errors it sends: some ports stay silent
        assert finding.ports.closed
        assert not finding.ports.open


@pytest.mark.parametrize("place", ["target", "zombie", "scanner"])
def test_the_idle_scan_is_unmasked(place: str, found: Found) -> None:
    hosts, finding = scenarios()["idle"].hosts, found("idle", place)
    assert finding.kind == "idle_scan"
    assert (finding.zombie, finding.targets) == (hosts.zombie, (hosts.target,))
    assert finding.scanner == (None if place == "target" else hosts.scanner)
    if place != "scanner":
        assert finding.ports.open == OPEN_PORTS


@pytest.mark.parametrize("place", ["target", "scanner"])
def test_the_scanner_behind_the_decoys_is_named(place: str, found: Found) -> None:
    scenario, finding = scenarios()["decoys"], found("decoys", place)
    assert (finding.kind, finding.technique) == ("decoy_scan", "syn")
    assert set(finding.sources) == set(scenario.claims)
    assert finding.scanner == scenario.hosts.scanner
    assert finding.candidates[0].probability > 0.9


def test_nmap_read_the_zombie_as_we_saw_it(recordings: dict[str, Recording]) -> None:
    """What nmap believes are the answers is what the target's answers were."""
    said = recordings["idle"].said
    assert "Class: Incremental" in said
    assert all(f"{port}/tcp" in said for port in OPEN_PORTS)


def test_where_the_zombie_is_not_asked_nothing_is_found(recordings: dict[str, Recording]) -> None:
    assert survey_scans(Path(recordings["syn"].captures["zombie"])).findings == ()


def test_captures_of_two_places_put_together_name_the_scanner(
    recordings: dict[str, Recording],
) -> None:
    """What the target cannot see the zombie's wire shows; packets of both are there twice."""
    captures = recordings["idle"].captures
    (finding,) = survey_scans([captures["target"], captures["zombie"]]).likely
    assert (finding.kind, finding.scanner) == ("idle_scan", scenarios()["idle"].hosts.scanner)
    assert finding.ports.open == OPEN_PORTS
