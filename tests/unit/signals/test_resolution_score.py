"""A name looked up, then its address called."""

from __future__ import annotations

import polars as pl
import pytest
from sides_builder import CLIENT, UDP, Wire, ns

from wiretell.model.tables import OBSERVATIONS
from wiretell.signal import Link
from wiretell.signals.resolution import MOST_BITS, NEAREST, WITHIN_S, score

WEB = "198.51.100.80"


def answered(*answers: tuple[int, float, str]) -> pl.DataFrame:
    """Answers of (flow_id, time in s, address)."""
    return OBSERVATIONS.frame(
        [
            {
                "signal": "names",
                "address": CLIENT,
                "flow_id": flow,
                "side": 0,
                "quantity": "dns_answer",
                "text": f"www.example.com {address}",
                "time_ns": ns(time_s),
            }
            for flow, time_s, address in answers
        ]
    )


def asked(*times: float) -> Wire:
    """Look-ups at these times, from ports of their own."""
    wire = Wire()
    for i, time_s in enumerate(times):
        wire.call(time_s, "192.0.2.53", port=5000 + i, peer_port=53, proto=UDP, times=[0.0])
    return wire


def links(wire: Wire, answers: pl.DataFrame) -> list[Link]:
    return list(score(wire.sides(), answers).links)


def bits_of(wire: Wire, answers: pl.DataFrame) -> float:
    (link,) = links(wire, answers)
    return link.bits


def one_call(wait_s: float, *others_s: float) -> float:
    """Bits of a call so long after the answer; others call the same address at `others_s`."""
    wire = asked(1.0)
    wire.call(1.05 + wait_s, WEB)
    for i, time_s in enumerate((*others_s, 70.0)):
        wire.call(time_s, WEB, port=41_000 + i)
    return bits_of(wire, answered((0, 1.05, WEB)))


def test_asked_then_called() -> None:
    wire = asked(1.0)
    wire.call(1.1, WEB)
    (link,) = links(wire, answered((0, 1.05, WEB)))
    assert (link.a, link.b) == (0, 1)
    assert 6.0 < link.bits <= MOST_BITS
    assert link.reason == f"asked for www.example.com, then called {WEB} after 0.05 s"


def test_the_sooner_the_surer() -> None:
    soon, later, late = one_call(0.005), one_call(0.5), one_call(1.5)
    assert soon == MOST_BITS
    assert soon > later + 2.0 > late + 4.0


def test_an_address_that_is_called_all_the_time_tells_less() -> None:
    often = [10.0 + i * 0.5 for i in range(100)]
    assert one_call(0.05) > one_call(0.05, *often) + 1.0 > 1.0


def test_the_first_of_two_calls_may_be_another_machines() -> None:
    alone = one_call(0.02)
    assert alone > one_call(0.02, 5.0) > alone - 0.1
    assert one_call(0.02, 1.0701) == pytest.approx(alone - 1.0, abs=0.05)


def test_who_calls_at_once_is_believed_though_others_asked_seconds_ago() -> None:
    wire = asked(1.0, 4.0)
    wire.call(4.07, WEB)
    found = links(wire, answered((0, 1.05, WEB), (1, 4.05, WEB)))
    assert [(link.a, link.b) for link in found] == [(1, 2)]
    assert found[0].bits > MOST_BITS - 0.1


def test_waits_are_learnt_from_the_look_ups_of_the_address() -> None:
    def last_bits(wait_s: float) -> float:
        """Of a call 0.4 s after its answer, where 30 others waited so long."""
        starts = [*(20.0 * i for i in range(30)), 900.0]
        wire = asked(*starts)
        waits = [*([wait_s] * 30), 0.4]
        peers = [f"198.51.100.{i}" for i in range(31)]
        for start_s, wait, peer in zip(starts, waits, peers, strict=True):
            wire.call(start_s + wait, peer)
        told = answered(*((i, starts[i], peer) for i, peer in enumerate(peers)))
        return links(wire, told)[-1].bits

    assert last_bits(0.4) > last_bits(0.002) + 1.0


def test_of_several_addresses_the_first_is_called() -> None:
    other = "198.51.100.90"

    def bits(*addresses: str) -> float:
        wire = asked(1.0)
        wire.call(1.45, WEB)
        wire.call(70.0, WEB)
        return bits_of(wire, answered(*((0, 1.05, address) for address in addresses)))

    assert bits(WEB) > bits(WEB, other) > bits(other, WEB) + 2.0


def test_many_calls_and_askers_cost_little_and_tell_nothing() -> None:
    wire = asked(1.0)
    for i in range(20 * NEAREST):
        wire.call(1.051 + i * 1e-5, WEB, port=20_000 + i)
    assert links(wire, answered((0, 1.05, WEB))) == []


@pytest.mark.parametrize("call_s", [0.5, 1.05 + WITHIN_S + 0.01])
def test_called_before_or_much_later(call_s: float) -> None:
    wire = asked(1.0)
    wire.call(call_s, WEB)
    assert links(wire, answered((0, 1.05, WEB))) == []


def test_another_address_was_called() -> None:
    wire = asked(1.0)
    wire.call(1.1, "198.51.100.81")
    assert links(wire, answered((0, 1.05, WEB))) == []


def test_several_who_asked_share_the_doubt() -> None:
    alone = asked(1.0)
    alone.call(1.1, WEB)
    wire = asked(1.0, 1.001)
    wire.call(1.1, WEB)
    found = links(wire, answered((0, 1.05, WEB), (1, 1.05, WEB)))
    assert [(link.a, link.b) for link in found] == [(0, 2), (1, 2)]
    sure = bits_of(alone, answered((0, 1.05, WEB)))
    assert found[0].bits == found[1].bits < sure - 1.5
    crowd = asked(*(1.0 + i * 1e-4 for i in range(64)))
    crowd.call(1.1, WEB)
    assert links(crowd, answered(*((i, 1.05, WEB) for i in range(64)))) == []


def test_an_answer_to_a_flow_that_is_not_here_is_left() -> None:
    wire = asked(1.0)
    wire.call(1.1, WEB)
    assert links(wire, answered((7, 1.05, WEB))) == []
    assert links(wire, OBSERVATIONS.empty()) == []
