"""Handwriting of many groups at once: the labels as matrices, one row per group.

The same arithmetic as `compare.labels_bits` and `compare.discounted`, for one group against all
others in a few array operations: agglomeration asks it after every merge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.group import Group
from wiretell.signal import LabelRule

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_TEXTS = 1024
"""Texts of one kind that are told apart; of more only those that most groups share."""


@dataclass
class _Kind:
    """`counts` is (groups, texts): how many sides of a group show a text; `totals` all texts'.

    `parts` is counts / totals.
    """

    rule: LabelRule
    counts: FloatArray
    totals: FloatArray
    parts: FloatArray

    def bits(self, a: int, others: IntArray) -> FloatArray | None:
        """Bits of group `a` against `others`; None where it shows no label of this kind."""
        if not self.totals[a]:
            return None
        shown = np.flatnonzero(self.counts[a])
        theirs, totals = self.parts[np.ix_(others, shown)], self.totals[others]
        overlap = np.minimum(theirs, self.parts[a, shown], out=theirs).sum(axis=1)
        fewest = np.minimum(totals, self.totals[a])
        sure = 1.0 - np.exp2(-2.0 * fewest / self.rule.sure_after)
        equal = self.rule.bits_equal * np.minimum(1.0, 0.25 + overlap)
        bits: FloatArray = np.where(overlap > 0.0, equal, self.rule.bits_other * sure)
        bits[totals == 0.0] = 0.0
        return bits


class Writing:
    """The labels of all groups, kept up to date by `merge`."""

    def __init__(self, groups: Sequence[Group], rules: Mapping[str, LabelRule]) -> None:
        """Only kinds that two groups show can be compared."""
        shown = Counter(kind for group in groups for kind in group.labels)
        self._kinds = [_kind(groups, rules[kind]) for kind in sorted(shown) if shown[kind] > 1]

    def bits(self, a: int, others: IntArray) -> FloatArray:
        """Discounted bits for group `a` and each of `others` being one machine."""
        rows = [row for kind in self._kinds if (row := kind.bits(a, others)) is not None]
        if not rows:
            return np.zeros(len(others))
        table = np.stack(rows)
        weights = 0.5 ** np.arange(len(rows))
        gains = -np.sort(-np.maximum(table, 0.0), axis=0)
        losses = np.sort(np.minimum(table, 0.0), axis=0)
        total: FloatArray = weights @ (gains + losses)
        return total

    def merge(self, a: int, b: int) -> None:
        """Group `b` is now part of `a`."""
        for kind in self._kinds:
            for table in (kind.counts, kind.totals, kind.parts):
                table[a] += table[b]
                table[b] = 0.0
            kind.parts[a] = kind.counts[a] / max(kind.totals[a], 1.0)


def _kind(groups: Sequence[Group], rule: LabelRule) -> _Kind:
    spread = Counter(text for group in groups for text in group.labels.get(rule.kind, ()))
    common = sorted(spread, key=lambda text: (-spread[text], text))[:MAX_TEXTS]
    column = {text: i for i, text in enumerate(common)}
    counts = np.zeros((len(groups), len(common)))
    totals = np.zeros(len(groups))
    for i, group in enumerate(groups):
        texts = group.labels.get(rule.kind)
        if not texts:
            continue
        totals[i] = texts.total()
        for text, n in texts.items():
            if text in column:
                counts[i, column[text]] = n
    return _Kind(rule, counts, totals, counts / np.maximum(totals, 1.0)[:, None])
