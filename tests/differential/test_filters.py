"""A filter lets through as many packets as tcpdump does, running the program tcpdump compiled."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

_core = pytest.importorskip("wiretell._core", reason="the core is not built: run `maturin develop`")

BATCH_PACKETS = 65_536
LINKTYPE_ETHERNET = 1
EXPRESSIONS = [
    "tcp port 443",
    "udp and not port 53",
    "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn",
    "greater 500",
    "ip6 or icmp",
    "tcp[12:1] & 0xf0 > 0x50 and len <= 100",
    "(tcp[0:2] % 7) == 3",
    "portrange 1000-50000",
    "net 10.0.0.0/8 or net 192.168.0.0/16",
    "vlan",
]


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _compile(tcpdump: str, path: Path, expression: str) -> bytes:
    """The program for the capture's link type, eight bytes per instruction."""
    lines = _run(tcpdump, "-r", str(path), "-ddd", expression).splitlines()[1:]
    return b"".join(struct.pack("<HBBI", *map(int, line.split())) for line in lines)


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("name", ["nat/phones_a.pcap", "NAT-source/mercury__capture2.pcap"])
def test_as_many_packets_match(
    captures: Path, require_program: Callable[[str], str], name: str, expression: str
) -> None:
    tcpdump = require_program("tcpdump")
    path = captures / name
    program = _compile(tcpdump, path, expression)
    reader = _core.Reader([str(path)], filters={LINKTYPE_ETHERNET: program})
    while reader.packets(BATCH_PACKETS) is not None:
        pass
    counters = reader.counters()
    n_matching = int(_run(tcpdump, "-r", str(path), "--count", expression).split()[0])
    assert counters["frames"] - counters["filtered_out"] == n_matching
