"""Counters of one machine advance together: links chosen with all of them in view.

Where two alike machines' ports cross, ports alone cannot tell whose is the next connection; their
identifications are elsewhere, and do. So every way in which a dense counter may have gone on is
weighed by what the other counters of both flows say of it, and only then the path cover of
greatest total gain is taken (a minimum-cost path cover over all counters at once).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wiretell.signal import Counter, Link, Steps
from wiretell.stats.assignment import log_odds, path_cover

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

AGREES_BITS, CROSSES_BITS = 6.0, -10.0
"""What another counter says of a step at most: it goes on as well, or it is elsewhere."""
PRUNE_BITS, LEAST_BITS, MOST_BITS = -6.0, 0.5, 16.0


def joint_links(
    links: Sequence[Link], steps: Sequence[Steps], counters: Sequence[Counter], n_sides: int
) -> list[Link]:
    """The links, those of a counter chosen anew where another counter is known of its sides."""
    marked = [_Marks.of(counter, n_sides) for counter in counters]
    result = list(links)
    for ways in steps:
        others = [marks for marks in marked if marks.signal != ways.signal]
        said = [marks.agreement(ways.tail, ways.head) for marks in others]
        if not any(np.any(bits) for bits in said):
            continue
        gain = ways.bits + sum(said)
        odds = log_odds(n_sides, ways.tail, ways.head, gain)
        likely = np.flatnonzero((odds > PRUNE_BITS) & (gain > 0.0))
        taken = likely[path_cover(n_sides, ways.tail[likely], ways.head[likely], gain[likely])]
        result = [link for link in result if link.counter != ways.counter]
        result += [
            Link(ways.signal, tail, head, min(bits, MOST_BITS), ways.words(i), ways.counter)
            for i, tail, head, bits in zip(
                *(x[taken].tolist() for x in (np.arange(len(gain)), ways.tail, ways.head, odds)),
                strict=True,
            )
            if bits >= LEAST_BITS
        ]
    return result


@dataclass(frozen=True)
class _Marks:
    """Where each side met one counter, as arrays over sides; `known` where it did."""

    signal: str
    counter: Counter
    known: NDArray[np.bool_]
    first_s: FloatArray
    first: IntArray
    last_s: FloatArray
    last: IntArray

    @classmethod
    def of(cls, counter: Counter, n_sides: int) -> _Marks:
        known = np.zeros(n_sides, dtype=bool)
        first_s, last_s = np.zeros(n_sides), np.zeros(n_sides)
        first, last = np.zeros(n_sides, dtype=np.int64), np.zeros(n_sides, dtype=np.int64)
        marks = counter.columns
        known[marks.side] = True
        first_s[marks.side], last_s[marks.side] = marks.start_s, marks.end_s
        first[marks.side], last[marks.side] = marks.first, marks.last
        return cls(counter.signal, counter, known, first_s, first, last_s, last)

    def agreement(self, tail: IntArray, head: IntArray) -> FloatArray:
        """Bits that this counter adds to each step from side `tail` to side `head`; 0: unknown."""
        modulus = self.counter.modulus
        ended = self.last_s[tail] <= self.first_s[head]
        at_s = np.where(ended, self.last_s[tail], self.first_s[tail])
        at = np.where(ended, self.last[tail], self.first[tail])
        reach = self.counter.slack + self.counter.per_second * np.abs(self.first_s[head] - at_s)
        share = np.minimum(2.0 * reach / modulus, 1.0)
        step = (self.first[head] - at) % modulus
        within = np.minimum(step, modulus - step) <= reach
        agrees = np.minimum(-np.log2(np.maximum(share, 1e-9)), AGREES_BITS)
        bits = np.where(within, agrees, CROSSES_BITS * (1.0 - share))
        result: FloatArray = np.where(self.known[tail] & self.known[head], bits, 0.0)
        return result
