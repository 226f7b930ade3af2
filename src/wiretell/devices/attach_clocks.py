"""Clocks of loose chains against those of the groups they may go to, as arrays.

The same arithmetic as `compare.skew_bits` and `compare.lines_bits`. Most loose chains have one
clock with an offset of its own; it is held against lines of whole hosts, and against those towards
the same destination.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import pdtrc

from wiretell.devices.compare import (
    CLOCK_CONFLICT_BITS,
    STRAY_SHARE,
    Argument,
    lines_bits,
    rates_bits,
)
from wiretell.devices.group import Group
from wiretell.devices.line_pairs import ClockColumns, pair_bits
from wiretell.devices.meeting import Clocks, meeting
from wiretell.signal import Clock

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def rates_of(chains: Sequence[Group]) -> FloatArray:
    """A `rate_row` of each chain: shape (chains, 4)."""
    rates = np.zeros((len(chains), 4))
    clocked = [i for i, x in enumerate(chains) if x.singles or x.lines or x.edges]
    if clocked:
        rates[clocked] = [chains[i].rate_row() for i in clocked]
    return rates


class ClocksOfGroups:
    """Clocks of the groups, by what a chain's clocks can contradict."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = groups
        self._skews = np.array([group.rate_row() for group in groups]).reshape(-1, 4)
        self._met: list[Clocks] = []
        self._everywhere: list[tuple[int, Clock]] = []
        self._towards: dict[str, list[tuple[int, Clock]]] = {}
        for g, group in enumerate(groups):
            for clock in group.lines:
                if clock.scope == "host":
                    self._everywhere.append((g, clock))
                elif clock.scope == "destination":
                    self._towards.setdefault(clock.peer, []).append((g, clock))

    def bits(self, chains: Sequence[Group], skews: FloatArray) -> FloatArray:
        """Bits (groups, chains) of rates and of lines; `skews` as of `rates_of`."""
        bits = np.zeros((len(self._groups), len(chains)))
        rated = np.flatnonzero(skews[:, 0])
        if len(rated):
            bits[:, rated] = rates_bits(self._skews[:, None, :], skews[None, rated, :])
        single: list[int] = []
        for column, chain in enumerate(chains):
            if chain.lines:
                own = Clocks(chain)
                for g in range(len(self._groups)):
                    bits[g, column] += sum(x.bits for x in self._of_lines(g, chain, own))
            elif chain.singles:
                single.append(column)
        if single and (self._everywhere or self._towards):
            self._add_singles(bits, chains, single)
        return bits

    def _add_singles(
        self, bits: FloatArray, chains: Sequence[Group], columns: Sequence[int]
    ) -> None:
        """Adds what lines say to chains without lines of their own."""
        ours: list[tuple[int, Clock]] = list(self._everywhere)
        place: dict[str, tuple[int, int]] = {}
        clocks = [(column, clock) for column in columns for clock in chains[column].singles]
        for peer in dict.fromkeys(clock.peer for _, clock in clocks):
            towards = self._towards.get(peer, [])
            place[peer] = (len(ours), len(towards))
            ours += towards
        # Each meets the lines of whole hosts, then those towards its destination.
        n_hosts = len(self._everywhere)
        first, n_near = np.array([place[clock.peer] for _, clock in clocks], dtype=np.int64).T
        size = n_hosts + n_near
        if not size.any():
            return
        theirs = np.repeat(np.arange(len(clocks)), size)
        nth = np.arange(len(theirs)) - np.repeat(np.cumsum(size) - size, size)
        mine = np.where(nth < n_hosts, nth, first[theirs] + nth - n_hosts)
        found = pair_bits(
            ClockColumns.of([clock for _, clock in ours]).at(mine),
            ClockColumns.of([clock for _, clock in clocks]).at(theirs),
        )
        n_groups, n_chains = bits.shape
        said = ~np.isnan(found)
        group = np.array([g for g, _ in ours], dtype=np.int64)[mine[said]]
        of_chain = np.array([c for c, _ in clocks], dtype=np.int64)
        clock, found = theirs[said], found[said]
        pair = group * n_chains + of_chain[clock]
        worst = np.full(n_groups * n_chains, np.inf)
        np.minimum.at(worst, pair, found)
        at = np.flatnonzero(np.isfinite(worst))
        off = np.zeros((n_groups, len(clocks)), dtype=np.bool_)
        off[group[found < 0.0], clock[found < 0.0]] = True  # by however many lines
        g_off, clock_off = np.nonzero(off)
        strays = np.bincount(g_off * n_chains + of_chain[clock_off], minlength=len(worst))[at]
        n_clocked = np.array([chain.n_clocked for chain in chains], dtype=np.int64)[at % n_chains]
        floor = _stray_bits(strays, n_clocked)
        bits.reshape(-1)[at] += np.maximum(np.maximum(worst[at], floor), CLOCK_CONFLICT_BITS)

    def arguments(self, g: int, chain: Group) -> list[Argument]:
        """`clock_bits`, without asking pairs that never contradict."""
        group = self._groups[g]
        if chain.lines:
            return self._of_lines(g, chain, Clocks(chain))
        pairs = [
            (mine, theirs)
            for theirs in chain.singles
            for clocks in (self._everywhere, self._towards.get(theirs.peer, ()))
            for of, mine in clocks
            if of == g
        ]
        return lines_bits(group, chain, pairs) if pairs else []

    def _of_lines(self, g: int, chain: Group, own: Clocks) -> list[Argument]:
        if not self._met:
            self._met = [Clocks(x) for x in self._groups]
        return lines_bits(self._groups[g], chain, meeting(self._met[g], own))


def _stray_bits(n_strays: IntArray, n_clocked: IntArray) -> FloatArray:
    """`compare.lines_bits`: log2 of the chance that so many clocked flows do not belong."""
    tail = np.maximum(pdtrc(n_strays - 1.0, n_clocked * STRAY_SHARE), 2.0**CLOCK_CONFLICT_BITS)
    return np.where(n_strays == 0, 0.0, np.log2(tail))
