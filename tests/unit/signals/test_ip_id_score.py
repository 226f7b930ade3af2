"""IP identifications across flows: which counter a stack steps, and what proves none."""

from __future__ import annotations

import random

import pytest
from sides_builder import ICMP, UDP, Wire

from wiretell.model.tables import OBSERVATIONS
from wiretell.signal import Scores
from wiretell.signals.ip_id import score

PEERS = [f"198.51.100.{i}" for i in range(1, 7)]
N_PACKETS = 4


def scored(wire: Wire) -> Scores:
    return score(wire.sides(), OBSERVATIONS.empty())


def swapped(value: int) -> int:
    return ((value & 255) << 8) | (value >> 8)


def counted(
    wire: Wire,
    n: int,
    *,
    first: int = 100,
    start_s: float = 0.0,
    every_s: float = 5.0,
    unseen: int = 3,
    turned: bool = False,
    **more: object,
) -> list[int]:
    """`n` flows of a machine with one counter that sends `unseen` packets elsewhere between."""
    at, ids = first, []
    for i in range(n):
        values = [(at + k) % 65536 for k in range(N_PACKETS)]
        at += N_PACKETS + unseen
        values = [swapped(v) for v in values] if turned else values
        ids.append(
            wire.call(
                start_s + i * every_s,
                PEERS[i % len(PEERS)],
                port=40_000 + len(wire.rows),
                ids=values,
                times=[0.0, 0.1, 0.2, 0.3],
                **more,
            )
        )
    return ids


def test_one_counter_for_all_packets() -> None:
    wire = Wire()
    counted(wire, 30, first=65_500)  # wraps after a few flows
    found = scored(wire)
    assert {(link.a, link.b) for link in found.links} == {(i, i + 1) for i in range(29)}
    assert set(found.regimes.values()) == {"global"}
    assert all(link.bits > 7.0 for link in found.links)
    (counter,) = found.counters
    assert counter.modulus == 65_536


def test_bytes_swapped() -> None:
    wire = Wire()
    counted(wire, 30, turned=True, unseen=1)
    found = scored(wire)
    assert {(link.a, link.b) for link in found.links} == {(i, i + 1) for i in range(29)}
    assert set(found.regimes.values()) == {"global, bytes swapped"}


def test_interleaved_flows_share_one_counter() -> None:
    """A long flow is still open while others begin and end."""
    wire = Wire()
    at = 5000
    for i in range(20):
        ids = [at, at + 3, at + 90]
        wire.call(i * 2.0, PEERS[i % 6], port=40_000 + i, ids=ids, times=[0.0, 0.1, 30.0])
        at += 6
    found = scored(wire)
    assert set(found.regimes.values()) == {"global"}
    assert len(found.links) >= 18


@pytest.mark.parametrize("seed", range(3))
def test_counters_of_two_machines_do_not_swap(seed: int) -> None:
    rng = random.Random(seed)
    wire, owners, at = Wire(), [], [1000, 30_000]
    for i in range(80):
        owner = rng.randrange(2)
        ids = [(at[owner] + k) % 65536 for k in range(N_PACKETS)]
        at[owner] += N_PACKETS + rng.randrange(8)
        owners.append(owner)
        wire.call(i * 3.0, rng.choice(PEERS), port=40_000 + i, ids=ids, times=[0.0, 0.1, 0.2, 0.3])
    found = scored(wire)
    assert len(found.links) >= 70
    assert all(owners[link.a] == owners[link.b] for link in found.links)


def test_a_counter_for_each_destination() -> None:
    rng = random.Random(3)
    at = {peer: rng.randrange(65_536) for peer in PEERS}
    wire, goals = Wire(), []
    for i in range(48):
        peer = PEERS[i % 6]
        ids = [(at[peer] + k) % 65536 for k in range(N_PACKETS)]
        at[peer] += N_PACKETS
        goals.append(peer)
        wire.call(i * 4.0, peer, port=40_000 + i, ids=ids, times=[0.0, 0.1, 0.2, 0.3])
    found = scored(wire)
    assert set(found.regimes.values()) == {"per destination"}
    assert len(found.links) == 42
    assert all(goals[link.a] == goals[link.b] for link in found.links)
    assert not found.counters


@pytest.mark.parametrize("seed", range(10))
def test_a_counter_for_each_connection_tells_nothing_across(seed: int) -> None:
    rng = random.Random(seed)
    wire = Wire()
    for i in range(120):
        first = rng.randrange(65_536)
        ids = [(first + k) % 65536 for k in range(N_PACKETS)]
        wire.call(i * 1.0, PEERS[i % 6], port=40_000 + i, ids=ids, times=[0.0, 0.1, 0.2, 0.3])
    found = scored(wire)
    assert not found.links
    assert set(found.regimes.values()) == {"per connection"}


