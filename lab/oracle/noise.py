"""TCP segments that no machine sent: random, but close enough to one another to matter.

Numbers are drawn around those seen before, so that a tracker's bounds are met from both sides.
"""

from __future__ import annotations

import random

from lab.oracle.datagrams import Ends
from lab.oracle.segment import ACK, FIN, PSH, RST, SYN, Segment, reverse, tcp_packet

_FLAGS = (SYN, SYN | ACK, ACK, ACK, ACK, ACK, PSH | ACK, FIN | ACK, RST, RST | ACK)
_STEPS = (0, 0, 0, 0, 1, -1, 2, 100, -100, 1460, -1460, 65_535, -65_535, 66_001, -66_001, 10**6)
_LENGTHS = (0, 0, 0, 1, 100, 1460)
_WINDOWS = (0, 1, 100, 1000, 5840, 65_535)
_SPACE = 1 << 32


def noise(rng: random.Random, pairs: list[Ends], n_packets: int) -> list[tuple[float, bytes]]:
    """(seconds, packet) of random segments of each pair of ends."""
    out: list[tuple[float, bytes]] = []
    now = 0.0
    # What either side of a pair would send next, as far as the segments so far make sense.
    nxt = {pair: [rng.randrange(_SPACE), rng.randrange(_SPACE)] for pair in pairs}
    scripts: dict[Ends, list[tuple[int, int]]] = {
        # Half of the pairs begin with a handshake, so that what follows has bounds to meet.
        pair: [(0, SYN), (1, SYN | ACK), (0, ACK)] if rng.random() < 0.5 else []
        for pair in pairs
    }
    for _ in range(n_packets):
        pair = rng.choice(pairs)
        scripted = bool(scripts[pair])
        side, flags = scripts[pair].pop(0) if scripted else (rng.randrange(2), rng.choice(_FLAGS))
        step = 0 if scripted else rng.choice(_STEPS)
        back = 0 if scripted else rng.choice(_STEPS)
        length = 0 if flags & SYN else rng.choice(_LENGTHS)
        blocks: tuple[tuple[int, int], ...] = ()
        if flags & ACK and not flags & SYN and rng.random() < 0.1:
            left = nxt[pair][1 - side] + rng.choice(_STEPS)
            blocks = ((left, left + rng.choice((1, 1460, -10))),)
        segment = Segment(
            nxt[pair][side] + step,
            nxt[pair][1 - side] + back if flags & ACK or rng.random() < 0.2 else 0,
            flags,
            rng.choice(_WINDOWS),
            length,
            mss=1460 if flags & SYN else None,
            wscale=rng.choice((None, 0, 2, 7, 14)) if flags & SYN else None,
            sack_permitted=bool(flags & SYN) and rng.random() < 0.5,
            sack=blocks,
        )
        if step >= 0 and rng.random() < 0.8:
            nxt[pair][side] = segment.end
        now += rng.choice((0.001, 0.01, 0.1)) if rng.random() < 0.97 else rng.choice((15, 45, 90))
        out.append((now, tcp_packet(pair if side == 0 else reverse(pair), segment)))
    return out
