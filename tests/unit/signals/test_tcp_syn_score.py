"""What a SYN and a TTL say of the stack, and whose say is not the stack's."""

from __future__ import annotations

import pytest
from sides_builder import ICMP, LINUX_SYN, UDP, WINDOWS_SYN, Wire

from wiretell.model.tables import OBSERVATIONS
from wiretell.signals.tcp_syn import initial_ttl, parse, score


def labels(wire: Wire) -> dict[int, dict[str, str]]:
    """Side -> kind -> text."""
    found: dict[int, dict[str, str]] = {}
    for label in score(wire.sides(), OBSERVATIONS.empty()).labels:
        kinds = found.setdefault(label.side, {})
        assert label.kind not in kinds
        kinds[label.kind] = label.text
    return found


def test_a_signature_in_its_parts() -> None:
    signature = parse("4:118+10:0:1452:mss*44,8:mss,nop,ws,nop,nop,sok:df,id+:0")
    assert signature is not None
    assert (signature.initial_ttl, signature.hops) == (128, 10)
    assert (signature.mss, signature.window) == ("1452", "mss*44,8")
    assert signature.stack == "128:mss,nop,ws,nop,nop,sok"
    assert not signature.raw


@pytest.mark.parametrize(
    "text", ["", "4:64+0:0", "4:64:0:1460:5,7:mss:df:0", "4:x+1:0:*:5,7:mss:df:0", ":" * 7]
)
def test_what_is_no_signature(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("ttl", "initial"),
    [(1, 32), (32, 32), (33, 64), (64, 64), (65, 128), (128, 128), (129, 255), (255, 255)],
)
def test_initial_ttl(ttl: int, initial: int) -> None:
    assert initial_ttl(ttl) == initial


def test_labels_of_a_connection() -> None:
    wire = Wire()
    wire.call(0.0, syn=LINUX_SYN, ttl=63)
    wire.call(1.0, syn=WINDOWS_SYN, ttl=127)
    assert labels(wire) == {
        0: {
            "stack": "64:mss,sok,ts,nop,ws",
            "window": "64240,7",
            "mss": "1460",
            "initial ttl": "64",
            "hops": "64-1",
        },
        1: {
            "stack": "128:mss,nop,ws,nop,nop,sok",
            "window": "64240,8",
            "mss": "1460",
            "initial ttl": "128",
            "hops": "128-1",
        },
    }


def test_every_label_has_a_rule() -> None:
    wire = Wire()
    wire.call(0.0)
    found = score(wire.sides(), OBSERVATIONS.empty())
    assert {label.kind for label in found.labels} <= {rule.kind for rule in found.rules}


@pytest.mark.parametrize("syn", ["4:52+12:0:1460:1024,0:mss::0", "4:52+12:0:*:512,0::df,id+:0"])
def test_a_scanner_on_a_raw_socket_is_no_stack(syn: str) -> None:
    wire = Wire()
    wire.call(0.0, syn=syn, ttl=52)
    assert labels(wire) == {}


def test_a_traceroute_is_no_stack() -> None:
    wire = Wire()
    for ttl in range(1, 12):
        wire.call(float(ttl), proto=UDP, peer_port=33_434 + ttl, ttl=ttl)
    assert labels(wire) == {}


@pytest.mark.parametrize(
    ("peer", "peer_port"),
    [
        ("239.255.255.250", 1900),
        ("224.0.0.251", 5353),
        ("10.0.0.255", 137),
        ("ff02::fb", 5353),
        ("10.0.0.9", 5353),
        ("10.0.0.9", 67),
    ],
)
def test_programs_choose_the_ttl_of_discovery(peer: str, peer_port: int) -> None:
    wire = Wire()
    wire.call(0.0, peer, proto=UDP, peer_port=peer_port, ttl=255)
    assert labels(wire) == {}


def test_icmp_says_nothing_of_the_ttl() -> None:
    wire = Wire()
    wire.call(0.0, proto=ICMP, ttl=128)
    assert labels(wire) == {}


def test_a_reset_out_of_nowhere_says_nothing() -> None:
    """A firewall made it up, with a TTL of its own."""
    wire = Wire()
    wire.call(0.0, syn=None, ttl=226, times=[0.0], conn_state="RSTOS0", history="R")
    wire.call(1.0, syn=None, ttl=63)  # the middle of a connection does
    wire.call(2.0, syn=None, ttl=127, times=[0.0], history="Dar")  # so does its end: theirs reset
    assert labels(wire) == {
        1: {"initial ttl": "64", "hops": "64-1"},
        2: {"initial ttl": "128", "hops": "128-1"},
    }


def test_distances_drawn_at_random_are_no_distances() -> None:
    """Scanners draw the TTL too."""
    wire = Wire()
    for i, ttl in enumerate([40, 45, 50, 55, 58, 61, 63]):
        wire.call(
            float(i), syn=f"4:{ttl}+{64 - ttl}:0:1460:64240,7:mss,sok,ts,nop,ws:df:0", ttl=ttl
        )
    assert all("hops" not in kinds for kinds in labels(wire).values())


def test_a_router_inside_shows_as_another_distance() -> None:
    wire = Wire()
    wire.call(0.0, ttl=63)
    wire.call(1.0, ttl=62)
    assert [kinds["hops"] for kinds in labels(wire).values()] == ["64-1", "64-2"]
