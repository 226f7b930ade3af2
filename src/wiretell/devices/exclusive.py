"""What two machines show and one does not: two push connections at once, windows that part them."""

from __future__ import annotations

from collections.abc import Sequence

from wiretell.devices.compare import Argument
from wiretell.devices.group import Group
from wiretell.signal import Hold

OVERLAP_S = 10.0
"""A connection that is replaced may live on beside the new one for moments."""
TOGETHER_BITS = -6.0
"""Two programs of one machine each keep a connection to the same push service now and then."""

PARTED_BITS, PARTED_CAP = -6.0, -60.0
"""A window takes a piece of a machine for another one now and then; many do not take the same."""


def holds_bits(a: Group, b: Group) -> list[Argument]:
    """What the connections that two groups keep say against one machine."""
    longest, kind = 0.0, ""
    for mine in a.holds:
        for theirs in b.holds:
            together_s = min(mine.last_s, theirs.last_s) - max(mine.first_s, theirs.first_s)
            if mine.kind == theirs.kind and together_s > max(longest, OVERLAP_S):
                longest, kind = together_s, mine.kind
    if not kind:
        return []
    reason = f"both keep a connection to {kind}, {longest:.0f} s at the same time"
    return [Argument("push", TOGETHER_BITS, reason)]


def windows_bits(a: Group, b: Group) -> list[Argument]:
    """What windows of time that told two groups apart say against one machine."""
    n = len(a.windows & b.windows)
    if not n:
        return []
    times = "a window" if n == 1 else f"{n} windows"
    bits = max(PARTED_BITS * n, PARTED_CAP)
    return [Argument("windows", bits, f"told apart in {times} of time that had flows of both")]


def most_at_once(holds: Sequence[Hold]) -> int:
    """Most connections of one kind that are kept at one moment, moments of change aside."""
    most = 0
    for kind in {hold.kind for hold in holds}:
        own = [h for h in holds if h.kind == kind and h.last_s - h.first_s > OVERLAP_S]
        changes = [(h.first_s + OVERLAP_S, 1) for h in own] + [(h.last_s, -1) for h in own]
        kept = 0
        for _, step in sorted(changes):
            kept += step
            most = max(most, kept)
    return most
