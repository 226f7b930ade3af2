"""Port counters: believed where ports really count up, and nowhere else."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from sides_builder import LINUX_SYN, UDP, WINDOWS_SYN, Wire

from wiretell.model.tables import OBSERVATIONS
from wiretell.signal import Link, Scores
from wiretell.signals.source_port import score

PEERS = [f"198.51.100.{i}" for i in range(1, 9)]


def scored(wire: Wire) -> Scores:
    return score(wire.sides(), OBSERVATIONS.empty())


def counters(found: Scores) -> list[Link]:
    return [link for link in found.links if "one socket" not in link.reason]


def dialled(ports: Iterable[int], *, every_s: float = 4.0, syn: str = WINDOWS_SYN) -> Wire:
    """Connections from these ports, to servers in turn."""
    wire = Wire()
    for i, port in enumerate(ports):
        wire.call(i * every_s, PEERS[i % len(PEERS)], port=port, syn=syn)
    return wire


def test_one_counter_for_all_destinations() -> None:
    found = scored(dialled(50_000 + i for i in range(30)))
    assert set(found.regimes.values()) == {"sequential"}
    assert [(link.a, link.b) for link in found.links] == [(i, i + 1) for i in range(29)]
    assert all(link.bits > 9.0 for link in found.links)
    (counter,) = found.counters
    assert counter.marks.keys() == set(range(30))


def test_gaps_are_connections_that_go_where_we_do_not_see() -> None:
    rng = random.Random(2)
    port, ports = 50_000, []
    for _ in range(40):
        port += rng.choice([1, 1, 1, 2, 2, 3, 5])
        ports.append(port)
    found = scored(dialled(ports))
    assert set(found.regimes.values()) == {"sequential"}
    assert len(found.links) >= 37
    ones = [link.bits for link in found.links if ports[link.b] - ports[link.a] == 1]
    fives = [link.bits for link in found.links if ports[link.b] - ports[link.a] == 5]
    assert min(ones) > max(fives)


def test_the_counter_goes_on_after_its_last_port() -> None:
    ports = [49_152 + (16_300 + 3 * i) % 16_384 for i in range(60)]
    found = scored(dialled(ports))
    (turn,) = [i for i in range(59) if ports[i + 1] < ports[i]]
    assert (turn, turn + 1) in {(link.a, link.b) for link in found.links}


@pytest.mark.parametrize("seed", range(4))
def test_two_counters_do_not_swap(seed: int) -> None:
    rng = random.Random(seed)
    counts = [50_000, 58_000]
    ports, owners = [], []
    for _ in range(60):
        owner = rng.randrange(2)
        counts[owner] += 1
        ports.append(counts[owner])
        owners.append(owner)
    found = scored(dialled(ports))
    assert len(found.links) >= 56
    assert all(owners[link.a] == owners[link.b] for link in found.links)


def test_a_counter_for_each_destination() -> None:
    """Linux before 4.2: a hash of the destination, plus a counter."""
    rng = random.Random(4)
    base = {peer: rng.randrange(32_768, 60_000) for peer in PEERS}
    wire, order = Wire(), []
    for i in range(48):
        peer = PEERS[i % 8]
        base[peer] += rng.choice([1, 2, 3])
        order.append(peer)
        wire.call(i * 5.0, peer, port=base[peer], syn=LINUX_SYN)
    found = scored(wire)
    assert set(found.regimes.values()) == {"per destination"}
    assert len(found.links) >= 36
    assert all(order[link.a] == order[link.b] for link in found.links)
    assert not found.counters


def test_steps_towards_one_destination_prove_no_counter_for_all() -> None:
    """Two destinations, each with a counter of its own."""
    wire = Wire()
    for i in range(40):
        port = (50_000, 55_000)[i % 2] + i // 2
        wire.call(i * 20.0, PEERS[i % 2], port=port, syn=LINUX_SYN)
    found = scored(wire)
    assert len(found.links) == 38
    assert not found.counters


def test_even_steps_towards_one_destination() -> None:
    """Linux from 5.12 on."""
    rng = random.Random(6)
    wire, goals = Wire(), []
    start_s = 0.0
    for peer in PEERS * 4:
        port = 2 * rng.randrange(16_384, 30_000)
        for _ in range(4):
            goals.append(peer)
            wire.call(start_s, peer, port=port, syn=LINUX_SYN)
            port += rng.choice([2, 2, 4, 4, 6])
            start_s += 0.4
        start_s += 15.0
    found = scored(wire)
    assert set(found.regimes.values()) == {"even, per destination"}
    assert len(found.links) >= 80
    assert all(goals[link.a] == goals[link.b] for link in found.links)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("low", [1024, 32_768, 49_152])
def test_random_ports_give_no_links(low: int, seed: int) -> None:
    """Whether the machine draws them or the NAT does, with many or few destinations."""
    rng = random.Random(seed)
    ports = [rng.randrange(low, 65_536) for _ in range(150)]
    found = scored(dialled(ports, every_s=0.5))
    assert counters(found) == []
    assert set(found.regimes.values()) == {"random"}


@pytest.mark.parametrize("seed", range(10))
def test_random_even_ports_give_no_links(seed: int) -> None:
    """Only half the ports are in use: what steps by accident is twice as much."""
    rng = random.Random(seed)
    found = scored(dialled((2 * rng.randrange(16_384, 32_768) for _ in range(150)), every_s=0.5))
    assert counters(found) == []
    assert set(found.regimes.values()) == {"random, even"}


def test_random_machines_do_not_spoil_a_counting_one() -> None:
    """Kinds of stack are read apart."""
    rng = random.Random(8)
    wire, count = Wire(), 50_000
    for i in range(80):
        if i % 2:
            count += 1
            wire.call(i * 3.0, PEERS[i % 8], port=count, syn=WINDOWS_SYN)
        else:
            port = rng.randrange(32_768, 61_000)
            wire.call(i * 3.0, PEERS[i % 8], port=port, syn=LINUX_SYN)
    found = scored(wire)
    assert {words for side, words in found.regimes.items() if side % 2} == {"sequential"}
    assert {words for side, words in found.regimes.items() if not side % 2} == {"random"}
    assert all(link.a % 2 and link.b % 2 for link in found.links)


def test_an_udp_socket_and_a_scanner_keep_their_port() -> None:
    wire = Wire()
    for i in range(4):
        wire.call(i * 1.0, PEERS[i], port=51_413, peer_port=6881 + i, proto=UDP)
    for i in range(4):
        wire.call(20.0 + i, PEERS[i], port=44_444, peer_port=22 + i)
    links = [link for link in scored(wire).links if "one socket" in link.reason]
    assert [(link.a, link.b) for link in links] == [(0, 1), (1, 2), (2, 3), (4, 5), (5, 6), (6, 7)]


def test_a_port_that_a_protocol_prescribes_is_no_socket() -> None:
    """Every machine asks for the time from port 123, and a router lets it."""
    wire = Wire()
    for i in range(4):
        wire.call(i * 1.0, PEERS[i], port=123, peer_port=123, proto=UDP)
    assert scored(wire).links == []


def test_a_port_used_again_for_another_server_is_no_socket() -> None:
    wire = Wire()
    wire.call(0.0, PEERS[0], port=50_000)
    wire.call(300.0, PEERS[1], port=50_000)
    assert scored(wire).links == []


def test_too_few_connections_are_unknown() -> None:
    found = scored(dialled([50_000, 50_001]))
    assert found.links == []
    assert set(found.regimes.values()) == {"unknown"}


def test_ranges_of_ports_are_handwriting() -> None:
    found = scored(dialled([80, 2000, 20_000, 40_000]))
    texts = [(label.side, label.text) for label in found.labels]
    assert texts == [(1, "below 10000"), (2, "below 32768"), (3, "above")]
    assert {label.kind for label in found.labels} == {rule.kind for rule in found.rules}


def test_nobody_opened_anything() -> None:
    found = scored(Wire())
    assert not (found.links or found.labels or found.counters or found.regimes)
