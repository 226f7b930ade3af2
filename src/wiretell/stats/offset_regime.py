"""What is a timestamp clock's offset common to: the host, the destination, or the connection?

Stacks differ, so each kind of SYN on an address is judged by its own lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol

from wiretell.stats.nominal_rate import FAST_HZ, NOMINAL_HZ

PAIR_HZ = (1000.0, FAST_HZ)
"""Rates of stacks that draw an offset for each destination: Linux from 4.11 on, at 1000 Hz."""
ALONE_SHARE = 0.2
"""Share of sides alone, among those of lines of one destination, from which it is a rule."""
HOST, PAIR, FLOW = "per host", "per destination", "per connection"
EITHER, UNKNOWN = "per host or per destination", "unknown"


class Offset(Protocol):
    """A clock line: its sides, how far its offset was seen to go, its destination and rate."""

    @property
    def sides(self) -> tuple[int, ...]:
        """Sides on it."""

    @property
    def scope(self) -> str:
        """host (several destinations), destination (several flows to one) or flow."""

    @property
    def peer(self) -> str:
        """Destination, where it is one."""

    @property
    def nominal_hz(self) -> float:
        """Rate it was built to tick at; 0 where that is unknown."""


def offset_regimes(offsets: Sequence[Offset], kinds: Mapping[int, str]) -> dict[int, str]:
    """Side -> per host, per destination, either of them, per connection, or unknown.

    `kinds` is side -> kind of its SYN. A side alone on its line proves a random offset only
    where another side of that kind that went to the same destination is alone on its line too,
    and where that is the rule: several machines with an offset for each destination may go there
    once each. Lines of one destination tell nothing of others, so a kind that shows but one
    destination on its lines may have either regime, unless its rate is not of the stacks that
    draw an offset for each destination.
    """
    by_kind: dict[str, list[Offset]] = defaultdict(list)
    for offset in offsets:
        by_kind[kinds.get(offset.sides[0], "")].append(offset)
    regimes: dict[int, str] = {}
    for several in by_kind.values():
        regimes |= _of_kind(several)
    return regimes


def _of_kind(offsets: Sequence[Offset]) -> dict[int, str]:
    alone: dict[str, list[int]] = defaultdict(list)
    lined: dict[str, int] = defaultdict(int)
    for offset in offsets:
        if offset.scope == "flow":
            alone[offset.peer] += offset.sides
        elif offset.scope == "destination" and _may_be_pair(offset):
            lined[offset.peer] += len(offset.sides)
    n_lined = sum(lined.values())
    n_alone = sum(len(sides) for sides in alone.values() if len(sides) > 1)
    # A side alone elsewhere is not on the line: an offset for the whole host would put it there.
    lone = EITHER if len(lined) == 1 and not alone else PAIR
    regimes: dict[int, str] = {}
    for offset in offsets:
        words = HOST if offset.scope == "host" else UNKNOWN
        if offset.scope == "destination":
            words = lone if _may_be_pair(offset) else HOST
        regimes.update(dict.fromkeys(offset.sides, words))
    if n_alone and n_alone >= ALONE_SHARE * (n_alone + n_lined):
        for sides in alone.values():
            if len(sides) > 1:
                regimes.update(dict.fromkeys(sides, FLOW))
    return regimes


def _may_be_pair(offset: Offset) -> bool:
    return offset.nominal_hz not in NOMINAL_HZ or offset.nominal_hz in PAIR_HZ
