"""A group of sides that is taken for one machine, and what is known of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from wiretell.devices.shown import home_of, shown_by
from wiretell.signal import Clock, Hold, Label, Labels
from wiretell.stats.joint_rate import Edges, combine


@dataclass
class Group:
    """Sides held together so far; merging adds everything up.

    `labels` is kind -> text -> number of sides; groups that write alike may share one object.
    `lines` are clocks that several of its sides read, `singles` clocks with an offset that only
    one flow showed.
    `edges` maps a nominal rate to the clocks' hull edges at that rate, for the joint fit.
    """

    sides: list[int]
    labels: dict[str, Counter[str]] = field(default_factory=dict)
    lines: list[Clock] = field(default_factory=list)
    singles: list[Clock] = field(default_factory=list)
    edges: dict[float, list[Edges]] = field(default_factory=dict)
    peers: set[str] = field(default_factory=set)
    holds: list[Hold] = field(default_factory=list)
    windows: frozenset[int] = frozenset()
    """Windows of time that told these sides apart from all other groups there."""
    _rate_row: tuple[float, float, float, float] | None = field(
        default=None, init=False, compare=False, repr=False
    )
    _own: set[str] = field(default_factory=set, init=False, compare=False, repr=False)
    """Kinds of labels that are this group's alone, and may be added to."""

    def absorb(self, other: Group) -> None:
        """Take all of `other` in."""
        self._rate_row = None
        self.sides = sorted(self.sides + other.sides)
        if not self._own:
            self.labels = {**self.labels}
        for kind, texts in other.labels.items():
            if kind not in self._own:
                self.labels[kind] = Counter(self.labels.get(kind, ()))
                self._own.add(kind)
            self.labels[kind].update(texts)
        if other.lines:
            known = {clock.sides for clock in self.lines}
            self.lines += [clock for clock in other.lines if clock.sides not in known]
        self.singles += other.singles
        for hz, edges in other.edges.items():
            self.edges.setdefault(hz, []).extend(edges)
        self.peers |= other.peers
        self.holds += other.holds
        self.windows |= other.windows

    @property
    def n_clocked(self) -> int:
        """Sides of the clocks that the group reads."""
        return sum(len(clock.sides) for clock in self.lines) + len(self.singles)

    def rates(self) -> tuple[tuple[float, float], ...]:
        """(skew in ppm, standard error) of each clock at the group's best measured rate."""
        best = self.skew()
        if best is None:
            return ()
        known = [c for c in (*self.lines, *self.singles) if c.nominal_hz == best[0]]
        return tuple(
            (c.skew_ppm, math.hypot(c.error_ppm, SKEW_FLOOR_PPM))
            for c in known
            if c.n_readings >= MIN_READINGS and c.error_ppm < 1000.0
        )

    def rate_row(self) -> tuple[float, float, float, float]:
        """(nominal Hz, ppm, error in ppm, flows with clocks); a rate of 0 where there is none."""
        if self._rate_row is None:
            if not self.lines and not self.singles and not self.edges:
                return 0.0, 0.0, 0.0, 0.0
            self._rate_row = (*(self._best_rate() or (0.0, 0.0, 0.0)), float(self.n_clocked))
        return self._rate_row

    def skew(self) -> tuple[float, float, float] | None:
        """(nominal Hz, skew in ppm, standard error in ppm) of the best measured rate."""
        row = self.rate_row()
        return row[:3] if row[0] else None

    def _best_rate(self) -> tuple[float, float, float] | None:
        best: tuple[float, float, float] | None = None
        for hz in sorted(self.edges):
            if len(self.edges[hz]) > 1:
                self.edges[hz] = [combine(self.edges[hz])]
            ppm, error = self.edges[hz][0].rate.skew_ppm(hz)
            if error < math.inf and (best is None or error < best[2]):
                best = hz, ppm, math.hypot(error, SKEW_FLOOR_PPM)
        return best


MIN_READINGS = 10
"""A slope through fewer readings of its own hangs on two: its error is not to be trusted."""
BY_CHANCE_SHARE = 0.2
"""A line that fewer of a group's clocked sides read, and of whose sides fewer are the group's, is
another's: random offsets come near one now and then."""
SKEW_FLOOR_PPM = 0.3
"""Wander and temperature keep two measurements of one clock about this far apart."""


def groups_of(
    parts: Iterable[Sequence[int]],
    labels: Sequence[Label],
    clocks: Sequence[Clock],
    peers: Sequence[str],
    holds: Sequence[Hold] = (),
) -> list[Group]:
    """One group per part (a set of sides), with everything that is known of those sides.

    What is known of other sides is left out, but clocks have to be of these alone.
    """
    groups = [Group(sides=sorted(part)) for part in parts]
    places = home_of([group.sides for group in groups], len(peers))
    told = shown_by(places, len(groups), Labels.of(labels))
    for group, shown in zip(groups, told, strict=True):
        group.labels = shown
        group.peers = set(map(peers.__getitem__, group.sides))
    home = places.tolist()
    doubtful: list[tuple[int, Clock, int]] = []
    for hold in holds:
        if home[hold.side] >= 0:
            groups[home[hold.side]].holds.append(hold)
    for clock in clocks:
        first = groups[home[clock.sides[0]]]
        if clock.scope == "flow" and len(clock.sides) == 1:
            first.singles.append(clock)
        else:
            shares = Counter(home[side] for side in clock.sides)
            for i in sorted(shares):
                if shares[i] < BY_CHANCE_SHARE * len(clock.sides):
                    doubtful.append((i, clock, shares[i]))
                else:
                    (groups[i].singles if clock.scope == "flow" else groups[i].lines).append(clock)
        if clock.nominal_hz and clock.edges is not None:
            first.edges.setdefault(clock.nominal_hz, []).append(clock.edges)
    for i, clock, n_own in doubtful:
        group = groups[i]
        if n_own >= BY_CHANCE_SHARE * (n_own + group.n_clocked):
            (group.singles if clock.scope == "flow" else group.lines).append(clock)
    return groups
