"""Scenarios are many, distinct, the same every time, and what their ends send is honest."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from lab.oracle.attacks import ATTACKS, launch
from lab.oracle.datagrams import TCP, Ends, datagram
from lab.oracle.endpoint import Habits
from lab.oracle.path import Conversation, Leg, Simulation
from lab.oracle.plays import PLAYS
from lab.oracle.scenarios import FEWEST, MOST, Scenario, kinds, scenarios
from lab.oracle.segment import LINKTYPE_RAW, Segment, tcp_packet
from lab.superpose.frames import Frame

ENDS = Ends(bytes((10, 0, 0, 2)), bytes((192, 0, 2, 2)), TCP, 40_000, 80)


@pytest.fixture(scope="module")
def drawn() -> list[Scenario]:
    return list(scenarios(seed=7))


def test_there_are_at_least_three_hundred_distinct_ones(drawn: list[Scenario]) -> None:
    assert len({x.name for x in drawn}) == len(drawn) >= 300
    assert len({tuple(frame.data for frame in x.frames) for x in drawn}) == len(drawn)


def test_each_is_of_the_size_promised_and_in_time_order(drawn: list[Scenario]) -> None:
    for scenario in drawn:
        assert FEWEST <= len(scenario.frames) <= MOST, scenario.name
        times = [frame.time_ns for frame in scenario.frames]
        assert all(a <= b for a, b in pairwise(times)), scenario.name
        assert scenario.description


def test_every_kind_is_drawn_as_often_as_it_says(drawn: list[Scenario]) -> None:
    known = kinds()
    wanted = {x.name: x.draws for x in (*known.tcp, *known.noise, *known.other)}
    found = [x.name.rpartition("-")[0] for x in drawn]
    assert {name: found.count(name) for name in wanted} == wanted
    assert {attack for x in known.tcp for attack in x.attacks} == set(ATTACKS)
    assert {play for x in known.tcp for play in x.plays} == set(PLAYS)


def test_every_packet_is_one_that_a_kernel_takes(drawn: list[Scenario]) -> None:
    for scenario in drawn:
        for number, frame in enumerate(scenario.frames, 1):
            read = datagram(number, frame)
            assert read.data == frame.data, (scenario.name, number)
            assert not read.trouble, (scenario.name, number)


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(drawn: list[Scenario]) -> None:
    again = scenarios(seed=7)
    assert [next(again) for _ in range(25)] == drawn[:25]
    assert next(scenarios(seed=8)).frames != drawn[0].frames


def _transfer(seed: int, leg: Leg, n_bytes: int, habits: Habits) -> tuple[Conversation, Simulation]:
    simulation = Simulation(random.Random(seed), most=100_000)
    conversation = Conversation(simulation, ENDS, (habits, habits), (leg, leg), near_wrap=True)
    conversation.do(0.0, 0, lambda point, now: point.open(now))
    conversation.do(10.0, 0, lambda point, now: point.write(n_bytes, now))
    conversation.do(10.0, 1, lambda point, now: point.write(n_bytes, now))
    return conversation, simulation


@pytest.mark.parametrize("seed", range(12))
def test_ends_deliver_every_byte_over_a_bad_path_and_close(seed: int) -> None:
    rng = random.Random(seed)
    leg = Leg(loss=0.06, reorder=0.2, duplicate=0.1, jitter_s=0.003)
    habits = Habits(
        mss=rng.choice((536, 1460)),
        wscale=rng.choice((None, 0, 7)),
        sack=bool(seed % 2),
        buffer=rng.choice((4000, 65_535, 400_000)),
    )
    n_bytes = 60_000
    conversation, simulation = _transfer(seed, leg, n_bytes, habits)
    simulation.run(60.0)
    client, server = conversation.points
    assert (client.state, server.state) == ("established", "established")
    assert server.rcv_nxt - client.isn == n_bytes + 1
    assert client.rcv_nxt - server.isn == n_bytes + 1
    assert client.una == client.nxt and server.una == server.nxt
    conversation.do(61.0, 0, lambda point, now: point.close(now))
    conversation.do(61.5, 1, lambda point, now: point.close(now))
    simulation.run(200.0)
    assert (client.state, server.state) == ("closed", "listen")


def test_no_end_sends_past_the_window_it_was_given() -> None:
    habits = Habits(buffer=3000, wscale=None)
    conversation, simulation = _transfer(3, Leg(), 30_000, habits)
    simulation.run(60.0)
    right = [0, 0]
    for captured in simulation.captured:
        side = conversation.ends.index(captured.ends)
        segment = captured.segment
        if segment.flags & 16:
            right[1 - side] = max(right[1 - side], segment.ack + segment.window)
        if segment.length:
            assert segment.end <= right[side]
    assert conversation.points[1].rcv_nxt - conversation.points[0].isn == 30_001


def test_an_end_survives_a_guessed_reset_and_answers_a_near_one() -> None:
    conversation, simulation = _transfer(5, Leg(), 10, Habits())
    launch(conversation, 15.0, 0, ATTACKS["rst_guessed"])
    launch(conversation, 16.0, 0, ATTACKS["rst_in_window"])
    simulation.run(17.0)
    assert conversation.points[1].state == "established"
    *_, forged, challenge = (captured.segment for captured in simulation.captured)
    assert forged.flags == 4
    assert (challenge.flags, challenge.ack) == (16, conversation.points[0].nxt)
    launch(conversation, 18.0, 0, ATTACKS["rst_exact"])
    simulation.run(19.0)
    assert conversation.points[1].state == "listen"


def test_packets_have_right_checksums() -> None:
    for src in (bytes((10, 0, 0, 1)), bytes(range(16))):
        ends = Ends(src, bytes(reversed(src)), TCP, 1, 2)
        packet = tcp_packet(ends, Segment(2**32 + 5, 7, 16, 9, 11, mss=1460, stamps=(1, 2)))
        head = 40 if len(src) == 16 else 20
        pseudo = (
            ends.src + ends.dst + (6).to_bytes(2, "big") + len(packet[head:]).to_bytes(2, "big")
        )
        total = int.from_bytes(pseudo + packet[head:] + bytes(len(packet[head:]) % 2), "big")
        assert total % 0xFFFF == 0
        assert packet[head + 4 : head + 8] == (5).to_bytes(4, "big")
        assert datagram(1, Frame(0, packet, len(packet), LINKTYPE_RAW)).ends == ends
