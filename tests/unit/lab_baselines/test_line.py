"""Lines of simulated captures, and what the methods make of traffic that suits them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest

import wiretell
from lab.baselines import BASELINES, Line, line_of, read_packets
from lab.sim import MachineSpec, NatSpec, Scenario, simulate, write_pcapng

ADDRESS = "203.0.113.7"


@cache
def simulated(*stacks: str, ports: str = "keep") -> tuple[Line, int]:
    """A line of two minutes and how many packets the machines sent."""
    machines = tuple(MachineSpec(name) for name in stacks)
    capture = simulate(Scenario(machines, seconds=120.0, nat=NatSpec(ports=ports)), seed=5)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "line.pcapng"
        write_pcapng(path, capture.packets)
        line = line_of(wiretell.analyze(path), read_packets(path), ADDRESS)
    return line, sum(flow.n_out for flow in capture.truth.flows)


def test_every_packet_that_was_sent_is_of_a_flow_with_its_ends() -> None:
    line, n_sent = simulated("win7", "linux-4.9")
    assert line.packets.height == n_sent
    joined = line.packets.join(line.flows, on="flow_id", how="inner")
    assert joined.height == n_sent
    same = (
        (pl.col("sport") == pl.col("orig_p"))
        & (pl.col("dst") == pl.col("resp_h"))
        & (pl.col("dport") == pl.col("resp_p"))
        & pl.col("time_ns").is_between("first_ns", "last_ns")
    )
    assert joined.filter(~same).height == 0


def test_each_method_counts_what_suits_it() -> None:
    clocks, _ = simulated("linux-4.9", "linux-4.9", "linux-4.9", ports="random")
    assert abs(BASELINES["timestamp lines"](clocks).count - 3) <= 1
    counters, _ = simulated("win7", "win7", "winxp")
    for name in ("Bellovin", "IP IDs", "ports 16/300", "ports 200/3600"):
        found = BASELINES[name](counters)
        assert (found.count, set(found.machine.values())) == (3, {0, 1, 2}), name


@pytest.mark.parametrize("name", sorted(BASELINES))
def test_answers_are_of_the_lines_own_flows(name: str) -> None:
    line, _ = simulated("win10", "macos-new", "android-13")
    found = BASELINES[name](line)
    assert found.count >= 1
    assert set(found.machine) <= set(line.packets["flow_id"]) | set(line.flows["flow_id"])
    assert BASELINES[name](line) == found
