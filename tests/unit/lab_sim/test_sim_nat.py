"""The NAT, and the truth that it writes down."""

import csv
import itertools
import shutil
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from tempfile import mkdtemp

import lab_packets as wire
import pytest

from lab.score import score
from lab.sim import Capture, MachineSpec, NatSpec, Scenario, simulate, write_pcapng, write_truth
from lab.sim.__main__ import main
from lab.sim.nat import Nat
from lab.sim.packets import ACK, SYN, TCP, Packet
from lab.sim.presets import PRESETS
from lab.sim.stacks import stack
from lab.sim.truth import FLOW_COLUMNS

_NAMES = ("win10", "linux-4.9", "macos-new", "printer")


def _scenario(nat: NatSpec, n_of_each: int = 1) -> Scenario:
    machines = tuple(MachineSpec(name) for name in _NAMES * n_of_each)
    return Scenario(machines, seconds=200.0, nat=nat)


@cache
def _captured(nat: NatSpec) -> tuple[Capture, list[wire.Seen], list[dict[str, str]]]:
    capture = simulate(_scenario(nat), seed=4)
    folder = Path(mkdtemp())
    try:
        write_pcapng(folder / "n.pcapng", capture.packets)
        flows, _ = write_truth(folder / "n.pcapng", capture.truth)
        with flows.open(newline="") as file:
            return capture, wire.read(folder / "n.pcapng"), list(csv.DictReader(file))
    finally:
        shutil.rmtree(folder)


_KEEP, _RANDOM = NatSpec(), NatSpec(ports="random")
_PF = NatSpec(ports="random", modulates_timestamps=True, randomizes_ip_id=True)


@pytest.mark.parametrize("nat", [_KEEP, _RANDOM, _PF])
def test_truth_has_every_flow_and_every_packet(nat: NatSpec):
    _, packets, rows = _captured(nat)
    assert tuple(rows[0]) == FLOW_COLUMNS
    n_out, n_in = Counter(), Counter()
    for p in packets:
        if p.src == wire.NAT_IP:
            n_out[p.proto, p.sport, p.dst, p.dport] += 1
        else:
            n_in[p.proto, p.dport, p.src, p.sport] += 1
    told_out, told_in = Counter(), Counter()
    for row in rows:
        proto = wire.TCP if row["proto"] == "tcp" else wire.UDP
        key = proto, int(row["nat_port"]), row["dst_ip"], int(row["dst_port"])
        told_out[key] += int(row["pkts_out"])
        told_in[key] += int(row["pkts_in"])
    assert told_out == n_out
    assert +told_in == n_in


@pytest.mark.parametrize("nat", [_KEEP, _RANDOM, _PF])
def test_truth_tells_first_packet_as_the_tap_saw_it(nat: NatSpec):
    _, packets, rows = _captured(nat)
    seen = {(p.time_ns, p.src, p.sport, p.dst, p.dport): p for p in packets}
    for row in rows:
        seconds, fraction = row["first_ts"].split(".")
        time_ns = int(seconds) * 10**9 + int(fraction)
        ends = row["nat_ip"], int(row["nat_port"]), row["dst_ip"], int(row["dst_port"])
        p = seen[time_ns, *ends]
        assert row["first_ipid"] == str(p.ip_id)
        assert row["first_tsval"] == ("" if p.tsval is None else str(p.tsval))


def test_ports_are_kept_or_drawn():
    _, _, kept = _captured(_KEEP)
    _, _, drawn = _captured(_RANDOM)
    assert sum(row["nat_port"] == row["orig_port"] for row in kept) > 0.98 * len(kept)
    assert sum(row["nat_port"] == row["orig_port"] for row in drawn) < 0.02 * len(drawn)


def test_a_taken_port_is_not_given_twice():
    """Many alike machines that all talk to one server from a small range of ports."""
    machines = tuple(MachineSpec("winxp", habit="office") for _ in range(30))
    capture = simulate(Scenario(machines, 200.0, n_servers=1), seed=4)
    flows = capture.truth.flows
    assert any(flow.nat_port != flow.orig_port for flow in flows)
    live: dict[tuple[int, int, int, int], int] = {}
    for flow in flows:
        key = flow.proto, flow.nat_port, flow.dst_ip, flow.dst_port
        assert live.get(key, -1) < flow.first_ns
        live[key] = flow.last_ns


def test_one_hop_less():
    capture, packets, rows = _captured(_KEEP)
    initial = {x.device_id: x.initial_ttl for x in capture.truth.devices}
    owner = {(row["nat_port"], row["dst_ip"], row["dst_port"]): row["device_id"] for row in rows}
    for p in wire.sent(packets):
        assert p.ttl == initial[owner[str(p.sport), p.dst, str(p.dport)]] - 1


