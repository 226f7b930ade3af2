"""Signatures of SYNs and SYN/ACKs equal p0f's `raw_sig`.

p0f looks only at connections whose SYN it saw, and not at fragments or IPv6 extensions; it
fingerprints each SYN/ACK of a connection but the first SYN only. So the SYN signatures of the
flows that p0f names are compared, and of SYN/ACKs the first. An MSS of 1331 in a SYN/ACK is
`*` in p0f (its own probes ask for that); we print the number.
"""

from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tracked_flows import track

CAPTURES = (
    "nat/phones_a.pcap",
    "nat/mixed_a.pcap",
    "nat/iot_a.pcap",
    "lab/vm6short.pcap",
    "lab/mixed8.pcap",
)

Ends = tuple[str, int, str, int]


@pytest.fixture(scope="module")
def p0f(require_program: Callable[[str], str]) -> Callable[[Path, Path], Path]:
    program = require_program("p0f")
    database = Path("/etc/p0f/p0f.fp")
    if not database.is_file():
        pytest.skip(f"no p0f database {database}")

    def run(capture: Path, log: Path) -> Path:
        subprocess.run(
            [program, "-r", capture, "-f", database, "-o", log], check=True, capture_output=True
        )
        return log

    return run


def signatures(log: Path) -> dict[str, dict[Ends, list[str]]]:
    """p0f's raw signatures in order of packets, by module and ends."""
    found: dict[str, dict[Ends, list[str]]] = {"syn": {}, "syn+ack": {}}
    for line in log.read_text().splitlines():
        fields = dict(field.split("=", 1) for field in line.split("] ", 1)[1].split("|"))
        if fields["mod"] in found:
            ends = (*end(fields["cli"]), *end(fields["srv"]))
            found[fields["mod"]].setdefault(ends, []).append(fields["raw_sig"])
    return found


def end(text: str) -> tuple[str, int]:
    address, port = text.rsplit("/", 1)
    return str(ipaddress.ip_address(address)), int(port)


@pytest.mark.parametrize("name", CAPTURES)
def test_equal_p0f(
    name: str, captures: Path, p0f: Callable[[Path, Path], Path], tmp_path: Path
) -> None:
    theirs = signatures(p0f(captures / name, tmp_path / "p0f.log"))
    flows, _ = track([captures / name])
    n_compared = 0
    for column, module in (("orig_syn", "syn"), ("resp_syn", "syn+ack")):
        seen: dict[Ends, int] = {}
        keys = ("orig_h", "orig_p", "resp_h", "resp_p", column)
        for *key, ours in flows.drop_nulls(["orig_syn", column]).select(keys).iter_rows():
            ends: Ends = tuple(key)
            known = theirs[module].get(ends, [])
            if len(known) == 1 and ends not in seen:
                assert ours == known[0], ends
                n_compared += 1
            seen[ends] = seen.get(ends, 0) + 1
    assert n_compared >= 20
