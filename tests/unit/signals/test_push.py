"""Connections that a machine keeps open to be called."""

from __future__ import annotations

from typing import Any

import pytest
from sides_builder import UDP, Wire

from wiretell.model.tables import OBSERVATIONS
from wiretell.signal import Hold
from wiretell.signals import push

LONG = [0.0, 60.0, 120.0]


def kept(wire: Wire) -> list[Hold]:
    return list(push.score(wire.sides(), OBSERVATIONS.empty()).holds)


def test_kept_connections_are_named_by_their_service() -> None:
    wire = Wire()
    wire.call(5.0, peer_port=5228, times=LONG, orig_bytes=300)
    wire.call(9.0, peer_port=5223, times=LONG, orig_bytes=300)
    google, apple = kept(wire)
    assert (google.side, google.kind) == (0, "Google's push service")
    assert (apple.side, apple.kind) == (1, "Apple's push service")
    assert apple.last_s - apple.first_s == pytest.approx(120.0)
    assert apple.first_s - google.first_s == pytest.approx(4.0)


@pytest.mark.parametrize(
    "other",
    [
        {"peer_port": 443},
        {"times": [0.0, 10.0]},  # only tried
        {"orig_bytes": 0},  # never used
        {"proto": UDP},
    ],
)
def test_other_connections_are_not(other: dict[str, Any]) -> None:
    wire = Wire()
    wire.call(5.0, **({"peer_port": 5228, "times": LONG, "orig_bytes": 300} | other))
    assert kept(wire) == []


def test_nothing_at_all() -> None:
    wire = Wire()
    wire.call(5.0)
    assert kept(wire) == []
