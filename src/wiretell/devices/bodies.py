"""What each group shows of being one machine or several alike, for `devices.multiplicity`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.exclusive import most_at_once
from wiretell.devices.group import Group
from wiretell.devices.looks import commonest
from wiretell.devices.multiplicity import Body
from wiretell.signal import Hold, Link
from wiretell.stats.components import components

IntArray = NDArray[np.int32]

CARRIERS = frozenset({"tcp_timestamp", "source_port", "ip_id"})
"""Signals whose links are counters and clocks of a machine itself."""
LOOK = ("stack", "window")
"""What machines of one make share, whatever runs on them."""
PROGRAMS = ("user_agent", "system version", "ja4")
"""Machines of one look that name programs at all have some of them in common."""


@dataclass(frozen=True)
class Held:
    """The connections of a group: how many, how many of them one set ties, and its `holds`."""

    n_connections: int = 0
    n_tied: int = 0
    holds: tuple[Hold, ...] = ()


def held_of(
    n_groups: int,
    home: Mapping[int, tuple[int, float]],
    holds: Sequence[Hold],
    connections: frozenset[int],
    label: IntArray,
) -> list[Held]:
    """What holds each group together; `home` is side -> (group, ...), `label` as of `tied`."""
    opened: dict[int, list[int]] = defaultdict(list)
    for side in sorted(connections & home.keys()):
        opened[home[side][0]].append(side)
    kept: dict[int, list[Hold]] = defaultdict(list)
    for hold in holds:
        if hold.side in home:
            kept[home[hold.side][0]].append(hold)
    return [
        Held(
            len(opened[g]),
            max(Counter(label[opened[g]].tolist()).values(), default=0),
            tuple(kept[g]),
        )
        for g in range(n_groups)
    ]


def bodies_of(groups: Sequence[Group], held: Sequence[Held]) -> list[Body]:
    """What each group shows of being one machine or several alike."""
    return [
        Body(
            look,
            of.n_connections,
            of.n_tied / of.n_connections if of.n_connections > 1 else 1.0,
            most_at_once(of.holds),
            group.rates(),
            of.holds,
        )
        for look, group, of in zip(looks_of(groups), groups, held, strict=True)
    ]


def looks_of(groups: Sequence[Group]) -> list[str]:
    """A name of the look of each group: the same where nothing in their handwriting parts them."""
    found: list[tuple[str, list[Group]]] = []
    names: list[str] = []
    for group in groups:
        make = " ".join(commonest(group, kind) for kind in LOOK)
        at = next((i for i, (m, own) in enumerate(found) if m == make and _like(group, own)), None)
        if at is None:
            at = len(found)
            found.append((make, []))
        found[at][1].append(group)
        names.append(f"{make} {at}")
    return names


def _like(group: Group, others: Sequence[Group]) -> bool:
    return any(
        all(
            not group.labels.get(kind)
            or not other.labels.get(kind)
            or group.labels[kind].keys() & other.labels[kind].keys()
            for kind in PROGRAMS
        )
        for other in others
    )


def tied(links: Sequence[Link], n_sides: int) -> IntArray:
    """Side -> number of the set that counters and clocks tie it into."""
    carried = [(link.a, link.b) for link in links if link.signal in CARRIERS]
    if not carried:
        return np.arange(n_sides, dtype=np.int32)
    a, b = np.array(carried).T
    return components(n_sides, a, b)
