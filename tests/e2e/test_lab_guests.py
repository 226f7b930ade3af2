"""Twenty seconds of real machines behind a real NAT, when this computer can do that."""

import csv
from pathlib import Path

import pytest

from lab.guests import pcap, scenario
from lab.guests.needs import machine_lacks, network_lacks
from lab.guests.record import INSIDE, OUTSIDE, UnavailableError, default_cache, record

MINI = Path(scenario.__file__).parent / "scenarios" / "mini.toml"


@pytest.mark.parametrize("nat_ports", ["kept", "fully-random"])
def test_every_flow_is_of_one_machine(tmp_path, nat_ports):
    mini = scenario.read(MINI, nat_ports=nat_ports)
    lacks = [*network_lacks(), *(lack for each in mini.machines for lack in machine_lacks(each))]
    if lacks:
        pytest.skip(f"needs {', '.join(dict.fromkeys(lacks))}")
    said: list[str] = []
    try:
        made = record(
            mini, tmp_path, cache=default_cache(), work=tmp_path / "work", say=said.append
        )
    except UnavailableError as reason:
        pytest.skip(str(reason))
    n_expected = len(mini.machines) - len(said)
    assert made.n_machines == n_expected, said
    assert made.n_dropped == 0

    with made.flows.open(newline="") as file:
        flows = list(csv.DictReader(file))
    assert len(flows) == made.n_flows > 0
    assert len({flow["device_id"] for flow in flows}) == n_expected
    assert {flow["proto"] for flow in flows} == {"tcp", "udp"}
    kept = [flow["nat_port"] == flow["orig_port"] for flow in flows]
    # A port that two machines use to one server at once is kept for the first only.
    share_kept = sum(kept) / len(kept)
    assert share_kept > 0.9 if nat_ports == "kept" else share_kept < 0.1

    logs = [(tmp_path / "work" / f"{each.name}.log").read_text() for each in mini.machines]
    assert all(" 0 failed" in log for log in logs if "failed" in log), logs

    outside = list(pcap.read(tmp_path / "work" / OUTSIDE))
    inside = list(pcap.read(tmp_path / "work" / INSIDE))
    assert all(mini.nat_ip in (packet.src, packet.dst) for packet in outside)
    assert sum(int(flow["pkts_out"]) for flow in flows) == sum(
        packet.src == mini.nat_ip for packet in outside
    )
    for machine in mini.machines:
        sent = [packet for packet in inside if packet.mac == machine.mac]
        assert {packet.ttl for packet in sent} <= {machine.ttl}
        if machine.tcp_timestamps == 0:
            assert all(packet.tsval is None for packet in sent)
