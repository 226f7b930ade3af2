"""What loose chains share with groups beside handwriting: moments, services, remote addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.group import Group
from wiretell.stats.assignment import codes

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

NEAR_S = 20.0
"""Two flows this close in time count as activity of the same moment."""
ACTIVITY_BITS = (-2.0, 2.0)
"""Clocks, updates and look-ups run on where nobody is at the machine: moments say only so much."""
FIRST_PEER_BITS, NEXT_PEER_BITS, PEER_BITS_CAP = 3.0, 1.0, 8.0
"""For remote addresses that no other group talks to."""
SECOND_HAND_BITS = 1.0
"""The most of these where only chains that were attached talk to them: each went where the others
went, so that they speak for one another."""
SERVICE_BITS = (-2.0, 3.0)
MAX_STARTS = 48
"""Starts of one chain that are compared with the groups' activity."""
SEARCH_COST = 4
"""To look a time up among a group's takes about as long as to count so many flows."""
MOMENTS_COUNTED = 4
"""More moments than these of one chain say no more."""


@dataclass(frozen=True)
class Activity:
    """When each side of the address began, and which service it used."""

    starts: Sequence[float]
    services: Sequence[str]

    @cached_property
    def times(self) -> FloatArray:
        """The starts as an array."""
        return np.array(self.starts, dtype=np.float64)

    @cached_property
    def codes(self) -> IntArray:
        """A number for each service."""
        return codes(self.services)


