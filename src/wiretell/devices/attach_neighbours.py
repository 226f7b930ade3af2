"""Loose chains -> what others tied to them know: of two look-ups on one counter one may have been
followed by a call, and then both have a machine.

Links too weak to make a chain tie loose chains to one another. What each knows of its machine is
passed along them (sum-product; exact where ties form a forest, as a counter's do): a tie of
probability p hands on p of what the neighbour knows, without what it was told from here, and for
the rest nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.assign import CHAIN_BITS
from wiretell.devices.group import Group
from wiretell.devices.shown import home_of
from wiretell.signal import Link, Links

if TYPE_CHECKING:
    from scipy.sparse import csr_array

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

ROUNDS, SETTLED = 40, 0.02
"""Passing ends after so many rounds, or when no message moves by more than so many bits."""
MOST_BITS = 13.0
"""Of a tie: more is as good as certain."""
FEW_COLUMNS = 16
"""Rows no longer than this are gone through column by column: NumPy takes long to begin a row."""
FEW_TIES = 100
"""Of fewer, either way, sums are made without SciPy, which takes longer to load."""
MOST_NUMBERS = 1 << 23
"""In the messages (ties * groups); beyond, nothing is passed on."""


class Neighbours:
    """Ties among loose chains. `chains` are those that have any."""

    def __init__(self, n_groups: int, loose: Sequence[Group], links: Sequence[Link]) -> None:
        bits, self._words = _tied(loose, links)
        if 2 * len(bits) * n_groups > MOST_NUMBERS:
            bits = {}
        ends = np.array([*bits], dtype=np.int64).reshape(-1, 2)
        self.chains = np.unique(ends)
        a, b = np.searchsorted(self.chains, ends).T if len(ends) else (ends[:, 0], ends[:, 1])
        odds = np.exp2(np.minimum(np.array([*bits.values()]), MOST_BITS))
        self._from, self._to = np.concatenate([a, b]), np.concatenate([b, a])
        self._true = np.tile(odds / (1.0 + odds), 2)
        self._back = np.roll(np.arange(2 * len(a)), len(a))
        self._into = _into(self._to, len(self.chains)) if len(self._to) > FEW_TIES else None

    def bits(self, known: FloatArray) -> FloatArray:
        """(groups, `chains`): what their neighbours say for each group, in bits.

        `known` has the same shape: what each knows by itself.
        """
        n_groups = len(known)
        own = known.T
        message = np.zeros((len(self._to), n_groups))
        for _ in range(ROUNDS):
            belief = (own + self._sums(message))[self._from] - message[self._back]
            share = np.exp2(np.maximum(belief - _most(belief), -1000.0))
            share /= share.sum(axis=1, keepdims=True)
            true = self._true[:, None]
            new = np.log2(true * share * n_groups + (1.0 - true))
            moved = float(np.abs(new - message).max(initial=0.0))
            message = new
            if moved <= SETTLED:
                break
        return self._sums(message).T

    def _sums(self, message: FloatArray) -> FloatArray:
        """What comes to each chain, added in order of the ties either way."""
        if self._into is not None:
            return np.asarray(self._into @ message)
        sums = np.zeros((len(self.chains), message.shape[1]))
        np.add.at(sums, self._to, message)
        return sums

    def words(self, chain: int) -> tuple[str, str]:
        """Signal and reason of the strongest tie of a chain."""
        link = self._words[chain]
        return link.signal, link.reason


def _into(to: IntArray, n_chains: int) -> csr_array:
    """Ties -> sums by chain; row i of ties goes to chain `to[i]`."""
    from scipy.sparse import csr_array  # noqa: PLC0415 - loaded where many chains are tied

    return csr_array((np.ones(len(to)), (to, np.arange(len(to)))), shape=(n_chains, len(to)))


def _most(rows: FloatArray) -> FloatArray:
    """The greatest number of each row, as a column."""
    if rows.shape[1] > FEW_COLUMNS:
        most: FloatArray = rows.max(axis=1, keepdims=True)
        return most
    most = rows[:, 0].copy()
    for column in rows.T[1:]:
        np.maximum(most, column, out=most)
    return most[:, None]


def _tied(
    loose: Sequence[Group], links: Sequence[Link]
) -> tuple[dict[tuple[int, int], float], dict[int, Link]]:
    """Bits of the links between each two chains, and the strongest link of each chain.

    A link that is strong enough for a chain and made none is contradicted: it is left out.
    """
    told = Links.of(links)
    chain_of = home_of([group.sides for group in loose], int(told.ends.max(initial=-1)) + 1)
    a, b = chain_of[told.ends].T
    across = np.flatnonzero((a >= 0) & (b >= 0) & (a != b) & (told.bits < CHAIN_BITS))
    bits: dict[tuple[int, int], float] = {}
    words: dict[int, Link] = {}
    pairs = zip(
        across.tolist(),
        np.minimum(a, b)[across].tolist(),
        np.maximum(a, b)[across].tolist(),
        strict=True,
    )
    for i, *ends in pairs:
        link, pair = told[i], (ends[0], ends[1])
        bits[pair] = bits.get(pair, 0.0) + link.bits
        for chain in pair:
            if chain not in words or link.bits > words[chain].bits:
                words[chain] = link
    return bits, words
