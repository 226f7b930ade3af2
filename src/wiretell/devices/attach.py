"""Loose sides -> the group each most probably belongs to.

Some sides carry no identity of their own: short connections without clock, name or counter, UDP
and ICMP. They never found a machine unless no machine found so far could have sent them; they
are attached one chain at a time to the group that explains them best, if it is more probable than
all others together; the confidence is that probability. What speaks for a group, beside links and
handwriting: that it is active at the same moments, talks to the same remote addresses, and uses
the same services. The remote addresses of a group grow with what is attached, so the chains are
gone through again. Chains tied by weak links tell one another what they know. All chains are
weighed against all groups as matrices, a block of chains at a time; words are made for what was
decided only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.attach_clocks import ClocksOfGroups, rates_of
from wiretell.devices.attach_company import Activity, Alone, Company, Visits, peers_bits
from wiretell.devices.attach_neighbours import Neighbours
from wiretell.devices.attach_writing import ChainLooks, Looks
from wiretell.devices.compare import (
    ONE_MACHINE_BITS,
    Argument,
    labels_bits,
    skew_bits,
)
from wiretell.devices.group import Group
from wiretell.devices.shown import home_of
from wiretell.signal import LabelRule, Link, Links
from wiretell.stats.assignment import distinct, firsts

__all__ = ["Activity", "Attached", "Attachment", "Told", "attach", "ranking"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

ROUNDS = 3
SURE_ENOUGH = 0.5
"""A chain stays without a machine unless one is more probable than all others together."""
BLOCK_SCORES, KEPT_SCORES = 1 << 20, 1 << 24
"""Pairs of chain and group weighed at a time, and up to how many in all are kept between rounds."""


class Attachment(NamedTuple):
    """Where a chain went: numbers of chain and group, probability among all groups, why."""

    chain: int
    group: int
    probability: float
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class Told:
    """What loose chains tied to a chain say for each group (bits), and by which tie most."""

    bits: FloatArray
    signal: str
    reason: str

    def argument(self, group: int) -> Argument:
        """What they say for this group."""
        return Argument(self.signal, float(self.bits[group]), f"tied by {self.reason}")


@dataclass(frozen=True)
class _Block:
    """Bits (groups, chains) of some chains: all but what remote addresses say, and moments."""

    chains: IntArray
    bits: FloatArray
    moments: FloatArray


@dataclass(frozen=True)
class Attached:
    """Where loose chains went; words are made as they are asked for.

    `homeless` are the chains that fit no group. `heard` is chain -> what tied chains said.
    """

    homeless: list[int]
    heard: Mapping[int, Told]
    attachments: Callable[[], list[Attachment]]
    """By chain. One that several groups explain about equally is not among them, nor homeless:
    the evidence does not say."""
    work: _Attaching | None = None
    """What was worked out on the way: most of it holds where some chains found groups."""


def attach(
    groups: Sequence[Group],
    loose: Sequence[Group],
    links: Sequence[Link],
    activity: Activity,
    rules: Mapping[str, LabelRule],
    before: tuple[Attached, Sequence[int]] | None = None,
) -> Attached:
    """Attach each loose chain to a group.

    `before`: what was found with more loose chains, of which these have the given numbers, and
    fewer sides in groups.

    Cost: O(chains * groups) time in arrays, O(chains + groups) memory beside `KEPT_SCORES`.
    """
    if not groups or not loose:
        return Attached(list(range(len(loose))), {}, list)
    earlier = None
    if before is not None and before[0].work is not None:
        earlier = before[0].work, np.array(before[1], dtype=np.int64)
    work = _Attaching(groups, loose, links, activity, rules, earlier)
    home = np.full(len(loose), -1, dtype=np.int64)
    for _ in range(ROUNDS):
        last, alone = home, work.visits.alone(home)
        home, doubt, fits = work.round(alone)
        if np.array_equal(last, home):
            break
    homeless = np.flatnonzero(~fits).tolist()
    heard = work.heard()
    told = partial(work.told, home, doubt, alone, heard)
    return Attached(homeless, heard, told, work)


def ranking(
    groups: Sequence[Group],
    chain: Group,
    links: Sequence[Link],
    activity: Activity,
    rules: Mapping[str, LabelRule],
    owners: Mapping[str, Mapping[int, int]],
    told: Told | None = None,
) -> list[tuple[float, list[Argument]]]:
    """Per group the bits for one loose chain being its machine's, and what they consist of.

    `owners` is remote address -> group -> how many sides of it, the chain's own aside; `told` is
    what chains tied to it said when it was attached.
    """
    if not groups:
        return []
    return _Attaching(groups, [chain], links, activity, rules).ranking(owners, told)


class _Attaching:
    def __init__(
        self,
        groups: Sequence[Group],
        loose: Sequence[Group],
        links: Sequence[Link],
        activity: Activity,
        rules: Mapping[str, LabelRule],
        before: tuple[_Attaching, IntArray] | None = None,
    ) -> None:
        self._groups, self._loose, self._rules = groups, loose, rules
        self._linked = _Across(groups, loose, links)
        if before is None:
            self._chain_looks, self._rates = ChainLooks.of(loose), rates_of(loose)
            self.visits = Visits(groups, loose)
        else:
            known, rest = before
            self._chain_looks, self._rates = known._chain_looks.at(rest), known._rates[rest]
            self.visits = Visits(groups, loose, (known.visits, rest))
        self._looks = Looks(groups, self._chain_looks, rules)
        self._company = Company(groups, loose, activity)
        self._clocks = ClocksOfGroups(groups)
        self._service = activity.services
        self._shown: _Shown = _Shown.of(
            groups, len(loose), before and (before[0]._shown, before[1])
        )
        order = np.argsort(self._chain_looks.of_chain, kind="stable")
        step = max(1, BLOCK_SCORES // len(groups))
        self._parts = [order[i : i + step] for i in range(0, len(order), step)]
        self._keeps = len(loose) * len(groups) <= KEPT_SCORES
        self._kept: list[_Block] = []
        self._neighbours = Neighbours(len(groups), loose, links if self._keeps else ())
        self._heard = np.zeros((len(groups), len(self._neighbours.chains)))

    def _blocks(self) -> Iterator[_Block]:
        if self._kept:
            yield from self._kept
            return
        for part in self._parts:
            block = self._block(part)
            if self._keeps:
                self._kept.append(block)
            yield block

    def _block(self, chains: IntArray) -> _Block:
        written, clocked = self._own_bits(chains)
        moments = self._company.moments(chains)
        more = clocked + moments + self._company.services[self._company.service_of[chains]].T
        column = np.full(len(self._loose), -1, dtype=np.int64)
        column[chains] = np.arange(len(chains))
        here = np.flatnonzero(column[self._linked.chain] >= 0)
        linked = self._linked.group[here], column[self._linked.chain[here]]
        more[linked] += self._linked.bits[here]
        return _Block(chains, ONE_MACHINE_BITS + written + more, moments)

    def _own_bits(self, chains: IntArray) -> tuple[FloatArray, FloatArray]:
        """Bits (groups, chains) of handwriting and of clocks: of two alone, whoever else there is.

        What was known of a group before is not asked again.
        """
        new = self._shown.new
        looks = self._chain_looks.of_chain[chains]
        own = [self._loose[c] for c in chains.tolist()]
        written = self._looks.bits(int(looks[0]), int(looks[-1]) + 1, new)[:, looks - looks[0]]
        clocks = self._clocks
        if len(new) < len(self._groups):
            clocks = ClocksOfGroups([self._groups[g] for g in new.tolist()])
        clocked = clocks.bits(own, self._rates[chains])
        return self._shown.filled(chains, written, clocked)

    def round(self, alone: Alone) -> tuple[IntArray, FloatArray, NDArray[np.bool_]]:
        """(group or -1, sum of all groups' odds against the best, fits any) of every chain."""
        n = len(self._loose)
        home, doubt = np.full(n, -1, dtype=np.int64), np.ones(n)
        fits = np.zeros(n, dtype=bool)
        tied = np.full(n, -1, dtype=np.int64)
        tied[self._neighbours.chains] = np.arange(len(self._neighbours.chains))
        if len(self._neighbours.chains):
            known = np.zeros_like(self._heard)
            for block in self._blocks():
                here = tied[block.chains] >= 0
                known[:, tied[block.chains[here]]] = self._scores(block, alone)[:, here]
            self._heard = self._neighbours.bits(known)
        for block in self._blocks():
            scores = self._scores(block, alone)
            here = tied[block.chains] >= 0
            scores[:, here] += self._heard[:, tied[block.chains[here]]]
            best = scores.argmax(axis=0)
            top = scores[best, np.arange(len(best))]
            total = np.exp2(np.maximum(scores - top, -1000.0)).sum(axis=0)
            fits[block.chains] = top > 0.0
            sure = (top > 0.0) & (total < 1.0 / SURE_ENOUGH)
            home[block.chains[sure]] = best[sure]
            doubt[block.chains] = total
        return home, doubt, fits

    def _scores(self, block: _Block, alone: Alone) -> FloatArray:
        """Bits (groups, chains) of a block with what remote addresses say."""
        scores = block.bits.copy()
        column = np.full(len(self._loose), -1, dtype=np.int64)
        column[block.chains] = np.arange(len(block.chains))
        here = np.flatnonzero(column[alone.chain] >= 0)
        scores[alone.group[here], column[alone.chain[here]]] += alone.bits[here]
        return scores

    def heard(self) -> dict[int, Told]:
        """What tied chains say, by chain."""
        return {
            c: Told(self._heard[:, k], *self._neighbours.words(c))
            for k, c in enumerate(self._neighbours.chains.tolist())
        }

    def told(
        self, home: IntArray, doubt: FloatArray, alone: Alone, heard: Mapping[int, Told]
    ) -> list[Attachment]:
        """Attachments with their arguments, by chain."""
        own = np.flatnonzero(home[alone.chain] == alone.group).tolist()
        extra = {
            (int(alone.chain[i]), int(alone.group[i])): _unshared(float(bits), alone.peer[i])
            for i, bits in zip(own, alone.bits[own], strict=True)
        }
        written: dict[tuple[int, int], list[Argument]] = {}
        found: dict[int, Attachment] = {}
        for block in self._blocks():
            columns = np.flatnonzero(home[block.chains] >= 0)
            chains = block.chains[columns]
            to = home[chains]
            rows = (
                chains.tolist(),
                to.tolist(),
                self._chain_looks.of_chain[chains].tolist(),
                block.moments[to, columns].tolist(),
                self._company.services[self._company.service_of[chains], to].tolist(),
                doubt[chains].tolist(),
            )
            for c, g, number, moment, share, total in zip(*rows, strict=True):
                look = (number, g)
                if look not in written:
                    written[look] = labels_bits(self._groups[g], self._loose[c], self._rules)
                arguments = [*written[look], *self._arguments(c, g, moment, share)]
                if (c, g) in extra:
                    arguments.append(extra[c, g])
                if c in heard:
                    arguments.append(heard[c].argument(g))
                found[c] = Attachment(c, g, 1.0 / total, tuple(arguments))
        return [found[c] for c in sorted(found)]

    def ranking(
        self, owners: Mapping[str, Mapping[int, int]], told: Told | None
    ) -> list[tuple[float, list[Argument]]]:
        """Bits and arguments of every group for the only chain there is."""
        (block,) = self._blocks()
        (chain,) = self._loose
        known: dict[int, list[str]] = {}
        for peer in sorted(chain.peers):
            visitors = [g for g, n in owners.get(peer, {}).items() if n > 0]
            if len(visitors) == 1:
                known.setdefault(visitors[0], []).append(peer)
        found: list[tuple[float, list[Argument]]] = []
        for g, group in enumerate(self._groups):
            arguments = labels_bits(group, chain, self._rules)
            share = float(self._company.services[self._company.service_of[0], g])
            arguments += self._arguments(0, g, float(block.moments[g, 0]), share)
            bits = float(block.bits[g, 0])
            if g in known:
                n_itself = sum(peer in group.peers for peer in known[g])
                told_bits = float(peers_bits(len(known[g]), n_itself))
                arguments.append(_unshared(told_bits, known[g][0]))
                bits += arguments[-1].bits
            if told is not None:
                arguments.append(told.argument(g))
                bits += arguments[-1].bits
            found.append((bits, arguments))
        return found

    def _arguments(self, c: int, g: int, moment: float, share: float) -> list[Argument]:
        """What clocks, moments, services and links say for chain `c` and group `g`.

        `moment` and `share` are the bits of moments and of services.
        """
        chain, group = self._loose[c], self._groups[g]
        found: list[Argument] = []
        if chain.lines or chain.singles:
            found += skew_bits(group, chain) + self._clocks.arguments(g, chain)
        when = "active at the same moments" if moment > 0 else "little active at these moments"
        found.append(Argument("activity", moment, when))
        if share:
            words = f"uses {self._service[chain.sides[0]]} {'also' if share > 0 else 'seldom'}"
            found.append(Argument("services", share, words))
        tied = self._linked.argument(c, g)
        return [*found, tied] if tied is not None else found


def _unshared(bits: float, peer: str) -> Argument:
    return Argument("peers", bits, f"no other machine here talks to {peer}")


@dataclass(frozen=True)
class _Shown:
    """What handwriting and clocks say of loose chains for each group, and for which it is known.

    `keys` has for each group all that its rows hang on. Of `new` groups it is not known yet.
    """

    keys: list[tuple[object, ...]]
    new: IntArray
    written: FloatArray
    clocked: FloatArray

    @classmethod
    def of(
        cls, groups: Sequence[Group], n_chains: int, before: tuple[_Shown, IntArray] | None
    ) -> _Shown:
        """Of some chains; `before`: of more, and the numbers of these among them."""
        keys: list[tuple[object, ...]] = [
            (tuple(group.sides), group.rate_row(), frozenset(group.lines)) for group in groups
        ]
        kept = n_chains if n_chains * len(groups) <= KEPT_SCORES // 4 else 0
        written, clocked = np.zeros((len(groups), kept)), np.zeros((len(groups), kept))
        new = np.arange(len(groups))
        if before is not None and kept and before[0].written.shape[1]:
            known, rest = before
            place = {key: g for g, key in enumerate(known.keys)}
            same = np.array([place.get(key, -1) for key in keys], dtype=np.int64)
            old = np.flatnonzero(same >= 0)
            written[old] = known.written[same[old][:, None], rest]
            clocked[old] = known.clocked[same[old][:, None], rest]
            new = np.flatnonzero(same < 0)
        return cls(keys, new, written, clocked)

    def filled(
        self, chains: IntArray, written: FloatArray, clocked: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """(groups, chains) of both; given are the rows of new groups, which are known from now."""
        if not self.written.shape[1]:
            return written, clocked
        self.written[self.new[:, None], chains] = written
        self.clocked[self.new[:, None], chains] = clocked
        return self.written[:, chains], self.clocked[:, chains]


class _Across:
    """Links between chains and groups: a row for each chain that has any to a group.

    `bits` sums them up, `words` is the strongest.
    """

    def __init__(
        self, groups: Sequence[Group], loose: Sequence[Group], links: Sequence[Link]
    ) -> None:
        told = Links.of(links)
        n = int(told.ends.max(initial=-1)) + 1
        home = home_of([group.sides for group in groups], n)
        chain_of = home_of([chain.sides for chain in loose], n)
        # Each link both ways, one after the other.
        both = np.stack([told.ends, told.ends[:, ::-1]], axis=1).reshape(-1, 2)
        at = np.flatnonzero((chain_of[both[:, 0]] >= 0) & (home[both[:, 1]] >= 0))
        chain, group = chain_of[both[at, 0]], home[both[at, 1]]
        keys, of = distinct(chain * max(len(groups), 1) + group)
        bits = told.bits[at // 2]
        self.chain, self.group = np.divmod(keys, max(len(groups), 1))
        self.bits = np.bincount(of, weights=bits, minlength=len(keys))
        self._words = at[firsts(of, -bits)] // 2
        self._links, self._keys, self._n_groups = told, keys, len(groups)

    @cached_property
    def _place(self) -> dict[int, int]:
        return {key: i for i, key in enumerate(self._keys.tolist())}

    def argument(self, chain: int, group: int) -> Argument | None:
        """What they say for this chain and group."""
        at = self._place.get(chain * self._n_groups + group)
        if at is None:
            return None
        link = self._links[int(self._words[at])]
        return Argument(link.signal, float(self.bits[at]), link.reason)