class Company:
    """What the groups are seen to do: when they open flows, and for what.

    `service_of` has for each chain the row of `services` that is about its service: bits by
    group.
    """

    def __init__(self, groups: Sequence[Group], loose: Sequence[Group], activity: Activity) -> None:
        self._starts = activity.times
        self._loose = loose
        self._groups = groups
        service = activity.codes
        n_services = int(service.max(initial=-1)) + 1
        used = np.array([np.bincount(service[g.sides], minlength=n_services) for g in groups])
        self.services = _shares(used)
        self.service_of = service[[chain.sides[0] for chain in loose]]

    def moments(self, chains: IntArray) -> FloatArray:
        """Bits (groups, chains): a group's share in what the address does at these moments."""
        asked = [self._asked(c) for c in chains.tolist()]
        size = np.fromiter(map(len, asked), dtype=np.int64, count=len(asked))
        column = np.repeat(np.arange(len(asked)), size)
        place = np.arange(len(column)) - np.repeat(np.cumsum(size) - size, size)
        sides = np.fromiter(chain.from_iterable(asked), dtype=np.int64, count=len(column))
        times = self._starts[sides]
        n = len(self._groups)
        counts = self._near(times)
        bits = np.log2(n * (counts + 0.5) / (counts.sum(axis=0) + 0.5 * n))
        moments = bits if len(column) == len(asked) else bits[:, place == 0]
        for k in range(1, int(size.max(initial=0))):
            at = place == k
            moments[:, column[at]] += bits[:, at]
        moments *= np.minimum(size, MOMENTS_COUNTED) / size
        clipped: FloatArray = np.clip(moments, *ACTIVITY_BITS, out=moments)
        return clipped

    def _near(self, times: FloatArray) -> FloatArray:
        """(groups, times): how many flows each group begins near these times."""
        since, until = times - NEAR_S, times + NEAR_S
        counts = np.empty((len(self._groups), len(times)))
        if len(times) * SEARCH_COST < len(self._starts):
            for g, group in enumerate(self._groups):
                begun = np.sort(self._starts[group.sides])
                low = np.searchsorted(begun, since, side="left")
                counts[g] = np.searchsorted(begun, until, side="right") - low
            return counts
        # Where times are many they are looked up once: a group's flows are counted up to there.
        order = np.argsort(self._starts, kind="stable")
        begun, place = self._starts[order], np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        low = np.searchsorted(begun, since, side="left")
        high = np.searchsorted(begun, until, side="right")
        before = np.zeros(len(begun) + 1, dtype=np.int32)
        for g, group in enumerate(self._groups):
            its = np.zeros(len(begun), dtype=np.int8)
            its[place[group.sides]] = 1
            np.cumsum(its, out=before[1:])
            np.subtract(before[high], before[low], out=counts[g])
        return counts

    def _asked(self, of: int) -> Sequence[int]:
        sides = self._loose[of].sides
        return sides[:: len(sides) // MAX_STARTS] if len(sides) >= 2 * MAX_STARTS else sides


def _shares(used: NDArray[np.int64]) -> FloatArray:
    """(services, groups): bits of using a service more or less than the others do."""
    n = len(used)
    rates = (used + 0.5) / (used.sum(axis=1) + 10.0)[:, None]
    shares: FloatArray = np.clip(np.log2(rates * n / rates.sum(axis=0)), *SERVICE_BITS)
    return np.where(used.any(axis=0), shares, 0.0).T


@dataclass(frozen=True)
class Alone:
    """Chains and groups that alone talk to some of the chain's remote addresses, sorted by chain.

    `n` says to how many, of which the group itself talks to `n_itself`, and not only chains that
    were attached to it; `peer` is the first of them in order of text.
    """

    chain: IntArray
    group: IntArray
    n: IntArray
    n_itself: IntArray
    peer: list[str]

    @property
    def bits(self) -> FloatArray:
        """What each says."""
        return peers_bits(self.n, self.n_itself)


def peers_bits(n: IntArray | int, n_itself: IntArray | int) -> FloatArray:
    """What `n` remote addresses that one group alone talks to say for it: see `Alone`."""
    first_hand = FIRST_PEER_BITS + NEXT_PEER_BITS * (np.asarray(n_itself) - 1)
    second_hand = np.where(np.asarray(n) > n_itself, SECOND_HAND_BITS, 0.0)
    known = np.minimum(first_hand, PEER_BITS_CAP)
    bits: FloatArray = np.where(np.asarray(n_itself) > 0, known, second_hand)
    return bits


class Visits:
    """Who talks to which remote address."""

    def __init__(
        self,
        groups: Sequence[Group],
        loose: Sequence[Group],
        before: tuple[Visits, IntArray] | None = None,
    ) -> None:
        """`before`: of all these and some chains more, of which `loose` are those numbers."""
        self._n_groups = len(groups)
        self._names: list[str]
        self._code: dict[str, int]
        self._chain: IntArray
        self._peer: IntArray
        if before is not None:
            known, rest = before
            self._names, self._code = known._names, known._code
            place = np.full(int(known._chain.max(initial=-1)) + 1, -1, dtype=np.int64)
            place[rest] = np.arange(len(rest))
            kept = np.flatnonzero(place[known._chain] >= 0)
            self._chain, self._peer = place[known._chain[kept]], known._peer[kept]
        else:
            everything = (*groups, *loose)
            self._names = sorted({peer for part in everything for peer in part.peers})
            self._code = {peer: i for i, peer in enumerate(self._names)}
            self._chain, self._peer = _pairs(loose, self._code)
        self._group, self._group_peer = _pairs(groups, self._code)

    def alone(self, home: IntArray) -> Alone:
        """`home` is each chain's group so far, -1 for none: its own visits are no argument."""
        n_groups = self._n_groups
        now = home[self._chain]
        placed = now >= 0
        visitor = np.concatenate([self._group, now[placed]])
        visited = np.concatenate([self._group_peer, self._peer[placed]])
        pairs, visits = np.unique(visited * n_groups + visitor, return_counts=True)
        peer_of, group_of = pairs // n_groups, pairs % n_groups
        n_owners = np.bincount(peer_of, minlength=len(self._names))
        sums = np.bincount(peer_of, weights=group_of, minlength=len(self._names)).astype(np.int64)
        # A chain that is the only visitor of its group leaves the address to the others.
        own = np.zeros(len(now), dtype=bool)
        if placed.any():
            at = np.searchsorted(pairs, self._peer[placed] * n_groups + now[placed])
            own[placed] = visits[at] == 1
        left = n_owners[self._peer] - own
        single = left == 1
        group = (sums[self._peer] - np.where(own, now, 0))[single]
        itself = np.isin(
            self._peer[single] * n_groups + group, self._group_peer * n_groups + self._group
        )
        keys, first, of, n = np.unique(
            self._chain[single] * n_groups + group,
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        n_itself = np.bincount(of[itself], minlength=len(keys))
        peer = self._peer[single][first]
        names = [self._names[i] for i in peer.tolist()]
        return Alone(keys // n_groups, keys % n_groups, n, n_itself, names)


def _pairs(parts: Sequence[Group], code: Mapping[str, int]) -> tuple[IntArray, IntArray]:
    """(part, remote address) for every address that a part talks to, sorted."""
    sizes = [len(part.peers) for part in parts]
    part = np.repeat(np.arange(len(parts)), sizes)
    peer = np.array([i for x in parts for i in sorted(code[p] for p in x.peers)], dtype=np.int64)
    return part, peer
