"""An address of very many flows, cut into windows of time: what each of them tells.

Where counters of many machines cross, a chain takes in flows of another machine now and then. The
longer the chains, the more of that, and pieces with strays contradict one another: a million flows
judged at once were told apart as too many machines (decision 6). Comparing parts also costs the
square of their number. So very many flows are judged in windows, each as an address of its own;
every two neighbours share some flows, by which `devices.seams` puts their machines together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.devices.agglomerate import Scored
from wiretell.devices.assign import Evidence
from wiretell.devices.bodies import Held, held_of
from wiretell.devices.explain import Belonging, Strongest, belonging_of, strongest, strongest_links
from wiretell.devices.facts import Facts, Volume, facts_of, volume_of
from wiretell.devices.group import Group
from wiretell.devices.judge import Judgement
from wiretell.devices.seam_ends import Ends, ends_of
from wiretell.devices.side_columns import SideColumns
from wiretell.model.tables import EVIDENCE, MEMBERS
from wiretell.signal import Clock, LabelRule, Links
from wiretell.stats.joint_rate import combine

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

KEPT_SINGLES = 64
"""Clocks of single flows that a group keeps for comparison with groups of other windows."""


@dataclass(frozen=True)
class Cut:
    """An address of more than `most` sides is judged in windows.

    Each has at most `window` sides, of which it shares `shared` with the next.
    """

    most: int = 200_000
    window: int = 50_000
    shared: int = 5_000


USUAL = Cut()


@dataclass(frozen=True)
class Window:
    """Sides `begin` to `end` of an address are judged together; `first` to `last` count.

    Of what two windows share, each tells the half that is further from its border.
    """

    begin: int
    end: int
    first: int
    last: int

    @property
    def own(self) -> slice:
        """The sides that count, by their number in the window."""
        return slice(self.first - self.begin, self.last - self.begin)


def windows_of(n_sides: int, cut: Cut = USUAL) -> list[Window]:
    """Windows of equal size; none where there are few enough sides to be judged at once."""
    if n_sides <= cut.most:
        return []
    n_windows = -(-(n_sides - cut.shared) // (cut.window - cut.shared))
    begins = np.linspace(0, n_sides - cut.shared, n_windows + 1).astype(int).tolist()
    middle = cut.shared // 2
    return [
        Window(
            begin,
            end + cut.shared,
            begin + middle if begin else 0,
            end + (middle if end + cut.shared < n_sides else cut.shared),
        )
        for begin, end in pairwise(begins)
    ]


def around(sides: pl.DataFrame, flow_ids: Sequence[int], cut: Cut = USUAL) -> pl.DataFrame:
    """The sides of one address that are judged with these flows: of very many, their windows."""
    at = np.flatnonzero(sides["flow_id"].is_in(flow_ids).to_numpy()).tolist()
    windows = windows_of(sides.height, cut)
    if not windows or not at:
        return sides
    near = np.zeros(sides.height, dtype=bool)
    for window in windows:
        if any(window.first <= n < window.last for n in at):
            near[window.begin : window.end] = True
    return sides.filter(pl.Series(near))


@dataclass(frozen=True)
class View:
    """What one window tells. Sides of `groups` and `ends` have their number on the address.

    `core` is the group that each side of the window is of by itself (-1: none, or attached),
    `tied` the number of the set that counters and clocks tie it into, `starts` its time in s. All
    else is about the sides that count: `belonging` with the groups' numbers, `connection` (may it
    found a machine), `facts`, `held` and `together` of each group, `flows` (flow_id, side).
    `links` is as EVIDENCE, `attached` (signal, flow, group, bits, reason).
    """

    window: Window
    starts: FloatArray
    groups: list[Group]
    weakest: list[Scored]
    core: IntArray
    tied: NDArray[np.int32]
    ends: tuple[Ends, Ends]
    rules: Mapping[str, LabelRule]
    belonging: Belonging
    connection: BoolArray
    facts: dict[int, Facts]
    held: list[Held]
    together: list[dict[str, Strongest]]
    flows: pl.DataFrame
    links: pl.DataFrame
    attached: list[tuple[str, str, int, float, str]]
    volume: Volume


def view_of(
    window: Window,
    address: str,
    columns: SideColumns,
    sides: pl.DataFrame,
    observations: pl.DataFrame,
    evidence: Evidence,
    regimes: Mapping[str, Mapping[int, str]],
    connections: frozenset[int],
    judgement: Judgement,
) -> View:
    """What is kept of the judgement of one window; its sides are numbered from its begin."""
    own, begin = window.own, window.begin
    counting = range(own.start, own.stop)
    belonging = belonging_of(evidence, judgement)
    group = belonging.group[own]
    members = {int(g): np.flatnonzero(group == g) + own.start for g in np.unique(group[group >= 0])}
    facts = facts_of([m.tolist() for m in members.values()], columns, regimes)
    home = {side: at for side, at in judgement.home.items() if side in counting}
    core = np.full(evidence.n_sides, -1)
    for g, of_group in enumerate(judgement.groups):
        core[of_group.sides] = g
    flows = [f"flow:{flow_id}" for flow_id in columns.flow_id]
    all_links = Links.of(evidence.links)
    last = all_links.ends.max(axis=1, initial=-1)
    ending = [
        all_links[i] for i in np.flatnonzero((last >= own.start) & (last < own.stop)).tolist()
    ]
    signals, a, b, bits, reasons, _ = list(zip(*ending, strict=True)) or [()] * 6
    links = {
        "signal": signals,
        "address": [address] * len(ending),
        "a": [flows[side] for side in a],
        "b": [flows[side] for side in b],
        "bits": bits,
        "reason": reasons,
    }
    attached = [
        (x.signal, flows[sides_of[0]], attachment.group, x.bits, x.reason)
        for sides_of, attachment in judgement.attachments
        if sides_of[0] in counting
        for x in (strongest(attachment.arguments),)
    ]
    keys = {"flow_id": columns.flow_id[own], "side": columns.side[own]}
    return View(
        window=window,
        starts=np.array(evidence.starts),
        groups=[_lean(each, begin) for each in judgement.groups],
        weakest=judgement.partition.weakest,
        core=core,
        tied=judgement.tied,
        ends=ends_of(begin, sides, observations, judgement.groups),
        rules=evidence.rules,
        belonging=Belonging(
            group, belonging.share[own], belonging.chain[own] + begin, belonging.reason[own]
        ),
        connection=np.isin(np.arange(own.start, own.stop), [*connections]),
        facts=dict(zip(members, facts, strict=True)),
        held=held_of(len(judgement.groups), home, evidence.holds, connections, judgement.tied),
        together=strongest_links(evidence, judgement, counting),
        flows=pl.DataFrame(keys, {name: MEMBERS.schema[name] for name in keys}),
        links=pl.DataFrame(links, EVIDENCE.schema),
        attached=attached,
        volume=volume_of(columns, own),
    )


def _lean(group: Group, begin: int) -> Group:
    """A group as other windows need it: sides by number on the address, few single clocks."""

    def placed(clocks: Sequence[Clock]) -> list[Clock]:
        return [
            replace(clock, sides=tuple(side + begin for side in clock.sides), edges=None)
            for clock in clocks
        ]

    singles = group.singles[:: max(1, -(-len(group.singles) // KEPT_SINGLES))]
    return Group(
        sides=[side + begin for side in group.sides],
        labels=group.labels,
        lines=placed(group.lines),
        singles=placed(singles),
        edges={hz: [combine(edges)] for hz, edges in group.edges.items()},
        peers=set(),
        holds=[replace(hold, side=hold.side + begin) for hold in group.holds],
        windows=frozenset({begin}),
    )
