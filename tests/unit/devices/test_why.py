"""Two flows: the answer is that of the report, and its bits add up."""

from __future__ import annotations

import itertools
import random

import polars as pl
import pytest
from sides_builder import CLIENT, UDP, WINDOWS_SYN, Wire, ticking

from wiretell.devices.balance import TOPICS, balance, of_two_groups
from wiretell.devices.engine import Judged, find_devices, judge_address
from wiretell.devices.explain import members_of
from wiretell.devices.rhythm import LEAST_BITS
from wiretell.devices.why import ALIKE, DIFFERENT, OPEN, SAME, why
from wiretell.model.tables import OBSERVATIONS
from wiretell.signal import Scores, Signal
from wiretell.signals import ALL

PEERS = [f"198.51.100.{i}" for i in range(1, 7)]


def line_of_machines() -> Wire:
    """Two clocks, a stack with a port counter, one with nothing, and a few look-ups."""
    rng = random.Random(5)
    wire = Wire()
    for i in range(20):
        clocks = (ticking(1000.0, 5e8, 30.0), ticking(1000.0, 9e8, -20.0))
        for k, clock in enumerate(clocks):
            wire.call(
                i * 12.0 + 3.0 * k,
                PEERS[i % 6],
                port=rng.randrange(32_768, 60_000),
                clock=clock,
                times=[0.0, 0.2, 1.0, 2.0, 4.0],
                delay=lambda _: rng.expovariate(200.0),
                ids=[0] * 5,
            )
        wire.call(i * 12.0 + 5.0, PEERS[i % 5], port=49_200 + i, syn=WINDOWS_SYN, ttl=127)
        if i % 4 == 0:
            port = rng.randrange(1024, 65_536)
            wire.call(i * 12.0 + 7.0, PEERS[0], port=port, peer_port=53, proto=UDP, ttl=63)
    return wire


@pytest.fixture(scope="module")
def wire() -> Wire:
    return line_of_machines()


@pytest.fixture(scope="module")
def judged(wire: Wire) -> Judged:
    return judge_address(CLIENT, wire.flows(), OBSERVATIONS.empty(), ALL)


def test_the_answer_is_that_of_the_report(wire: Wire, judged: Judged) -> None:
    found = find_devices(wire.flows(), OBSERVATIONS.empty(), ALL)
    own = found.members.filter(pl.col("address") == CLIENT)
    device = dict(own.select("flow_id", "device").iter_rows())
    kinds = set()
    for a, b in itertools.combinations(range(0, wire.flows().height, 3), 2):
        answer = why(judged, a, b)
        assert [flow.device for flow in answer.flows] == [device[a], device[b]]
        assert 0.0 <= answer.probability <= 1.0
        if device[a] is None or device[b] is None:
            assert answer.decision in (OPEN, SAME)
        elif device[a] == device[b]:
            assert answer.decision in (SAME, ALIKE)
        else:
            assert answer.decision == DIFFERENT
            assert answer.probability < 0.5
        kinds.add(answer.decision)
    assert {SAME, DIFFERENT} <= kinds


def test_the_bits_of_groups_are_those_of_the_engine(judged: Judged) -> None:
    partition = judged.judgement.partition
    assert len(partition.groups) > 2
    for (a, b), (bits, _) in partition.between.items():
        ours = balance("", of_two_groups(partition.groups, judged.evidence, a, b))
        assert ours.bits == pytest.approx(bits, abs=LEAST_BITS)


def test_merges_are_told_and_their_bits_add_up() -> None:
    """An offset for each connection: only rates and handwriting merge single flows."""
    rng = random.Random(9)
    wire = Wire()
    for i in range(12):
        wire.call(
            i * 40.0,
            PEERS[i % 6],
            port=rng.randrange(32_768, 60_000),
            clock=ticking(1000.0, rng.randrange(2**31), 30.0),
            times=[float(t) for t in range(0, 120, 2)],
            delay=lambda _: rng.expovariate(500.0),
            ids=[0] * 60,
        )
    judged = judge_address(CLIENT, wire.flows(), OBSERVATIONS.empty(), ALL)
    (once,) = judged.judgement.partition.history
    merges = once.merges
    assert len(merges) > 5
    for merge in merges:
        assert balance("", merge.arguments).bits == pytest.approx(merge.bits, abs=LEAST_BITS)
    last = merges[-1]
    answer = why(judged, once.parts[last.a][0], once.parts[last.b][0])  # sides are in flow order
    assert answer.decision in (SAME, ALIKE)
    assert answer.balances[1].bits == pytest.approx(last.bits)
    assert answer.balances[1].title.startswith("the merge that brought them together")
    assert any("their groups were merged at" in reason for reason in answer.reasons)


def test_one_clock_line_ties_two_flows(judged: Judged) -> None:
    answer = why(judged, 0, 10)  # the first clock, at 0 and 36 s
    assert answer.decision == SAME
    assert answer.probability > 0.99
    clocks = [line for line in answer.balances[0].lines if line.topic == "clocks"]
    assert any("both on one clock line" in line.reason for line in clocks)
    assert answer.more == ("nothing more is needed",)


