"""What a machine looks like in words; the table of sides; roles and services."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sides_builder import CLIENT, ICMP, UDP, Wire

from wiretell.devices.group import Group
from wiretell.devices.looks import looks_like
from wiretell.devices.side_columns import columns_of
from wiretell.devices.sides import JUDGED, Sides, role_of, sides_of
from wiretell.model.tables import FLOWS, OBSERVATIONS


def group(**labels: dict[str, int]) -> Group:
    return Group([0], labels={kind.replace("_", " "): Counter(t) for kind, t in labels.items()})


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({}, "unknown"),
        ({"initial_ttl": {"255": 3}}, "unknown stack, TTL 255"),
        ({"stack": {"64:mss,sok,ts,nop,ws": 3}}, "Linux or Android"),
        ({"stack": {"64:mss,sok,ts,nop,ws": 3}, "system": {"Linux": 2}}, "Linux or Android"),
        (
            {
                "stack": {"64:mss,sok,ts,nop,ws": 3},
                "system_version": {"Android 9": 2, "Android 8": 1},
            },
            "Linux or Android, says Android 9",
        ),
        ({"stack": {"1:nothing": 1}, "system": {"Plan 9": 1}}, "unknown, says Plan 9"),
    ],
)
def test_looks(labels: dict[str, dict[str, int]], words: str) -> None:
    assert looks_like(group(**labels)) == words


def test_both_ends_of_a_flow_are_sides() -> None:
    wire = Wire()
    wire.call(2.0, "198.51.100.9", port=4000)
    wire.call(1.0, "198.51.100.8", port=4001)
    table = sides_of(wire.flows())
    rows = table.select(
        "address", "flow_id", "side", "initiator", "port", "peer", "peer_port"
    ).rows()
    assert rows == [
        ("198.51.100.8", 1, 1, False, 443, CLIENT, 4001),
        ("198.51.100.9", 0, 1, False, 443, CLIENT, 4000),
        (CLIENT, 1, 0, True, 4001, "198.51.100.8", 443),
        (CLIENT, 0, 0, True, 4000, "198.51.100.9", 443),
    ]
    assert table.filter(pl.col("address") == CLIENT)["start_s"].to_list() == [0.0, 1.0]


def test_sides_to_judge_are_those_of_all_columns() -> None:
    wire = Wire()
    for i, peer in enumerate(("198.51.100.9", "198.51.100.8", "198.51.100.9")):
        wire.call(3.0 - i, peer, port=4000 + i)
    flows = wire.flows()
    every = Sides(pl.concat([flows[:1], flows[1:]], rechunk=False))  # as a saved report is read
    table = every.table(0, len(every.row))
    assert tuple(table.columns) == ("number", *JUDGED)
    assert_frame_equal(table.drop("number"), every.rows(every.row).select(JUDGED))
    assert table.filter(pl.col("address") == CLIENT)["number"].to_list() == [0, 1, 2]
    few = every.table(1, 3, ("proto", "port"))
    assert_frame_equal(few, table[1:3].select("number", "proto", "port"))


def test_an_address_that_never_spoke_has_no_sides() -> None:
    wire = Wire()
    silent = {"resp_pkts": 0, "resp_first_ns": None, "resp_last_ns": None}
    wire.call(0.0, "198.51.100.8", **silent)
    wire.call(1.0, "198.51.100.9")
    wire.call(2.0, "198.51.100.9", **silent)  # a closed door of one that speaks elsewhere
    table = sides_of(wire.flows())
    assert set(table["address"]) == {CLIENT, "198.51.100.9"}
    door = table.filter((pl.col("flow_id") == 2) & (pl.col("side") == 1)).row(0, named=True)
    assert (door["pkts"], door["start_s"]) == (0, 2.0)
    assert sides_of(FLOWS.empty()).height == 0


def test_roles() -> None:
    wire = Wire()
    for i in range(20):
        wire.call(float(i), "198.51.100.8")
    table = sides_of(wire.flows())
    by_address = {name: side for (name,), side in table.group_by(["address"])}
    assert role_of(by_address[CLIENT]) == "client"
    assert role_of(by_address["198.51.100.8"]) == "server"
    back = Wire("198.51.100.8", rows=wire.rows)
    for i in range(20):
        back.call(float(i), CLIENT)
    assert {role_of(side) for _, side in sides_of(wire.flows()).group_by(["address"])} == {"both"}


def test_services_are_named_by_common_ports() -> None:
    wire = Wire()
    wire.call(0.0, "198.51.100.1", peer_port=443)
    wire.call(1.0, "198.51.100.2", peer_port=0, proto=ICMP)
    for i in range(3):
        wire.call(2.0 + i, f"198.51.100.{i}", peer_port=8443)
    wire.call(9.0, "198.51.100.1", peer_port=51_413, proto=UDP)
    assert columns_of(wire.sides(), OBSERVATIONS.empty()).services() == [
        "port 443", "ICMP", "port 8443", "port 8443", "port 8443", "scattered ports",
    ]  # fmt: skip
