"""Segments that no honest end would send now: forged, stale, or of a broken stack.

Each attack looks at the real state of both ends and makes one segment that claims to be from
`side`: numbers that are exact, in the window, just past an edge, or guessed.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from lab.oracle.endpoint import Endpoint
from lab.oracle.path import Conversation
from lab.oracle.segment import ACK, FIN, PSH, RST, SYN, URG, Segment

Attack = Callable[[random.Random, Endpoint, Endpoint], Segment]
_SPACE = 1 << 32


def _window(rng: random.Random) -> int:
    return rng.choice((0, 1, 512, 8192, 64_240, 65_535))


def _space(peer: Endpoint) -> int:
    """Bytes that the peer would take."""
    return max(2, peer.buffer - peer.unread)


def _near(rng: random.Random, edge: int) -> int:
    """A number at an edge or a few bytes or segments off it."""
    return edge + rng.choice((-1461, -2, -1, 0, 1, 2, 1461, 66_000, -66_000))


def rst_exact(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    return Segment(own.nxt, 0, RST)


def rst_expected(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    """At what the peer has acknowledged: exact to it, behind to an observer who saw more."""
    return Segment(peer.rcv_nxt, own.rcv_nxt, RST | ACK)


def rst_in_window(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    return Segment(own.nxt + rng.randrange(1, _space(peer)), 0, RST)


def rst_guessed(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    return Segment(rng.randrange(_SPACE), rng.randrange(_SPACE), RST | rng.choice((0, ACK)))


def rst_with_wrong_ack(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    return Segment(own.nxt, _near(rng, own.rcv_nxt), RST | ACK)


def fin_exact(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    return Segment(own.nxt, own.rcv_nxt, FIN | ACK, _window(rng))


def fin_in_window(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    return Segment(own.nxt + rng.randrange(1, _space(peer)), own.rcv_nxt, FIN | ACK, _window(rng))


def fin_guessed(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    return Segment(rng.randrange(_SPACE), rng.randrange(_SPACE), FIN | ACK, _window(rng))


def fin_repeated(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    at = own.fin if own.fin is not None else own.nxt - 1
    return Segment(at, own.rcv_nxt, FIN | ACK, _window(rng))


def ack_over(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    """It acknowledges what was never sent."""
    over = rng.choice((1, 2, 1460, 70_000, 10**6, 2**31 - 5))
    return Segment(own.nxt, peer.nxt + over, ACK, _window(rng))


def ack_under(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    """It acknowledges what was acknowledged long ago."""
    under = rng.choice((1, 1460, 65_535, 66_001, 70_000, 2**20, 2**30))
    return Segment(own.nxt, own.rcv_nxt - under, ACK, _window(rng))


def ack_guessed(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    return Segment(rng.randrange(_SPACE), rng.randrange(_SPACE), ACK, _window(rng))


def data_over(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    """Data at or past the right edge of the peer's window."""
    edge = peer.rcv_nxt + _space(peer)
    return Segment(
        _near(rng, edge), own.rcv_nxt, ACK | PSH, _window(rng), rng.choice((1, 100, 1460))
    )


def data_under(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    """Data from before the window: old, or a guess that fell below."""
    below = own.nxt - rng.choice((1, 1460, 65_535, 66_001, 10**6))
    return Segment(below, own.rcv_nxt, ACK, _window(rng), rng.choice((1, 100, 1460)))


def data_in_window(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    at = own.nxt + rng.randrange(_space(peer))
    return Segment(at, own.rcv_nxt, ACK | PSH, _window(rng), rng.choice((1, 100)))


def syn_in_window(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    return Segment(own.nxt + rng.randrange(_space(peer)), 0, SYN, 64_240, mss=1460)


def syn_guessed(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    return Segment(
        rng.randrange(_SPACE), 0, SYN, 64_240, mss=1460, wscale=rng.choice((None, 3, 14))
    )


def syn_repeated(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    """The opening SYN once more, long after."""
    return Segment(own.isn, 0, SYN, 64_240, mss=1460, wscale=own.habits.wscale)


def synack_forged(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    ack = rng.choice((peer.isn + 1, peer.isn, peer.nxt, rng.randrange(_SPACE)))
    return Segment(rng.choice((own.isn, rng.randrange(_SPACE))), ack, SYN | ACK, 64_240, mss=1460,
                   wscale=rng.choice((None, 2, 9, 15)))  # fmt: skip


def illegal_flags(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    flags = rng.choice((0, FIN, PSH, URG, SYN | FIN, SYN | RST, FIN | RST, FIN | PSH | URG,
                        SYN | FIN | RST | PSH | ACK | URG, FIN | RST | ACK, PSH | URG,
                        SYN | PSH, SYN | URG, SYN | ACK | PSH, 0x40 | ACK, 0xC0 | SYN,
                        RST | PSH, RST | ACK | PSH, FIN | ACK | URG))  # fmt: skip
    return Segment(own.nxt, own.rcv_nxt, flags, _window(rng))


def window_shrunk(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    """A pure ACK that takes the window back."""
    return Segment(own.nxt, own.rcv_nxt, ACK, rng.choice((0, 1, 2, 16)))


def sack_wild(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    """Selective acknowledgements of what was not sent, in no order."""
    near = [_near(rng, peer.nxt) for _ in range(rng.choice((2, 4, 6)))]
    blocks = tuple(zip(near[::2], near[1::2], strict=True))
    return Segment(own.nxt, own.rcv_nxt, ACK, _window(rng), sack=blocks)


def probe_below(rng: random.Random, own: Endpoint, peer: Endpoint) -> Segment:
    return Segment(own.nxt - 1, own.rcv_nxt, ACK, _window(rng), rng.choice((0, 1)))


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        rst_exact,
        rst_expected,
        rst_in_window,
        rst_guessed,
        rst_with_wrong_ack,
        fin_exact,
        fin_in_window,
        fin_guessed,
        fin_repeated,
        ack_over,
        ack_under,
        ack_guessed,
        data_over,
        data_under,
        data_in_window,
        syn_in_window,
        syn_guessed,
        syn_repeated,
        synack_forged,
        illegal_flags,
        window_shrunk,
        sack_wild,
        probe_below,
    )
}


def launch(conversation: Conversation, when: float, side: int, attack: Attack) -> None:
    """At a time, one forged segment of `side`."""

    def event(now: float) -> None:
        del now
        rng = conversation.simulation.rng
        own, peer = conversation.points[side], conversation.points[1 - side]
        conversation.inject(side, attack(rng, own, peer))

    conversation.simulation.at(when, event)
