"""What two applications do with a connection, from its opening to its end, or to none.

A play schedules acts of both ends from a start on, and says when it is about over.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from lab.oracle.endpoint import Endpoint
from lab.oracle.path import Conversation
from lab.oracle.segment import ACK, SYN, Segment

Play = Callable[[random.Random, Conversation, float], float]
CLIENT, SERVER = 0, 1


def _open(point: Endpoint, now: float) -> None:
    point.open(now)


def _close(point: Endpoint, now: float) -> None:
    point.close(now)


def _abort(point: Endpoint, now: float) -> None:
    point.abort(now)


def _forget(point: Endpoint, now: float) -> None:
    del now
    point.forget()


def _stop(point: Endpoint, now: float) -> None:
    del now
    point.stop_reading()


def _read(point: Endpoint, now: float) -> None:
    point.read(now)


def _open_with(isn: int) -> Callable[[Endpoint, float], None]:
    return lambda point, now: point.open(now, isn)


def _write(n_bytes: int, *, urgent: bool = False) -> Callable[[Endpoint, float], None]:
    return lambda point, now: point.write(n_bytes, now, urgent=urgent)


def _shrink(n_bytes: int) -> Callable[[Endpoint, float], None]:
    return lambda point, now: point.shrink(n_bytes, now)


def _exchange(rng: random.Random, conversation: Conversation, at: float) -> float:
    """Requests and answers; when the last is sent."""
    conversation.do(at, CLIENT, _open)
    at += 0.1
    for _ in range(rng.randint(1, 4)):
        conversation.do(at, CLIENT, _write(rng.randint(1, 3000)))
        at += rng.uniform(0.05, 0.3)
        conversation.do(at, SERVER, _write(rng.choice((20, 500, 4000, 20_000, 40_000))))
        at += rng.uniform(0.2, 0.8)
    return at


def transfer(rng: random.Random, conversation: Conversation, at: float) -> float:
    """Requests, answers, and a close by either or by both at once."""
    at = _exchange(rng, conversation, at)
    first = rng.choice((CLIENT, SERVER))
    conversation.do(at, first, _close)
    gap = rng.choice((0.0, 0.001, 0.05, 0.5))
    conversation.do(at + gap, 1 - first, _close)
    return at + gap + 0.5


def half_closed(rng: random.Random, conversation: Conversation, at: float) -> float:
    """One end is done and the other goes on sending."""
    at = _exchange(rng, conversation, at)
    first = rng.choice((CLIENT, SERVER))
    conversation.do(at, first, _close)
    for _ in range(rng.randint(1, 3)):
        at += rng.uniform(0.2, 0.6)
        conversation.do(at, 1 - first, _write(rng.choice((10, 3000, 9000))))
    conversation.do(at + 0.6, 1 - first, _close)
    return at + 1.2


def reset(rng: random.Random, conversation: Conversation, at: float) -> float:
    """An end aborts at some moment: in the handshake, amid data, while closing."""
    until = _exchange(rng, conversation, at)
    conversation.do(until, rng.choice((CLIENT, SERVER)), _close)
    when = rng.choice((at + rng.uniform(0.0, 0.06), rng.uniform(at, until), until + 0.02))
    conversation.do(when, rng.choice((CLIENT, SERVER)), _abort)
    conversation.do(until + 0.3, rng.choice((CLIENT, SERVER)), _close)
    return until + 0.8


def refused(rng: random.Random, conversation: Conversation, at: float) -> float:
    """Nobody listens: RST to the SYN, and again to the next."""
    conversation.points[SERVER].listens = False
    conversation.points[SERVER].state = "closed"
    for _ in range(rng.randint(1, 4)):
        conversation.do(at, CLIENT, _open)
        at += rng.uniform(0.3, 2.0)
    return at


def unanswered(rng: random.Random, conversation: Conversation, at: float) -> float:
    """SYNs into nothing."""
    conversation.behind = lambda side, segment: None if side == CLIENT else segment
    conversation.do(at, CLIENT, _open)
    return at + 20.0


def opened_by_both(rng: random.Random, conversation: Conversation, at: float) -> float:
    """Simultaneous open (RFC 9293 3.5): two SYNs cross."""
    conversation.points[SERVER].listens = False
    conversation.points[SERVER].state = "closed"
    conversation.do(at, CLIENT, _open)
    conversation.do(at + rng.choice((0.0, 0.002, 0.01, 0.015)), SERVER, _open)
    at += rng.uniform(0.2, 0.6)
    for _ in range(rng.randint(1, 3)):
        conversation.do(at, rng.choice((CLIENT, SERVER)), _write(rng.randint(1, 9000)))
        at += 0.3
    conversation.do(at, CLIENT, _close)
    conversation.do(at + rng.choice((0.0, 0.3)), SERVER, _close)
    return at + 1.0


def stalled(rng: random.Random, conversation: Conversation, at: float) -> float:
    """The reader stops: a window of nought, probes, and then more."""
    conversation.do(at, CLIENT, _open)
    at += 0.1
    reader = rng.choice((CLIENT, SERVER))
    conversation.do(at, reader, _stop)
    conversation.do(at + 0.05, 1 - reader, _write(rng.choice((30_000, 80_000))))
    at += rng.uniform(2.0, 9.0)
    conversation.do(at, reader, _read)
    conversation.do(at + 0.5, reader, _write(400))
    conversation.do(at + 2.0, 1 - reader, _close)
    conversation.do(at + 2.2, reader, _close)
    return at + 3.0


def shrinking(rng: random.Random, conversation: Conversation, at: float) -> float:
    """A reader takes back the window that it has offered, amid a transfer."""
    conversation.do(at, CLIENT, _open)
    at += 0.1
    reader = rng.choice((CLIENT, SERVER))
    conversation.do(at, 1 - reader, _write(60_000))
    for _ in range(rng.randint(1, 4)):
        at += rng.uniform(0.01, 0.1)
        conversation.do(at, reader, _shrink(rng.choice((1000, 20_000, 60_000))))
    at += 1.0
    conversation.do(at, reader, _shrink(-60_000))
    conversation.do(at + 2.0, 1 - reader, _close)
    conversation.do(at + 2.2, reader, _close)
    return at + 3.0


def kept_alive(rng: random.Random, conversation: Conversation, at: float) -> float:
    """Idle, with probes, sometimes for longer than any timer but that of the table."""
    at = _exchange(rng, conversation, at)
    with_byte = rng.random() < 0.5
    for _ in range(rng.randint(2, 6)):
        at += rng.choice((1.5, 7.0, 45.0, 75.0, 7200.0))
        side = rng.choice((CLIENT, SERVER))
        conversation.do(at, side, lambda point, now: point.keep_alive(now, with_byte=with_byte))
    conversation.do(at + 1.0, CLIENT, _write(700))
    conversation.do(at + 2.0, CLIENT, _close)
    conversation.do(at + 2.1, SERVER, _close)
    return at + 3.0


def urgent(rng: random.Random, conversation: Conversation, at: float) -> float:
    """Data with an urgent pointer, both ways."""
    conversation.do(at, CLIENT, _open)
    at += 0.1
    for _ in range(rng.randint(2, 6)):
        side = rng.choice((CLIENT, SERVER))
        conversation.do(at, side, _write(rng.choice((1, 80, 2000)), urgent=rng.random() < 0.6))
        at += 0.2
    conversation.do(at, CLIENT, _close)
    conversation.do(at + 0.1, SERVER, _close)
    return at + 0.6


def half_open(rng: random.Random, conversation: Conversation, at: float) -> float:
    """An end loses its memory; the other finds out by a RST, or by an acknowledged SYN."""
    at = _exchange(rng, conversation, at)
    loser = rng.choice((CLIENT, SERVER))
    conversation.do(at, loser, _forget)
    if loser == CLIENT and rng.random() < 0.7:
        # The same port again: the server answers the SYN with what it still believes.
        conversation.do(at + 0.3, CLIENT, lambda point, now: point.open(now, point.isn + 700_001))
        conversation.do(at + 3.0, CLIENT, _write(500))
        conversation.do(at + 4.0, CLIENT, _close)
    else:
        conversation.do(at + 0.4, 1 - loser, _write(900))
        conversation.do(at + 2.0, 1 - loser, _close)
    return at + 5.0


def reused(rng: random.Random, conversation: Conversation, at: float) -> float:
    """The same ports again and again: amid closing, in TIME_WAIT, after it."""
    isn = conversation.points[CLIENT].isn
    for _ in range(rng.randint(2, 4)):
        conversation.do(at, CLIENT, _open_with(isn))
        conversation.do(at + 0.1, CLIENT, _write(rng.randint(1, 2000)))
        conversation.do(at + 0.3, SERVER, _write(rng.randint(1, 5000)))
        first = rng.choice((CLIENT, SERVER))
        conversation.do(at + 0.6, first, _close)
        conversation.do(at + 0.7, 1 - first, _close)
        if rng.random() < 0.3:
            conversation.do(at + 0.75, first, _abort)
        at += rng.choice((0.72, 0.8, 1.0, 5.0, 20.0, 62.0, 135.0))
        isn += rng.choice((1, 5000, 10**6, 2**30, -(10**6), 2**31 + 9))
        conversation.do(at - 0.001, CLIENT, _forget)
    return at + 1.0


def silent(rng: random.Random, conversation: Conversation, at: float) -> float:
    """Silences around the table's timeouts, in every state that a connection can rest in."""
    rest = rng.choice((15.0, 45.0, 90.0, 150.0, 330.0, 4000.0))
    which = rng.randrange(5)
    at = _exchange(rng, conversation, at)
    if which == 1:  # what was sent last is never acknowledged
        conversation.do(at, CLIENT, lambda point, now: _mute(conversation))
        conversation.do(at + 0.1, CLIENT, _write(600))
    elif which == 2:
        conversation.do(at, CLIENT, _close)
    elif which == 3:
        conversation.do(at, SERVER, _close)
        conversation.do(at + 0.2, CLIENT, _close)
    elif which == 4:
        conversation.do(at, rng.choice((CLIENT, SERVER)), _abort)
    for side in (rng.choice((CLIENT, SERVER)), rng.choice((CLIENT, SERVER))):
        at += rest
        conversation.do(at, side, lambda point, now: _speak_again(conversation, point))
        conversation.do(at + 0.5, 1 - side, _write(300))
    conversation.do(at + 1.0, CLIENT, _close)
    return at + 2.0


