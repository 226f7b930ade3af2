"""How fast a machine's clock really ran: measured on what it sent, to check what was set.

Packets can be late, never early, so every line of timestamps is bounded from above. All lines of
one machine have one slope: the linear program of Moon, Skelly and Towsley (INFOCOM 1999) with a
slope in common and an offset for each line. Its own solver and its own grouping: nothing here is
what the lab's captures are meant to test.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array

from lab.guests.offsets import GAP_TICKS, HZ
from lab.guests.pcap import Packet

MIN_PACKETS = 10
MIN_SPAN_S = 20.0
"""One millisecond of a timestamp is 50 ppm of this."""

STEP_S = 5.0
"""No packet is so late; a clock that is off by so much from one packet to the next has jumped."""

Line = NDArray[np.float64]
"""Shape (n, 2): seconds since the first packet, and ticks ahead of a clock of exactly `HZ`."""


def skew_ppm(packets: Iterable[Packet]) -> float | None:
    """The rate of one machine's timestamp clock against the capture's, in ppm, plus is fast.

    None where its lines are too few or too short to show one.
    """
    useful = [line for line in lines(packets) if len(line) >= MIN_PACKETS]
    useful = [line for line in useful if np.ptp(line[:, 0]) >= MIN_SPAN_S]
    slope = _common_slope(useful) if useful else None
    return None if slope is None else slope * 1e6 / HZ


def step_s(packets: Iterable[Packet]) -> float | None:
    """By how much a machine's clock jumped between two packets of one connection; None: it did not.

    A guest's timer counts to 43 seconds: one that is not run for so long has lost them.
    """
    last: dict[tuple[str, int, str, int], tuple[int, int]] = {}
    for packet in packets:
        if packet.tsval is None:
            continue
        connection = packet.src, packet.sport, packet.dst, packet.dport
        if connection in last and not packet.opens:
            time_ns, tsval = last[connection]
            ticks = (packet.tsval - tsval + 2**31) % 2**32 - 2**31
            step = ticks / HZ - (packet.time_ns - time_ns) / 1e9
            if abs(step) > STEP_S:
                return step
        last[connection] = packet.time_ns, packet.tsval
    return None


def lines(packets: Iterable[Packet]) -> list[Line]:
    """The timestamps sorted into lines: neighbours by offset, whatever connection they are of."""
    readings = [(p.time_ns, p.tsval) for p in packets if p.tsval is not None]
    if not readings:
        return []
    start_ns = min(time_ns for time_ns, _ in readings)
    times_s = np.array([(time_ns - start_ns) / 1e9 for time_ns, _ in readings])
    ahead = (np.array([tsval for _, tsval in readings]) - HZ * times_s) % 2**32
    order = np.argsort(ahead, kind="stable")
    # Begin at the widest gap, so that no line lies across the end of the 32 bits.
    gaps = np.diff(ahead[order], append=ahead[order[0]] + 2**32)
    first = (int(np.argmax(gaps)) + 1) % len(order)
    order = np.roll(order, -first)
    turned = (ahead[order] - ahead[order[0]]) % 2**32
    cuts = np.flatnonzero(np.diff(turned) > GAP_TICKS) + 1
    points = np.column_stack([times_s[order], turned])
    return [line - [0, line[0, 1]] for line in np.split(points, cuts)]


def _common_slope(useful: Sequence[Line]) -> float | None:
    """Ticks per second by which the bounds rise: all readings below, least total distance.

    Unknowns are the slope and each line's height; only corners of the upper hulls bind.
    """
    cost = [float(sum(line[:, 0].sum() for line in useful)), *(float(len(x)) for x in useful)]
    corners = [(k, time_s, ahead) for k, x in enumerate(useful) for time_s, ahead in _upper(x)]
    numbers = np.arange(len(corners))
    at = (np.tile(numbers, 2), np.array([0] * len(corners) + [k + 1 for k, _, _ in corners]))
    factors = np.array([-time_s for _, time_s, _ in corners] + [-1.0] * len(corners))
    # Any: linprog takes sparse matrices, its type stubs do not.
    above: Any = coo_array((factors, at), shape=(len(corners), len(cost))).tocsr()
    below = [-ahead for _, _, ahead in corners]
    solved = linprog(cost, A_ub=above, b_ub=below, bounds=(None, None))
    return None if solved.x is None else float(solved.x[0])  # None: the solver gave up


def _upper(line: Line) -> list[tuple[float, float]]:
    """The upper convex hull (Andrew's monotone chain), left to right."""
    hull: list[tuple[float, float]] = []
    for x, y in sorted(map(tuple, line.tolist())):
        while len(hull) > 1 and _turns_left(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    return hull


def _turns_left(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) >= (b[1] - a[1]) * (c[0] - a[0])