@pytest.mark.parametrize("seed", range(10))
def test_random_identifications(seed: int) -> None:
    rng = random.Random(seed)
    wire = Wire()
    for i in range(120):
        ids = [rng.randrange(1, 65_536) for _ in range(8)]
        times = [k * 0.1 for k in range(8)]
        wire.call(i * 1.0, PEERS[i % 6], port=40_000 + i, ids=ids, times=times)
    found = scored(wire)
    assert not found.links
    assert set(found.regimes.values()) == {"random"}


@pytest.mark.parametrize(("ids", "regime"), [([0] * 5, "zero"), ([777] * 5, "constant")])
def test_zero_and_constant(ids: list[int], regime: str) -> None:
    wire = Wire()
    for i in range(20):
        wire.call(
            i * 5.0, PEERS[i % 6], port=40_000 + i, ids=ids, times=[0.1 * k for k in range(5)]
        )
    found = scored(wire)
    assert not found.links
    assert set(found.regimes.values()) == {regime}


def test_one_counter_is_shared_by_protocols() -> None:
    wire = Wire()
    at = 40_000
    for i in range(30):
        proto = (6, UDP, ICMP)[i % 3]
        ids = [at, at + 1]
        at += 4
        wire.call(i * 3.0, PEERS[i % 6], port=40_000 + i, proto=proto, ids=ids, times=[0.0, 0.1])
    found = scored(wire)
    assert {(link.a, link.b) for link in found.links} == {(i, i + 1) for i in range(29)}


def test_silence_ends_the_evidence() -> None:
    """After ten minutes a step of ten is no argument: nobody knows what was sent meanwhile."""
    wire = Wire()
    counted(wire, 10)
    counted(wire, 10, first=100 + 10 * (N_PACKETS + 3), start_s=700.0)
    crossing = [link for link in scored(wire).links if link.a < 10 <= link.b]
    assert not crossing


def test_udp_is_labelled_by_zero() -> None:
    wire = Wire()
    wire.call(0.0, proto=UDP, ids=[0, 0], times=[0.0, 1.0])
    wire.call(1.0, proto=UDP, ids=[5, 9], times=[0.0, 1.0])
    wire.call(2.0, ids=[0, 0], times=[0.0, 1.0])
    wire.call(3.0, proto=UDP)  # IPv6 has none
    labels = [(label.side, label.text) for label in scored(wire).labels]
    assert labels == [(0, "zero"), (1, "not zero")]


def test_nothing_sent() -> None:
    found = scored(Wire())
    assert not (found.links or found.labels or found.counters or found.regimes)


def timed(wire: Wire, machine: int, n: int, *, ttl: int = 63) -> list[int]:
    """`n` look-ups of a Linux machine: each identification is 1 to 250 a second above the last."""
    rng = random.Random(machine)
    now_s, at, numbers = rng.uniform(0, 10), rng.randrange(65536), []
    for _ in range(n):
        numbers.append(
            wire.call(
                now_s,
                "192.0.2.53",
                proto=UDP,
                peer_port=53,
                port=40_000 + len(wire.rows),
                ids=[at % 65536],
                times=[0.0],
                ttl=ttl,
            )
        )
        pause_s = rng.uniform(1, 20)
        now_s, at = now_s + pause_s, at + 1 + rng.randrange(int(250 * pause_s))
    return numbers


def test_look_ups_of_linux_count_with_time() -> None:
    wire = Wire()
    machine_of = {n: machine for machine in (1, 2) for n in timed(wire, machine, 40)}
    sides = wire.sides()
    # The builder numbers sides in order of time.
    flows = dict(sides.select("number", "flow_id").iter_rows())
    found = score(sides, OBSERVATIONS.empty())
    same = [machine_of[flows[link.a]] == machine_of[flows[link.b]] for link in found.links]
    assert len(same) > 65
    assert sum(same) / len(same) > 0.9
    assert all("counts with time" in link.reason for link in found.links)
    assert {found.regimes[link.a] for link in found.links} == {"per destination"}
    assert not found.counters


def test_random_identifications_of_look_ups_link_nothing() -> None:
    rng, wire = random.Random(4), Wire()
    for i in range(80):
        wire.call(
            3.0 * i,
            "192.0.2.53",
            proto=UDP,
            peer_port=53,
            port=40_000 + len(wire.rows),
            ids=[rng.randrange(65536)],
            times=[0.0],
        )
    assert scored(wire).links == []