def _mute(conversation: Conversation) -> None:
    conversation.behind = lambda side, segment: None


def _speak_again(conversation: Conversation, point: Endpoint) -> None:
    conversation.behind = lambda side, segment: segment
    point.out.append(Segment(point.nxt, point.rcv_nxt, ACK, 1000, 50))


def _changes_scale(side: int, flags: int, value: int | None) -> Callable[[int, Segment], Segment]:
    def rewrite(sender: int, segment: Segment) -> Segment:
        if sender == side and segment.flags & (SYN | ACK) == flags:
            return replace(segment, wscale=value)
        return segment

    return rewrite


def scale_lost(rng: random.Random, conversation: Conversation, at: float) -> float:
    """A middlebox takes the scale option from a SYN or a SYN/ACK, or changes it, on one leg."""
    side = rng.choice((CLIENT, SERVER))
    value = rng.choice((None, None, None, 0, 2, 14, 15, 255))
    rewrite = _changes_scale(side, SYN if side == CLIENT else SYN | ACK, value)
    if rng.random() < 0.5:
        conversation.before = rewrite
    else:
        conversation.behind = rewrite
    return transfer(rng, conversation, at)


PLAYS: dict[str, Play] = {
    play.__name__: play
    for play in (
        transfer,
        half_closed,
        reset,
        refused,
        unanswered,
        opened_by_both,
        stalled,
        shrinking,
        kept_alive,
        urgent,
        half_open,
        reused,
        silent,
        scale_lost,
    )
}
