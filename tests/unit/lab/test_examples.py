"""The shipped captures and their truth belong together."""

import collections
import csv
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.guests import pcap

EXAMPLES = Path(__file__).parents[3] / "examples"


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("name", "n_machines"), [("office", 6), ("single", 1), ("counters", 4)])
def test_the_truth_covers_every_packet(name, n_machines, tmp_path):
    if not shutil.which("zstd"):
        pytest.skip("needs zstd (Debian package zstd)")
    capture = tmp_path / "x.pcap"
    packed = EXAMPLES / f"{name}.pcap.zst"
    subprocess.run(["zstd", "-q", "-d", str(packed), "-o", str(capture)], check=True)
    flows = rows(EXAMPLES / f"{name}.truth.csv")
    machines = rows(EXAMPLES / f"{name}.truth.devices.csv")
    assert len(machines) == n_machines
    assert {flow["device_id"] for flow in flows} == {machine["device_id"] for machine in machines}

    nat_ip = flows[0]["nat_ip"]
    seen = collections.Counter()
    for packet in pcap.read(capture):
        assert nat_ip in (packet.src, packet.dst)
        proto = "tcp" if packet.proto == pcap.TCP else "udp"
        if packet.src == nat_ip:
            seen[proto, packet.sport, packet.dst, packet.dport, "out"] += 1
        else:
            seen[proto, packet.dport, packet.src, packet.sport, "in"] += 1
    told = collections.Counter()
    for flow in flows:
        key = (flow["proto"], int(flow["nat_port"]), flow["dst_ip"], int(flow["dst_port"]))
        told[*key, "out"] += int(flow["pkts_out"])
        told[*key, "in"] += int(flow["pkts_in"])
    assert told == seen
