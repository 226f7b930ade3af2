"""Flows -> devices: every address on its own, whatever its signals do."""

from __future__ import annotations

import random

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sides_builder import CLIENT, UDP, WINDOWS_SYN, Wire, ns, ticking

from wiretell.devices.engine import Findings, find_devices
from wiretell.model.tables import (
    ADDRESSES,
    DEVICES,
    EVIDENCE,
    FLOWS,
    MEMBERS,
    OBSERVATIONS,
)
from wiretell.signal import Link, Scores, Signal
from wiretell.signals import ALL

PEERS = [f"198.51.100.{i}" for i in range(1, 7)]


def found_in(flows: pl.DataFrame, observations: pl.DataFrame | None = None) -> Findings:
    return find_devices(flows, OBSERVATIONS.empty() if observations is None else observations, ALL)


def address(found: Findings, name: str = CLIENT) -> dict[str, object]:
    return found.addresses.row(by_predicate=pl.col("address") == name, named=True)


def owners(found: Findings, name: str = CLIENT) -> list[str | None]:
    """The device of each flow, in the order of the flows."""
    own = found.members.filter(pl.col("address") == name).sort("flow_id")
    return own["device"].to_list()


def machine(
    wire: Wire, n: int, *, start_s: float, first_port: int, offset: float, ppm: float
) -> None:
    """A Linux machine with one clock line, random ports and a zero IP ID."""
    rng = random.Random(first_port)
    for i in range(n):
        wire.call(
            start_s + i * 12.0,
            PEERS[i % 6],
            port=rng.randrange(32_768, 60_000),
            clock=ticking(1000.0, offset, ppm),
            times=[0.0, 0.2, 1.0, 2.0, 4.0],
            delay=lambda _: rng.expovariate(200.0),
            ids=[0] * 5,
        )


@pytest.fixture
def two() -> Wire:
    """Two machines with clocks of their own, by turns."""
    wire = Wire()
    machine(wire, 20, start_s=0.0, first_port=1, offset=5e8, ppm=30.0)
    machine(wire, 12, start_s=5.0, first_port=2, offset=9e8, ppm=-20.0)
    return wire


def test_nothing_gives_empty_tables() -> None:
    found = found_in(FLOWS.empty())
    for frame, table in (
        (found.observations, OBSERVATIONS),
        (found.evidence, EVIDENCE),
        (found.addresses, ADDRESSES),
        (found.devices, DEVICES),
        (found.members, MEMBERS),
    ):
        assert_frame_equal(frame, table.empty())
    assert not found.failed


def test_two_clocks_are_two_machines(two: Wire) -> None:
    found = found_in(two.flows())
    assert owners(found) == [f"{CLIENT}#1"] * 20 + [f"{CLIENT}#2"] * 12
    row = address(found)
    assert (row["n_devices"], row["low"], row["high"], row["role"]) == (2, 2, 2, "client")
    assert row["verdict"] == "separated"
    first, second = found.devices.filter(pl.col("address") == CLIENT).iter_rows(named=True)
    assert (first["n_flows"], first["clock_regime"], first["boots"]) == (20, "per host", 1)
    assert abs(first["skew_ppm"] - 30.0) < 4.0 * first["skew_error_ppm"]
    assert abs(second["skew_ppm"] + 20.0) < 4.0 * second["skew_error_ppm"]
    for device, other in ((first, second), (second, first)):
        assert any("on one line" in reason for reason in device["reasons"])
        assert any(reason.startswith(f"not {other['device']}: ") for reason in device["reasons"])


def test_one_machine_is_one_with_reasons() -> None:
    wire = Wire()
    machine(wire, 20, start_s=0.0, first_port=1, offset=5e8, ppm=30.0)
    row = address(found_in(wire.flows()))
    assert (row["n_devices"], row["low"], row["high"], row["verdict"]) == (1, 1, 1, "single")
    assert row["reasons"] == ["100% of the flows continue one another's counters or clock"]


def test_nothing_to_tell_by_is_said() -> None:
    """Alike flows without clock or counter: one machine found, but more are not excluded."""
    rng = random.Random(3)
    wire = Wire()
    for i in range(40):
        wire.call(i * 9.0, PEERS[i % 6], port=rng.randrange(1024, 65_536), syn=WINDOWS_SYN, ttl=127)
    row = address(found_in(wire.flows()))
    assert (row["n_devices"], row["low"], row["verdict"]) == (1, 1, "not separable")
    assert row["high"] > 1
    assert row["probability"] < 0.9


def test_two_flows_are_too_little() -> None:
    wire = Wire()
    wire.call(0.0, ttl=63)
    wire.call(1.0, ttl=127, syn=WINDOWS_SYN)
    row = address(found_in(wire.flows()))
    assert (row["n_devices"], row["verdict"], row["reasons"]) == (1, "too little", ["only 2 flows"])


def test_the_order_of_the_rows_does_not_matter(two: Wire) -> None:
    flows = two.flows()
    expected = found_in(flows)
    for seed in (1, 2):
        shuffled = found_in(flows.sample(fraction=1.0, shuffle=True, seed=seed))
        for name in ("addresses", "devices", "members", "evidence", "observations"):
            assert_frame_equal(getattr(shuffled, name), getattr(expected, name))


