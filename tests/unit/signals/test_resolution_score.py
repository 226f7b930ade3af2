"""A name looked up, then its address called."""

from __future__ import annotations

import polars as pl
import pytest
from sides_builder import CLIENT, UDP, Wire, ns

from wiretell.model.tables import OBSERVATIONS
from wiretell.signal import Link
from wiretell.signals.resolution import BITS, WITHIN_S, score

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


def test_asked_then_called() -> None:
    wire = asked(1.0)
    wire.call(1.1, WEB)
    (link,) = links(wire, answered((0, 1.05, WEB)))
    assert (link.a, link.b, link.bits) == (0, 1, BITS)
    assert link.reason == f"asked for www.example.com, then called {WEB} after 0.05 s"


def test_the_first_of_two_calls_may_be_another_machines() -> None:
    wire = asked(1.0)
    wire.call(1.1, WEB)
    wire.call(1.2, WEB, port=40_001)
    (link,) = links(wire, answered((0, 1.05, WEB)))
    assert (link.a, link.b, link.bits) == (0, 1, BITS - 1.0)


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
    wire = asked(1.0, 1.5)
    wire.call(2.0, WEB)
    found = links(wire, answered((0, 1.05, WEB), (1, 1.55, WEB)))
    assert [(link.a, link.b, link.bits) for link in found] == [(0, 2, BITS - 2), (1, 2, BITS - 2)]
    crowd = asked(*(1.0 + i * 0.1 for i in range(16)))
    crowd.call(4.0, WEB)
    assert links(crowd, answered(*((i, 1.05 + i * 0.1, WEB) for i in range(16)))) == []


def test_an_answer_to_a_flow_that_is_not_here_is_left() -> None:
    wire = asked(1.0)
    wire.call(1.1, WEB)
    assert links(wire, answered((7, 1.05, WEB))) == []
    assert links(wire, OBSERVATIONS.empty()) == []
