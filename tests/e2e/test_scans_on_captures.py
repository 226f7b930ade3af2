"""Real captures: scans that are known to be there are found, and nothing else is called a scan.

What is found where was checked by hand, packet by packet; docs/scans.md has the table.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from wiretell.errors import CaptureError
from wiretell.findings.scans.finding import Finding
from wiretell.pipeline import survey_scans

KNOWN = {
    "nDPI__synscan.pcap": {("port_scan", "syn", "172.16.0.8")},
    "nDPI__tcp_scan.pcapng": {
        ("port_scan", "fin", "192.168.1.178"),
        ("port_scan", "connect", "192.168.1.178"),
    },
    "StratosphereLinuxIPS__test7-malicious.pcap": {("sweep", "connect", "192.168.2.16")},
}
"""Two recordings of nmap, and a machine that a worm has taken and that looks for others."""
CALM = 0.25
"""No other candidate comes near: the likeliest has 0.06."""


@pytest.fixture(scope="module")
def findings(captures: Path) -> dict[str, tuple[Finding, ...]]:
    with (captures / "manifest.csv").open(newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    found = {}
    for path in paths:
        try:
            found[Path(path).name] = survey_scans(captures / path).findings
        except CaptureError:  # some are there to be refused
            continue
    assert len(found) > 150
    return found


def test_known_scans_are_found_and_nothing_else(findings: dict[str, tuple[Finding, ...]]) -> None:
    told = {
        name: {
            (each.kind, each.technique, each.scanner) for each in found if each.probability >= 0.5
        }
        for name, found in findings.items()
    }
    assert {name: found for name, found in told.items() if found} == KNOWN


def test_nothing_innocent_comes_near(findings: dict[str, tuple[Finding, ...]]) -> None:
    near = {
        (name, each.kind, each.sources)
        for name, found in findings.items()
        for each in found
        if name not in KNOWN and each.probability >= CALM
    }
    assert near == set()


def test_all_thousand_ports_of_a_syn_scan_are_told(
    findings: dict[str, tuple[Finding, ...]],
) -> None:
    (scan,) = findings["nDPI__synscan.pcap"]
    assert scan.ports.n == 1000
    assert scan.ports.open == (22, 53, 80)
