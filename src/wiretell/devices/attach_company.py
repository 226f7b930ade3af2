"""What loose chains share with groups beside handwriting: moments, services, remote addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
MOMENTS_COUNTED = 4
"""More moments than these of one chain say no more."""


@dataclass(frozen=True)
class Activity:
    """When each side of the address began, and which service it used."""

    starts: Sequence[float]
    services: Sequence[str]


class Company:
    """What the groups are seen to do: when they open flows, and for what.

    `service_of` has for each chain the row of `services` that is about its service: bits by
    group.
    """

    def __init__(self, groups: Sequence[Group], loose: Sequence[Group], activity: Activity) -> None:
        self._starts = np.array(activity.starts, dtype=np.float64)
        self._loose = loose
        self._begun = [np.sort(self._starts[group.sides]) for group in groups]
        service = codes(activity.services)
        n_services = int(service.max(initial=-1)) + 1
        used = np.array([np.bincount(service[g.sides], minlength=n_services) for g in groups])
        self.services = _shares(used)
        self.service_of = service[[chain.sides[0] for chain in loose]]

    def moments(self, chains: IntArray) -> FloatArray:
        """Bits (groups, chains): a group's share in what the address does at these moments."""
        asked = [self._asked(c) for c in chains.tolist()]
        size = np.array([len(sides) for sides in asked])
        column = np.repeat(np.arange(len(asked)), size)
        place = np.arange(len(column)) - np.repeat(np.cumsum(size) - size, size)
        times = self._starts[np.concatenate(asked).astype(np.int64)]
        n = len(self._begun)
        counts = np.empty((n, len(times)))
        # In order of time each search begins near where the last one ended.
        order = np.argsort(times, kind="stable")
        since, until = times[order] - NEAR_S, times[order] + NEAR_S
        for g, begun in enumerate(self._begun):
            low = np.searchsorted(begun, since, side="left")
            counts[g, order] = np.searchsorted(begun, until, side="right") - low
        bits = np.log2(n * (counts + 0.5) / (counts.sum(axis=0) + 0.5 * n))
        moments = np.zeros((n, len(asked)))
        for k in range(int(size.max(initial=0))):
            at = place == k
            moments[:, column[at]] += bits[:, at]
        moments *= np.minimum(size, MOMENTS_COUNTED) / size
        clipped: FloatArray = np.clip(moments, *ACTIVITY_BITS)
        return clipped

    def _asked(self, chain: int) -> Sequence[int]:
        sides = self._loose[chain].sides
        return sides[:: max(1, len(sides) // MAX_STARTS)]


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

    def __init__(self, groups: Sequence[Group], loose: Sequence[Group]) -> None:
        everything = (*groups, *loose)
        self._names = sorted({peer for part in everything for peer in part.peers})
        code = {peer: i for i, peer in enumerate(self._names)}
        self._n_groups = len(groups)
        self._group, self._group_peer = _pairs(groups, code)
        self._chain, self._peer = _pairs(loose, code)

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
