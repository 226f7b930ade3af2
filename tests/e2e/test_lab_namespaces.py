"""Sixteen seconds of namespaces behind a NAT with random ports, judged by wiretell.

Needs root and a few programs, but neither a virtual machine nor a download. Namespaces share one
kernel, clock and secrets, so how many there are is nothing a test can ask of the engine; that every
flow is seen once, and what a fully random NAT leaves of source ports, is.
"""

import collections
import csv

import pytest

import wiretell
from lab.guests.needs import network_lacks
from lab.guests.record import record
from lab.guests.scenario import parse

SECONDS = 16
NAT_IP = "203.0.113.12"
NAMES = ("left", "middle", "right")
PROTO = {"tcp": 6, "udp": 17}
UNPRIVILEGED, EPHEMERAL = 1024, 32768


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """The recording, its flows by the truth, and wiretell's report."""
    if lacks := network_lacks():
        pytest.skip(f"needs {', '.join(lacks)}")
    folder = tmp_path_factory.mktemp("namespaces")
    scenario = parse(
        "namespaces",
        {
            "seed": 12,
            "duration_s": SECONDS,
            "nat_ip": NAT_IP,
            "nat_ports": "fully-random",
            "server": [
                {"address": "198.51.100.20", "ports": [80, 8080]},
                {"address": "192.0.2.40", "ports": [80]},
            ],
            "machine": [{"name": name, "stack": "namespace", "pace": 10} for name in NAMES],
        },
    )
    said: list[str] = []
    made = record(scenario, folder, cache=folder / "cache", work=folder / "work", say=said.append)
    assert not said
    assert made.n_dropped == 0
    with made.flows.open(newline="") as file:
        truth = list(csv.DictReader(file))
    return made, truth, wiretell.analyze(str(made.capture))


def test_each_namespace_is_heard_and_has_its_flows(recording):
    made, truth, _ = recording
    assert made.n_machines == len(NAMES)
    assert len({flow["orig_ip"] for flow in truth}) == len(NAMES)
    assert min(sum(f["device_id"] == f"dev{n:02d}" for f in truth) for n in (1, 2, 3)) >= 5


def test_the_nat_draws_ports_from_the_whole_range(recording):
    """Linux draws from 32768 up (ip_local_port_range), a fully random NAT from 1024 up.

    So half the ports outside are below: a share within four standard errors.
    """
    _, truth, _ = recording
    kept = sum(flow["nat_port"] == flow["orig_port"] for flow in truth)
    assert kept <= 1
    assert all(int(flow["orig_port"]) >= EPHEMERAL for flow in truth)
    expected = (EPHEMERAL - UNPRIVILEGED) / (2**16 - UNPRIVILEGED)
    error = (expected * (1 - expected) / len(truth)) ** 0.5
    below = sum(int(flow["nat_port"]) < EPHEMERAL for flow in truth) / len(truth)
    assert abs(below - expected) < 4 * error


def test_wiretell_sees_the_flows_and_packets_of_the_truth(recording):
    """Two programs that know nothing of each other: the join of the lab and the core's tracker."""
    _, truth, report = recording
    columns = ("proto", "orig_h", "orig_p", "resp_h", "resp_p", "orig_pkts", "resp_pkts")
    seen = collections.Counter(report.flows.select(columns).iter_rows())
    joined = collections.Counter(
        (PROTO[f["proto"]], f["nat_ip"], int(f["nat_port"]), f["dst_ip"], int(f["dst_port"]),
         int(f["pkts_out"]), int(f["pkts_in"]))
        for f in truth
    )  # fmt: skip
    assert seen == joined


def test_random_ports_link_nothing(recording):
    """Fully random ports say nothing, so no reason may rest on their order."""
    _, _, report = recording
    reasons = report.members.filter(report.members["address"] == NAT_IP)["reason"]
    assert len(reasons) == len(report.flows)
    assert not [reason for reason in reasons if "source port" in reason]
