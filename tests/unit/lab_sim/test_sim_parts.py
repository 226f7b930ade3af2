"""The parts of the simulator, each alone."""

import itertools
import struct
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab_packets import decoded

from lab.sim.agreement import agree, offer
from lab.sim.loop import Loop
from lab.sim.packets import ACK, SYN, TCP, UDP, Packet, frame
from lab.sim.path import Hop
from lab.sim.poisson import poisson
from lab.sim.ports import port_source
from lab.sim.reassembly import Reassembly
from lab.sim.stacks import Ports, stack


def _packet(proto: int = TCP, payload: bytes = b"", **more: object) -> Packet:
    return Packet(proto, 1, 2, 3, 4, ttl=64, ip_id=5, df=True, payload=payload, **more)


@given(st.binary(max_size=200), st.sampled_from([TCP, UDP]), st.integers(0, 2**40))
def test_checksums_are_right_for_any_payload(payload: bytes, proto: int, seq: int):
    p = _packet(proto, payload, seq=seq, ack=seq, tsval=seq, options=("nop", "nop", "ts"))
    seen = decoded(0, frame(p, bytes(6), bytes(6)))
    assert seen.checksums_right
    assert seen.payload[: len(payload)] == payload
    if proto == TCP:
        assert (seen.seq, seen.tsval) == (seq % 2**32, seq % 2**32)


def test_a_sum_of_nought_is_sent_as_all_ones():
    """A UDP checksum of 0 would mean that there is none (RFC 768)."""
    for value in range(65536):
        p = _packet(UDP, struct.pack("!H", value))
        if frame(p, bytes(6), bytes(6))[40:42] == b"\xff\xff":
            return
    pytest.fail("no payload gave a sum of nought")


@given(st.permutations(range(12)), st.lists(st.integers(0, 11), max_size=6))
def test_any_order_of_segments_comes_out_whole(order: list[int], again: list[int]):
    heard = Reassembly()
    heard.nxt = 1000
    fresh = 0
    for i in [*order[:6], *again, *order[6:]]:
        fresh += heard.add(1000 + 10 * i, 10)
        block = heard.block()
        assert block is None or heard.nxt < block[0] < block[1] <= 1120
    assert (fresh, heard.nxt, heard.block()) == (120, 1120, None)


def test_block_is_the_run_received_last():
    heard = Reassembly()
    for seq in (10, 40, 20, 60):
        heard.add(seq, 10)
    heard.add(50, 5)
    assert heard.block() == (40, 55)
    heard.add(30, 10)
    assert heard.block() == (10, 55)


@pytest.mark.parametrize(("gap_ns", "least_ns"), [(10**5, 10**7), (5 * 10**7, 10**7)])
def test_a_hop_keeps_the_order_and_its_least_delay(gap_ns: int, least_ns: int):
    loop, arrived = Loop(), []
    hop = Hop(loop, Random(1), delay_s=0.01, jitter_s=0.005)

    def note(p: Packet) -> None:
        arrived.append((p.seq, loop.now_ns))

    for i in range(300):
        loop.at_ns(i * gap_ns, hop.send, _packet(seq=i), note)
    loop.run_until(10**11)
    assert [seq for seq, _ in arrived] == list(range(300))
    delays_ns = [at - seq * gap_ns for seq, at in arrived]
    assert min(delays_ns) >= least_ns
    if gap_ns > 10**7:  # no packet waits behind another: the mean jitter is the one asked for
        assert min(delays_ns) < least_ns + 200_000
        assert sum(delays_ns) / 300 == pytest.approx(15e6, rel=0.2)


def test_a_hop_loses_and_reorders_as_often_as_told():
    loop, arrived = Loop(), []
    hop = Hop(loop, Random(1), delay_s=0.01, jitter_s=0.0, loss=0.1, reordering=0.05)
    for i in range(4000):
        loop.at_ns(i * 10**6, hop.send, _packet(seq=i), lambda p: arrived.append(p.seq))
    loop.run_until(10**11)
    assert len(arrived) == pytest.approx(3600, abs=80)
    assert sum(b < a for a, b in itertools.pairwise(arrived)) > 100


@pytest.mark.parametrize("mean", [0.05, 3.0, 200.0])
def test_poisson_has_its_mean(mean: float):
    rng = Random(1)
    n = 4000
    got = sum(poisson(rng, mean) for _ in range(n)) / n
    assert got == pytest.approx(mean, abs=5 * (mean / n) ** 0.5)
    assert poisson(rng, 0.0) == 0


@pytest.mark.parametrize(
    "rule", ["sequential", "hash_plus_1", "hash_plus_2", "shuffle", "random", "random_even"]
)
def test_ports_stay_in_their_range_and_are_free(rule: str):
    draw = port_source(Ports(rule, 40_000, 40_063), b"secret", Random(2))
    used: set[int] = set()
    for i in range(30):
        port = draw(float(i), 7, 80, used)
        assert 40_000 <= port <= 40_063
        assert port not in used
        used.add(port)


def test_a_sequential_counter_wraps_into_its_range():
    rule = Ports("sequential", 1025, 5000, starts=(4999, 4999))
    draw = port_source(rule, b"", Random(1))
    assert [draw(0.0, 1, 80, {1026}) for _ in range(4)] == [4999, 5000, 1025, 1027]


def test_only_what_both_ends_offer_is_used():
    server, linux = stack("server-linux"), stack("linux-6.1").syn
    plain = _packet(flags=SYN, mss=1400, options=("mss",))
    got = agree(server, plain)
    assert (got.timestamps, got.sack, got.wscale, got.segment_bytes) == (False, False, 0, 1400)
    assert got.syn_options == ("mss",)
    full = _packet(flags=SYN | ACK, mss=1460, wscale=9, tsval=1, options=linux.options)
    got = agree(server, full)
    assert (got.timestamps, got.sack, got.wscale, got.peer_wscale) == (True, True, 7, 9)
    assert got.segment_bytes == 1448
    assert got.syn_options == server.syn.options
    assert not offer(stack("win10")).timestamps
