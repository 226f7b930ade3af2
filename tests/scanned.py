"""Packets of the lab's simulator, looked through for scans."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.scans.simulate import Host
from lab.sim.write import CapturedPacket, write_pcap
from wiretell.findings.scans.finding import Scans
from wiretell.pipeline import survey_scans

TARGET = Host("198.51.100.10", open_ports=frozenset({22, 80, 443}), mac="02:00:00:00:00:10")
SCANNER = Host("203.0.113.77", hops=9)
NEIGHBOUR = Host("192.0.2.66", hops=5)
PORTS = [*range(20, 50), 80, 443]


def zombie(counter: str = "global", hops: int = 4) -> Host:
    """A machine to scan by, fresh: its counter begins anew."""
    return Host("192.0.2.9", hops, initial_ttl=255, counter=counter)


def scans_in(packets: Sequence[CapturedPacket], folder: Path) -> Scans:
    """What is found in them, written as a capture into `folder`."""
    path = folder / "scanned.pcap"
    write_pcap(path, packets)
    return survey_scans(path)
