"""What arguments rest on: distances, counters, bits, kinds of probes, port states."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.scans.zombie import Zombie
from lab.sim.packets import ACK, RST, SYN, TCP, Packet, frame
from wiretell.exporters.port_ranges import port_ranges
from wiretell.findings.scans import belief
from wiretell.findings.scans.belief import meaning, probability, reason, shares
from wiretell.findings.scans.distance import NMAP_HIGH, NMAP_LOW, Hops, apart, hops
from wiretell.findings.scans.finding import KINDS
from wiretell.findings.scans.kinds import kind_of_flags, kinds, state_of_port
from wiretell.findings.scans.machines import counter


@pytest.mark.parametrize(
    ("ttl", "routers"), [(64, 0), (61, 3), (128, 0), (255, 0), (241, 14), (30, 2)]
)
def test_a_steady_ttl_tells_the_distance(ttl: int, routers: int) -> None:
    assert hops([ttl] * 5) == Hops(routers, routers)


@given(st.integers(0, 12), st.lists(st.integers(NMAP_LOW, NMAP_HIGH), min_size=1, max_size=80))
def test_drawn_ttls_never_exclude_the_true_distance(routers: int, drawn: list[int]) -> None:
    ttls = [ttl - routers for ttl in drawn]
    found = hops(ttls)
    if max(ttls) - min(ttls) > 1:
        assert found is not None
        assert found.low <= routers <= found.high


def test_ttls_that_vary_otherwise_tell_nothing() -> None:
    assert hops([1, 2, 3, 40, 250]) is None
    assert hops([]) is None


def test_distances_are_apart_only_where_they_cannot_be_one() -> None:
    assert apart(Hops(2, 2), Hops(1, 1)) is True
    assert apart(Hops(2, 2), Hops(2, 2)) is False
    assert apart(Hops(0, 9), Hops(4, 4)) is None
    assert apart(None, Hops(4, 4)) is None


def test_a_counter_wraps_and_others_are_none() -> None:
    assert counter([65534, 65535, 0, 3]).counts
    assert counter([65534, 65535, 0, 3]).n_skipped == 1
    assert counter([7, 7, 8, 8, 9, 9]).counts  # captured at two places
    assert not counter([0, 0, 0]).counts
    assert counter([0, 0, 0]).constant == 0
    assert not counter([9, 40_000, 123, 50_000]).counts
    assert not counter([5, 6]).counts  # one step may be chance


def test_bits_become_probabilities() -> None:
    assert probability([]) == 0.5
    three = reason("decoys", "same_syn"), reason("decoys", "same_distance", own=1)
    assert probability(three) == pytest.approx(16 / 17)
    assert shares([0, 0]) == [0.5, 0.5]
    assert shares([1, 0]) == pytest.approx([2 / 3, 1 / 3])
    assert shares([1e9, -1e9])[1] > 0


def test_every_weight_is_a_number_with_a_sentence_and_every_kind_has_a_meaning() -> None:
    for about, topics in belief._weights().items():
        for topic, entry in topics.items():
            assert entry["says"], (about, topic)
            assert ("bits" in entry) != ("each" in entry and "cap" in entry), (about, topic)
    for kind in KINDS:
        assert meaning(kind).alternatives


def test_flags_have_one_name_each() -> None:
    flags = [flag for kind in kinds().values() for flag in kind.flags]
    assert len(flags) == len(set(flags)) == len(kind_of_flags())
    assert kind_of_flags()[0x29] == "xmas"


@pytest.mark.parametrize(
    ("kind", "answer", "state"),
    [
        ("syn", "synack", "open"),
        ("syn", "rst", "closed"),
        ("syn", None, "filtered"),
        ("syn", "unreachable", "filtered"),
        ("fin", None, "open_or_filtered"),
        ("fin", "rst", "closed"),
        ("ack", "rst", "unfiltered"),
        ("ack", None, "filtered"),
        ("udp", "port_unreachable", "closed"),
        ("udp", "unreachable", "filtered"),
        ("udp", "data", "open"),
        ("udp", None, "open_or_filtered"),
        ("ping", "data", "open"),
    ],
)
def test_what_an_answer_says_of_a_port(kind: str, answer: str | None, state: str) -> None:
    rows = pl.DataFrame(
        {"kind": [kind], "answer": [answer]}, schema_overrides={"answer": pl.String}
    )
    told = rows.select(state_of_port(pl.col("kind"), pl.col("answer")))
    assert told.item() == state


def test_ports_are_written_as_ranges() -> None:
    assert port_ranges([20, 21, 22, 80, 443, 444]) == "20-22, 80, 443-444"
    assert port_ranges([1, 3, 5], 2) == "1, 3, ..."
    assert port_ranges([]) == ""


MAC = bytes(range(6))
MACHINE = Zombie(MAC, 0xC0000209, 255, 65535)


def test_the_zombie_counts_for_all_and_answers_no_reset() -> None:
    asked = Packet(TCP, 0xC6336401, 1000, 0xC0000209, 80, 64, 1, True, flags=SYN | ACK, ack=77)
    reply, after = MACHINE.answer(frame(asked, bytes(6), MAC))
    assert reply is not None
    assert int.from_bytes(reply[18:20], "big") == 65535
    assert after.next_id == 0
    assert reply[47] == RST
    assert int.from_bytes(reply[38:42], "big") == 77
    reset = Packet(TCP, 0xC6336401, 1000, 0xC0000209, 80, 64, 1, True, flags=RST)
    assert MACHINE.answer(frame(reset, bytes(6), MAC)) == (None, MACHINE)


@given(st.binary(max_size=80))
def test_the_zombie_takes_any_bytes(data: bytes) -> None:
    _, after = MACHINE.answer(bytes(12) + data)
    assert after.next_id in (65535, 0)
