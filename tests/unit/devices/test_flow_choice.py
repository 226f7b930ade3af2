"""Which flow is meant, and where two of them meet."""

from __future__ import annotations

import pytest
from sides_builder import CLIENT, Wire

from wiretell.devices.flow_choice import address_of_both, choose_flow

PEER, OTHER = "198.51.100.1", "2001:db8::1"


@pytest.fixture
def wire() -> Wire:
    """Flows 0 and 1 from one port, 2 to an IPv6 peer, 3 from another client to the first peer."""
    wire = Wire()
    wire.call(0.0, PEER, port=4000)
    wire.call(9.0, PEER, port=4000)
    wire.call(2.0, OTHER, port=4001)
    Wire("203.0.113.9", rows=wire.rows).call(3.0, PEER, port=4000)
    return wire


@pytest.mark.parametrize(
    ("text", "flow_id", "n_fitting"),
    [
        ("2", 2, 1),
        (" 0 ", 0, 1),
        (f"{CLIENT}:4000", 0, 2),
        ("203.0.113.9:4000", 3, 1),
        (f"{PEER}:443", 0, 3),
        (f"[{OTHER}]:443", 2, 1),
        (f"{OTHER}:443", 2, 1),
        ("[2001:DB8:0::1]:443", 2, 1),
        (f"{CLIENT}:4001>{OTHER}:443", 2, 1),
        (f"{PEER}:443 > 203.0.113.9:4000", 3, 1),
    ],
)
def test_the_first_flow_that_fits(wire: Wire, text: str, flow_id: int, n_fitting: int) -> None:
    choice = choose_flow(wire.flows(), text)
    assert (choice.flow_id, choice.n_fitting) == (flow_id, n_fitting)


@pytest.mark.parametrize("text", ["99", "9" * 40, f"{CLIENT}:1", f"{CLIENT}:4000>{OTHER}:443"])
def test_a_flow_that_is_not_there(wire: Wire, text: str) -> None:
    with pytest.raises(ValueError, match="no flow"):
        choose_flow(wire.flows(), text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "-1",
        "1.5",
        CLIENT,
        f"{CLIENT}:",
        f"{CLIENT}:65536",
        f"{CLIENT}:٤",
        "a>b>c",
        ">",
        "²",
    ],
)
def test_no_form_of_a_flow(wire: Wire, text: str) -> None:
    with pytest.raises(ValueError, match="give a flow_id"):
        choose_flow(wire.flows(), text)


def test_the_common_address(wire: Wire) -> None:
    first, second, third, stranger = (choose_flow(wire.flows(), str(n)) for n in range(4))
    assert address_of_both(first, third) == CLIENT
    assert address_of_both(first, second, PEER) == PEER
    assert address_of_both(first, stranger, PEER) == PEER
    with pytest.raises(ValueError, match="one and the same flow, 0"):
        address_of_both(first, choose_flow(wire.flows(), f"{CLIENT}:4000"))
    with pytest.raises(ValueError, match=f"Both end at {PEER}: --address {PEER}"):
        address_of_both(first, stranger)
    with pytest.raises(ValueError, match=r"behind one address only$"):
        address_of_both(third, stranger)
    with pytest.raises(ValueError, match=f"{PEER} is no end of flow 2"):
        address_of_both(first, third, PEER)