def test_two_clock_lines_part_two_flows(judged: Judged) -> None:
    answer = why(judged, 0, 1)
    assert answer.decision == DIFFERENT
    assert answer.probability < 0.01
    assert any("one machine shows one" in line.reason for line in answer.balances[1].lines)


def test_a_chain_of_ports_is_told_link_by_link(judged: Judged) -> None:
    rows = judged.sides.filter(pl.col("ttl") == 127)["flow_id"].to_list()
    answer = why(judged, rows[0], rows[4])
    assert answer.decision == SAME
    assert len(answer.path) >= 2
    ends = [{step.flow_a, step.flow_b} for step in answer.path]
    assert rows[0] in ends[0]
    assert rows[4] in ends[-1]
    assert all(a & b for a, b in itertools.pairwise(ends))
    assert any("one chain of" in reason for reason in answer.reasons)


def test_a_flow_without_identity_is_weighed_against_machines(judged: Judged) -> None:
    look_up = judged.sides.filter(pl.col("proto") == UDP)["flow_id"].to_list()[1]
    answer = why(judged, look_up, 0)
    titles = [each.title for each in answer.balances]
    assert any(title.startswith(f"flow {look_up} and machine #") for title in titles)
    asked = {line.topic for each in answer.balances[1:] for line in each.lines}
    assert "activity" in asked
    assert any("has no identity of its own" in reason for reason in answer.reasons)


def test_every_topic_is_answered_for(judged: Judged) -> None:
    for a, b in ((0, 1), (0, 10), (2, 3), (0, 2)):
        answer = why(judged, a, b)
        told = {line.topic for line in answer.balances[0].lines}
        assert told | answer.silent.keys() == set(TOPICS)
        assert all(answer.silent.values())


def test_the_order_of_the_flows_does_not_matter(judged: Judged) -> None:
    for a, b in ((0, 1), (0, 10), (2, 3), (3, 1)):
        one, other = why(judged, a, b), why(judged, b, a)
        assert one.decision == other.decision
        assert one.probability == pytest.approx(other.probability)
        assert one.balances[0].bits == pytest.approx(other.balances[0].bits)


def test_devices_are_numbered_as_in_the_report(wire: Wire, judged: Judged) -> None:
    found = find_devices(wire.flows(), OBSERVATIONS.empty(), ALL)
    sizes = found.devices.filter(pl.col("address") == CLIENT)["n_flows"].to_list()
    assert [len(sides) for sides in members_of(judged.judgement).values()] == sizes


def test_alike_machines_are_no_certain_one() -> None:
    """Three push connections at once and ports at random: one row, perhaps several machines."""
    rng = random.Random(3)
    wire = Wire()
    for i in range(40):
        wire.call(i * 9.0, PEERS[i % 6], port=rng.randrange(1024, 65_536), syn=WINDOWS_SYN, ttl=127)
    judged = judge_address(CLIENT, wire.flows(), OBSERVATIONS.empty(), ALL)
    answer = why(judged, 3, 30)
    assert answer.decision == ALIKE
    assert answer.probability < 0.95
    assert any("alike" in reason for reason in answer.reasons)
    assert any("push connections" in words for words in answer.more)


def test_a_server_is_said_to_be_one(wire: Wire) -> None:
    judged = judge_address(PEERS[0], wire.flows(), OBSERVATIONS.empty(), ALL)
    a, b, *_ = judged.sides["flow_id"].to_list()
    answer = why(judged, a, b)
    assert (answer.role, answer.decision) == ("server", SAME)
    assert answer.reasons == (
        "this address only answers: one machine unless several clock lines answer",
    )


def test_two_flows_are_never_parted() -> None:
    wire = Wire()
    wire.call(0.0, ttl=63)
    wire.call(1.0, ttl=127, syn=WINDOWS_SYN)
    judged = judge_address(CLIENT, wire.flows(), OBSERVATIONS.empty(), ALL)
    answer = why(judged, 0, 1)
    assert answer.decision == SAME
    assert answer.balances[0].bits < 0.0


def test_an_address_or_a_flow_that_is_not_there(wire: Wire, judged: Judged) -> None:
    with pytest.raises(ValueError, match=r"flow 9999 has no end at 203\.0\.113\.7"):
        why(judged, 0, 9999)
    with pytest.raises(ValueError, match="sent nothing"):
        judge_address("192.0.2.99", wire.flows(), OBSERVATIONS.empty(), ALL)


def test_a_signal_that_fails_is_named(wire: Wire) -> None:
    def fails(sides: pl.DataFrame, observations: pl.DataFrame) -> Scores:
        raise ZeroDivisionError("one over none")

    signals = (Signal("broken", score=fails), *ALL)
    answer = why(judge_address(CLIENT, wire.flows(), OBSERVATIONS.empty(), signals), 0, 1)
    (note,) = answer.notes
    assert note == "signal broken failed and was left out: ZeroDivisionError: one over none"
    assert answer.decision == DIFFERENT
