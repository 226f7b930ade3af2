"""Handwriting of many groups at once: which group shows which text, as flat arrays.

The same arithmetic as `compare.labels_bits` and `compare.discounted`, for one group against all
others in a few array operations: agglomeration asks it after every merge. Most groups show few
texts, so what two groups share is found among the texts that are shown, not among all there are.
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
    """One kind of label: a row of `group`, `text`, `count` and `part` for each text of a group.

    `count` is how many sides of the group show the text, `part` its share in all labels of the
    kind that the group shows, `totals` how many these are.
    """

    rule: LabelRule
    n_texts: int
    totals: FloatArray
    group: IntArray
    text: IntArray
    count: FloatArray
    part: FloatArray

    def bits(self, a: int, others: IntArray) -> FloatArray | None:
        """Bits of group `a` against `others`; None where it shows no label of this kind."""
        if not self.totals[a]:
            return None
        mine = self.group == a
        own = np.zeros(self.n_texts)
        own[self.text[mine]] = self.part[mine]
        if len(others) == 1:
            theirs = self.group == others[0]
            both = np.minimum(self.part[theirs], own[self.text[theirs]])
            overlap = np.array([both.sum()])
        else:
            both = np.minimum(self.part, own[self.text])
            overlap = np.bincount(self.group, both, len(self.totals))[others]
        totals = self.totals[others]
        fewest = np.minimum(totals, self.totals[a])
        sure = 1.0 - np.exp2(-2.0 / self.rule.sure_after * fewest)
        equal = self.rule.bits_equal * np.minimum(1.0, 0.25 + overlap)
        bits: FloatArray = np.where(overlap > 0.0, equal, self.rule.bits_other * sure)
        bits[totals == 0.0] = 0.0
        return bits

    def merge(self, a: int, b: int) -> None:
        """The texts of `b` are now also those of `a`."""
        if not self.totals[b]:
            return
        total = self.totals[a] + self.totals[b]
        self.totals[a], self.totals[b] = total, 0.0
        ours = (self.group == a) | (self.group == b)
        counts = np.bincount(self.text[ours], self.count[ours], self.n_texts)
        texts = np.flatnonzero(counts)
        rest = ~ours
        self.group = np.concatenate([self.group[rest], np.full(len(texts), a)])
        self.text = np.concatenate([self.text[rest], texts])
        self.count = np.concatenate([self.count[rest], counts[texts]])
        self.part = np.concatenate([self.part[rest], counts[texts] / total])


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
        table = np.stack(rows, axis=1)
        table.sort(axis=1)
        weights = 0.5 ** np.arange(len(rows))
        gains, losses = np.maximum(table[:, ::-1], 0.0), np.minimum(table, 0.0)
        total: FloatArray = (gains + losses) @ weights
        return total

    def merge(self, a: int, b: int) -> None:
        """Group `b` is now part of `a`."""
        for kind in self._kinds:
            kind.merge(a, b)


def _kind(groups: Sequence[Group], rule: LabelRule) -> _Kind:
    spread = Counter(text for group in groups for text in group.labels.get(rule.kind, ()))
    common = sorted(spread, key=lambda text: (-spread[text], text))[:MAX_TEXTS]
    column = {text: i for i, text in enumerate(common)}
    totals = np.zeros(len(groups))
    rows: list[tuple[int, int, int]] = []
    for i, group in enumerate(groups):
        texts = group.labels.get(rule.kind)
        if not texts:
            continue
        totals[i] = texts.total()
        rows += [(i, column[text], n) for text, n in texts.items() if text in column]
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    count = table[:, 2].astype(np.float64)
    owner, place = np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])
    return _Kind(rule, len(column), totals, owner, place, count, count / totals[owner])
