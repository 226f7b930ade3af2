"""Clock lines of one window that go on in another, next to it or far away.

Two clocks that are read as 32-bit numbers meet by chance within a second once in two million at
1000 Hz. So where a line of one window lies on a line of another (towards the same destination, if
its offset is common to that only), they are one machine's, however long it was silent between.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wiretell.devices.windows import View
from wiretell.signal import Clock

MODULUS = 2**32
SLACK_S = 0.5
"""Delay of the first packet of a line."""
MOST_TOGETHER = 1_000
"""Where more clocks than this lie close together, they meet by chance, and nothing is said."""
LEAST_PPM, MOST_PPM = 1.0, 100.0
"""How far a line may leave the rate that was measured, for each second between."""


@dataclass(frozen=True)
class Reading:
    """A clock of group `group` of window `window`; `side` is where it was first read."""

    window: int
    group: int
    side: int
    clock: Clock


def continued(views: Sequence[View]) -> list[tuple[Reading, Reading]]:
    """Pairs of readings of one clock: each with the next one in another window.

    Of two clocks of single flows nothing is said: those of very many flows meet by chance.
    """
    found: list[tuple[Reading, Reading]] = []
    for readings in _by_kind(views).values():
        for cluster in _clusters(readings):
            if len(cluster) > MOST_TOGETHER:
                continue
            cluster.sort(key=lambda x: (x.window, x.clock.first_s, x.side))
            windows = [x.window for x in cluster]
            for one in cluster:
                begin = bisect_right(windows, one.window)
                end = bisect_right(windows, windows[begin]) if begin < len(windows) else begin
                found += [(one, x) for x in cluster[begin:end] if _are_one(one.clock, x.clock)]
    return found


def _by_kind(views: Sequence[View]) -> dict[tuple[str, float], list[Reading]]:
    """Clocks that may be one: by destination ("" where all share the offset) and rate."""
    found: dict[tuple[str, float], list[Reading]] = defaultdict(list)
    for i, view in enumerate(views):
        for g, group in enumerate(view.groups):
            if g not in view.facts:
                continue
            for clock in (*group.lines, *group.singles):
                own = sum(int(view.core[side - view.window.begin]) == g for side in clock.sides)
                if clock.nominal_hz and 2 * own > len(clock.sides):
                    key = "" if clock.scope == "host" else clock.peer
                    found[key, clock.nominal_hz].append(Reading(i, g, clock.sides[0], clock))
    return found


def _clusters(readings: Sequence[Reading]) -> Iterator[list[Reading]]:
    """Readings whose offsets at time 0 lie close together, as far as their rates are known."""
    if len(readings) < 2:
        return
    hz = readings[0].clock.nominal_hz
    round_s = MODULUS / hz
    span_s = max(x.clock.first_s for x in readings) - min(x.clock.first_s for x in readings)
    reach_s = SLACK_S + span_s * MOST_PPM * 1e-6
    ahead = sorted(
        ((x.clock.v_first / hz - x.clock.first_s) % round_s, i) for i, x in enumerate(readings)
    )
    starts = [k for k in range(len(ahead)) if ahead[k][0] - ahead[k - 1][0] > reach_s]
    if ahead[0][0] + round_s - ahead[-1][0] > reach_s:
        starts = [0, *starts]
    if len(starts) < 2:
        yield list(readings)
        return
    turned = [readings[i] for _, i in (*ahead[starts[0] :], *ahead[: starts[0]])]
    ends = [*(k - starts[0] for k in starts[1:]), len(turned)]
    begin = 0
    for end in ends:
        yield turned[begin:end]
        begin = end


def _are_one(x: Clock, y: Clock) -> bool:
    """Does `y` lie on the line of `x`?"""
    if len(x.sides) < 2 and len(y.sides) < 2:
        return False
    known = min((x, y), key=lambda clock: clock.error_ppm)
    hz = known.hz if known.error_ppm < MOST_PPM else known.nominal_hz
    between_s = y.first_s - x.first_s
    off = (y.v_first - x.v_first - hz * between_s + MODULUS / 2) % MODULUS - MODULUS / 2
    ppm = min(max(2.0 * known.error_ppm, LEAST_PPM), MOST_PPM)
    return abs(off) <= known.nominal_hz * (SLACK_S + abs(between_s) * ppm * 1e-6)