def test_pf_hides_the_clock_line_and_the_identifications():
    _, packets, rows = _captured(_PF)
    of_linux = [row for row in rows if row["device_id"] == "dev02" and row["first_tsval"]]
    assert stack("linux-4.9").timestamps.regime == "host"
    lines = sorted(
        (int(row["first_tsval"]) - float(row["first_ts"]) * 250.0) % 2**32 for row in of_linux
    )
    assert sum(b - a > 1e5 for a, b in itertools.pairwise(lines)) > 0.8 * len(lines)
    assert 0 not in {p.ip_id for p in wire.sent(packets)}
    # inside a connection the clock still runs on, and the server echoes what it was sent
    echoed = {(p.dport, p.option(8)[4:]) for p in packets if p.dst == wire.NAT_IP and p.option(8)}
    told = {(p.sport, p.option(8)[:4]) for p in wire.sent(packets) if p.option(8)}
    assert echoed <= told | {(port, bytes(4)) for port, _ in echoed}


def _syn(iss: int) -> Packet:
    return Packet(TCP, 10, 5000, 20, 80, 64, 1, True, flags=SYN, seq=iss, tsval=7, options=("ts",))


def test_echoes_are_put_back_inside():
    nat = Nat(NatSpec(modulates_timestamps=True), Random(1))
    syn = _syn(100)
    nat.outbound(syn, 0, 0.0, 0)
    assert syn.tsval != 7
    answer = Packet(TCP, 20, 80, syn.src, syn.sport, 60, 0, True, flags=SYN | ACK, tsval=1)
    answer.tsecr = syn.tsval or 0
    assert nat.inbound(answer, 0.1, 10**8) == 0
    assert (answer.dst, answer.dport, answer.tsecr, answer.ttl) == (10, 5000, 7, 59)


def test_a_syn_with_another_number_begins_another_flow():
    nat = Nat(NatSpec(), Random(1))
    for iss, at_s in ((100, 0.0), (100, 1.0), (200, 300.0)):
        nat.outbound(_syn(iss), 0, at_s, int(at_s * 1e9))
    assert [(flow.n_out, flow.first_ns) for flow in nat.flows] == [(2, 0), (1, 300 * 10**9)]


def test_what_nobody_asked_for_is_dropped():
    nat = Nat(NatSpec(), Random(1))
    nat.outbound(_syn(100), 0, 0.0, 0)
    stray = Packet(TCP, 20, 443, nat.flows[0].nat_ip, 5000, 60, 0, True, flags=ACK)
    assert nat.inbound(stray, 0.1, 10**8) is None


def test_a_machine_keeps_its_public_address():
    scenario = replace(PRESETS["cgn"], seconds=60.0)
    truth = simulate(scenario, seed=1).truth
    addresses = {(flow.machine, flow.nat_ip) for flow in truth.flows}
    assert len(addresses) == len(scenario.machines)
    assert len({ip for _, ip in addresses}) == 2


def test_a_perfect_answer_scores_one(tmp_path: Path):
    _, _, rows = _captured(_KEEP)
    capture = _captured(_KEEP)[0]
    truth, _ = write_truth(tmp_path / "n.pcapng", capture.truth)
    prediction = tmp_path / "prediction.csv"
    with prediction.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["src", "sport", "dst", "dport", "proto", "device", "first_ts"])
        for row in rows:
            ends = [row[x] for x in ("nat_ip", "nat_port", "dst_ip", "dst_port", "proto")]
            table.writerow([*ends, row["device_id"], row["first_ts"]])
    got = score(truth, prediction)
    assert (got.ari, got.coverage, got.count_error, got.n_other_rows) == (1.0, 1.0, 0, 0)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_runs_and_every_machine_is_heard(name: str):
    scenario = replace(PRESETS[name], seconds=max(90.0, *_events_s(PRESETS[name])))
    truth = simulate(scenario, seed=1).truth
    assert len(truth.devices) == len(scenario.machines)
    assert all(device.flows for device in truth.devices)


def _events_s(scenario: Scenario) -> list[float]:
    out = [0.0]
    for machine in scenario.machines:
        out += [machine.starts_at_s + 60.0] if machine.starts_at_s else []
        out += [at + 60.0 for at in machine.reboots_at_s]
        out += [nap.at_s + nap.for_s + 30.0 for nap in machine.suspensions]
    return out


def test_command_line_writes_capture_and_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "small.pcapng"
    words = ["--machines", "win10,macos-new", "--seconds", "30", "--nat", "random", "--pf"]
    assert main([*words, "--seed", "7", "-o", str(out)]) == 0
    assert len(wire.read(out)) > 20
    assert (tmp_path / "small.truth.csv").read_text().count("\n") > 3
    devices = (tmp_path / "small.devices.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in devices] == ["stack", "win10", "macos-new"]
    assert "2 machines" in capsys.readouterr().out


def test_command_line_names_a_stack_that_does_not_exist(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit):
        main(["--machines", "beos", "-o", str(tmp_path / "x.pcapng")])
    assert "no stack 'beos'" in capsys.readouterr().err