def test_those_that_open_flows_come_first_busiest_first(two: Wire) -> None:
    other = Wire("203.0.113.9", rows=two.rows)
    other.call(0.0, PEERS[0])
    order = found_in(two.flows()).addresses["address"].to_list()
    assert order[:2] == [CLIENT, "203.0.113.9"]
    assert sorted(order[2:]) == PEERS
    roles = dict(found_in(two.flows()).addresses.select("address", "role").iter_rows())
    assert {roles[peer] for peer in PEERS} == {"server"}


def test_a_signal_that_fails_does_not_cost_the_others(two: Wire) -> None:
    def fails(sides: pl.DataFrame, observations: pl.DataFrame) -> Scores:
        raise ZeroDivisionError("one over none")

    expected = found_in(two.flows())
    broken = Signal("broken", score=fails)
    found = find_devices(two.flows(), OBSERVATIONS.empty(), (broken, *ALL))
    assert found.failed == {"broken": "ZeroDivisionError: one over none"}
    assert_frame_equal(found.members, expected.members)


def test_a_signal_of_clients_is_not_asked_about_servers(two: Wire) -> None:
    asked: list[str] = []

    def notes(sides: pl.DataFrame, observations: pl.DataFrame) -> Scores:
        asked.append(sides["address"][0])
        return Scores()

    find_devices(two.flows(), OBSERVATIONS.empty(), (Signal("notes", score=notes),))
    assert asked == [CLIENT]


def test_a_server_with_one_clock_is_one_and_a_farm_several() -> None:
    wire = Wire()
    for i in range(30):
        wire.call(i * 7.0, PEERS[0], port=40_000 + i)
    server = Wire(PEERS[0])
    for i, row in enumerate(wire.rows):
        clock = ticking(1000.0, (4e8, 9e8, 2e9)[i % 3])
        server.call(i * 7.0 + 0.1, CLIENT, clock=clock, times=[0.0, 1.0, 2.0, 4.0])
        shown = {k.replace("orig_", "resp_"): v for k, v in server.rows[-1].items() if "_ts_" in k
                 and k.startswith("orig_")}  # fmt: skip
        # answers come from port 443 of the same flow
        row.update(shown, resp_pkts=4)
    farm = address(found_in(wire.flows()), PEERS[0])
    assert (farm["role"], farm["n_devices"], farm["verdict"]) == ("server", 3, "farm")
    for row in wire.rows[1::3] + wire.rows[2::3]:
        row["resp_ts_n"] = 0
    one = address(found_in(wire.flows()), PEERS[0])
    assert one["n_devices"] == 1


def test_the_interval_holds_the_count_and_confidences_are_probabilities(two: Wire) -> None:
    for i in range(20):
        two.call(i * 11.0, PEERS[i % 3], port=2000 + i * 7, proto=UDP, ttl=63)
    found = found_in(two.flows())
    for row in found.addresses.iter_rows(named=True):
        assert 1 <= row["low"] <= row["n_devices"] <= row["high"]
    assert found.devices["confidence"].is_between(0.0, 1.0).all()
    assert found.members["confidence"].is_between(0.0, 1.0).all()
    nobody = found.members.filter(pl.col("device").is_null())
    assert (nobody["confidence"] == 0.0).all()
    assert set(nobody["reason"]) <= {"nothing tells"}
    assert address(found)["n_devices"] == 2


def test_evidence_names_flows_and_devices(two: Wire) -> None:
    found = found_in(two.flows())
    ids = set(found.devices["device"]) | {f"flow:{row['flow_id']}" for row in two.rows}
    assert set(found.evidence["a"]) | set(found.evidence["b"]) <= ids
    apart = found.evidence.filter(pl.col("a").str.contains("#") & (pl.col("bits") < 0.0))
    assert apart.height


def test_names_and_user_agents_go_with_the_machine(two: Wire) -> None:
    facts = OBSERVATIONS.frame(
        [
            {"signal": "x", "address": CLIENT, "flow_id": flow, "side": 0, "quantity": quantity,
             "text": text, "time_ns": ns(0.0)}
            for flow, quantity, text in [
                (0, "user_agent", "one/1"), (1, "user_agent", "one/1"), (2, "user_agent", "two/2"),
                (25, "user_agent", "other/3"), (26, "dhcp_hostname", "printer"),
            ]
        ]
    )  # fmt: skip
    found = found_in(two.flows(), facts)
    first, second = found.devices.filter(pl.col("address") == CLIENT).iter_rows(named=True)
    assert (first["user_agents"], first["names"]) == (["one/1", "two/2"], [])
    assert (second["user_agents"], second["names"]) == (["other/3"], ["printer"])


def test_links_between_all_make_one_machine() -> None:
    """Whatever a signal is sure of is believed where nothing speaks against it."""
    wire = Wire()
    for i in range(10):
        wire.call(i * 1.0, PEERS[i % 6], port=40_000 + 1000 * i)
    links = [Link("sure", i, i + 1, 20.0, "told so") for i in range(9)]
    signal = Signal("sure", score=lambda sides, _: Scores(links=links))
    found = find_devices(wire.flows(), OBSERVATIONS.empty(), (signal,))
    assert set(owners(found)) == {f"{CLIENT}#1"}
    (device,) = found.devices.filter(pl.col("address") == CLIENT).iter_rows(named=True)
    assert "told so (9 such links): +20.0 bits" in device["reasons"]
