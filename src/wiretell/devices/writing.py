"""Handwriting of many groups at once: which group shows which text, as flat arrays.

The same arithmetic as `compare.labels_bits` and `compare.discounted`, for one group against all
others in a few array operations: agglomeration asks it after every merge. Most groups show few
texts, so what two groups share is found among the texts that are shown, not among all there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.group import Group
from wiretell.signal import LabelRule
from wiretell.stats.assignment import codes

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_TEXTS = 1024
"""Texts of one kind that are told apart; of more only those that most groups share."""


class Writing:
    """The labels of all groups, kept up to date by `merge`.

    There is a row for each text that a group shows, in order of texts (of all kinds): `_slot`
    says for which kind and group, `_count` how many sides of the group show it, `_part` which
    share of all its labels of the kind that is. `_totals` counts these, by kind and group.
    """

    def __init__(self, groups: Sequence[Group], rules: Mapping[str, LabelRule]) -> None:
        """Only kinds that two groups show can be compared."""
        shown = Counter(kind for group in groups for kind in group.labels)
        kinds = [rules[kind] for kind in sorted(shown) if shown[kind] > 1]
        self._equal = np.array([rule.bits_equal for rule in kinds])
        self._other = np.array([rule.bits_other for rule in kinds])
        self._fewer = np.array([-2.0 / rule.sure_after for rule in kinds])
        self._weights = 0.5 ** np.arange(len(kinds))
        self._totals = np.zeros((len(kinds), len(groups)))
        rows: list[tuple[int, int, int]] = []
        n_texts = 0
        for k, rule in enumerate(kinds):
            column = {text: n_texts + i for i, text in enumerate(_common(groups, rule.kind))}
            n_texts += len(column)
            for g, group in enumerate(groups):
                texts = group.labels.get(rule.kind)
                if texts:
                    self._totals[k, g] = texts.total()
                    slot = k * len(groups) + g
                    rows += [(column[t], slot, n) for t, n in texts.items() if t in column]
        table = np.array(rows, dtype=np.int64).reshape(-1, 3)
        text, self._slot, count = table[np.argsort(table[:, 0], kind="stable")].T.copy()
        self._count = count.astype(np.float64)
        self._part = self._count / self._totals.reshape(-1)[self._slot]
        self._begin = np.searchsorted(text, np.arange(n_texts + 1))
        self._shown = np.diff(self._begin)
        owner = self._slot % max(len(groups), 1)
        order = np.argsort(owner, kind="stable")
        ends = np.searchsorted(owner[order], np.arange(1, len(groups)))
        self._own = np.split(order, ends)
        self._text = text
        # Groups that write alike mostly share one object, and until one is merged their bits.
        looks = codes(id(group.labels) for group in groups)
        self._look = looks if int(looks.max(initial=-1)) + 1 < len(groups) else None
        self._known: dict[int, FloatArray] = {}

    def bits(self, a: int, others: IntArray) -> FloatArray:
        """Discounted bits for group `a` and each of `others` being one machine."""
        if self._look is None:
            return self._bits(a, others)
        look = int(self._look[a])
        if look not in self._known:
            self._known[look] = self._bits(a, np.arange(len(self._look)))
        return self._known[look][others]

    def _bits(self, a: int, others: IntArray) -> FloatArray:
        mine = self._totals[:, a]
        kinds = np.flatnonzero(mine)
        if not len(kinds) or not len(others):
            return np.zeros(len(others))
        own = self._own[a]
        texts = self._text[own]
        n = self._shown[texts]
        ends = np.cumsum(n)
        rows = np.arange(ends[-1]) + np.repeat(self._begin[texts] - ends + n, n)
        shared = np.minimum(self._part[rows], np.repeat(self._part[own], n))
        overlap = np.bincount(self._slot[rows], shared, self._totals.size)
        overlap = overlap.reshape(self._totals.shape)
        totals = self._totals
        if len(kinds) < len(totals):
            overlap, totals = overlap[kinds], totals[kinds]
        overlap, totals = overlap.take(others, axis=1), totals.take(others, axis=1)
        sure = np.minimum(totals, mine[kinds, None])
        sure *= self._fewer[kinds, None]
        np.subtract(1.0, np.exp2(sure, out=sure), out=sure)
        sure *= self._other[kinds, None]
        table = np.minimum(1.0, 0.25 + overlap)
        table *= self._equal[kinds, None]
        np.copyto(table, sure, where=overlap <= 0.0)
        table[totals == 0.0] = 0.0
        table = table.T.copy()
        table.sort(axis=1)
        bits = np.maximum(table[:, ::-1], 0.0)
        bits += np.minimum(table, 0.0)
        total: FloatArray = bits @ self._weights[: len(kinds)]
        return total

    def merge(self, a: int, b: int) -> None:
        """Group `b` is now part of `a`."""
        self._look = None
        self._known.clear()
        mine, theirs = self._own[a], self._own[b]
        # Rows are in order of texts, so a text's row is found by its number.
        at = np.searchsorted(self._text[mine], self._text[theirs])
        both = at < len(mine)
        both[both] = self._text[mine[at[both]]] == self._text[theirs[both]]
        again, new = theirs[both], theirs[~both]
        self._count[mine[at[both]]] += self._count[again]
        self._count[again] = self._part[again] = 0.0
        self._slot[new] += a - b
        self._totals[:, a] += self._totals[:, b]
        self._totals[:, b] = 0.0
        own = self._own[a] = np.sort(np.concatenate([mine, new]))
        self._own[b] = np.empty(0, dtype=np.int64)
        self._part[own] = self._count[own] / self._totals.reshape(-1)[self._slot[own]]


def _common(groups: Sequence[Group], kind: str) -> list[str]:
    spread = Counter(text for group in groups for text in group.labels.get(kind, ()))
    return sorted(spread, key=lambda text: (-spread[text], text))[:MAX_TEXTS]
