"""Handwriting of many chains against the groups they may go to, as matrices.

The same arithmetic as `compare.labels_bits` and `compare.discounted`. Chains that write exactly
alike are one look, and compared once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wiretell.devices.group import Group
from wiretell.signal import LabelRule

if TYPE_CHECKING:
    from scipy.sparse import csc_array

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

FEW_CELLS = 1 << 14
"""In a table of groups and texts: a smaller one is kept with its zeros, which needs no SciPy."""

Look = tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
"""(kind, ((text, how many sides show it), ...)), sorted."""


@dataclass(frozen=True)
class _Kind:
    """One kind of label. `parts` is (groups, texts): a text's share in a group's labels.

    `shown` counts the labels of each group, `totals` those of each look. `text`, `look` and `part`
    have a row for each text of a look that some group shows too, in order of looks.
    """

    rule: LabelRule
    parts: csc_array | FloatArray
    shown: FloatArray
    totals: FloatArray
    text: IntArray
    look: IntArray
    part: FloatArray

    def bits(self, low: int, high: int, groups: IntArray) -> FloatArray | None:
        """Bits (`groups`, looks) of the looks from `low` up to `high`; None where none shows it."""
        totals = self.totals[low:high]
        if not totals.any():
            return None
        first, last = np.searchsorted(self.look, [low, high])
        shown = self.shown[groups]
        overlap = np.zeros((len(groups), high - low))
        if last > first:
            parts = self.parts[:, self.text[first:last]]
            theirs = (parts if isinstance(parts, np.ndarray) else parts.toarray())[groups]
            shared = np.minimum(theirs, self.part[first:last])
            own = self.look[first:last]
            begins = np.flatnonzero(np.diff(own, prepend=-1))
            overlap[:, own[begins] - low] = np.add.reduceat(shared, begins, axis=1)
        fewest = np.minimum(shown[:, None], totals)
        sure = 1.0 - np.exp2(-fewest / self.rule.sure_after * 2.0)
        equal = self.rule.bits_equal * np.minimum(1.0, 0.25 + overlap)
        bits: FloatArray = np.where(overlap > 0.0, equal, self.rule.bits_other * sure)
        bits[shown == 0.0] = 0.0
        bits[:, totals == 0.0] = 0.0
        return bits


@dataclass(frozen=True)
class ChainLooks:
    """The looks of loose chains: `of_chain` has the number of each chain's look.

    `shown` is kind -> (number of a look, what it shows of the kind), in order of looks.
    """

    n: int
    of_chain: IntArray
    shown: Mapping[str, Sequence[tuple[int, tuple[tuple[str, int], ...]]]]

    @classmethod
    def of(cls, loose: Sequence[Group]) -> ChainLooks:
        """Of these chains."""
        known: dict[Look, int] = {}
        # Chains that write alike mostly share one object.
        of_labels: dict[int, int] = {}
        for chain in loose:
            if id(chain.labels) not in of_labels:
                of_labels[id(chain.labels)] = known.setdefault(_look(chain), len(known))
        of_chain = np.array([of_labels[id(chain.labels)] for chain in loose], dtype=np.int64)
        shown: dict[str, list[tuple[int, tuple[tuple[str, int], ...]]]] = {}
        for number, look in enumerate(known):
            for kind, texts in look:
                shown.setdefault(kind, []).append((number, texts))
        return cls(len(known), of_chain, shown)

    def at(self, rest: IntArray) -> ChainLooks:
        """Of some of the chains."""
        return replace(self, of_chain=self.of_chain[rest])


class Looks:
    """The looks of loose chains against those of groups."""

    def __init__(
        self, groups: Sequence[Group], loose: ChainLooks, rules: Mapping[str, LabelRule]
    ) -> None:
        shown = {kind for group in groups for kind in group.labels}
        self._kinds = [
            _kind(groups, rules[kind], loose.shown[kind], loose.n)
            for kind in sorted(shown & loose.shown.keys())
        ]

    def bits(self, low: int, high: int, groups: IntArray) -> FloatArray:
        """Discounted bits (`groups`, looks) of the looks from `low` up to `high`."""
        rows = [row for kind in self._kinds if (row := kind.bits(low, high, groups)) is not None]
        total: FloatArray = np.zeros((len(groups), high - low))
        if not rows:
            return total
        table = np.stack(rows)
        gains = -np.sort(-np.maximum(table, 0.0), axis=0)
        losses = np.sort(np.minimum(table, 0.0), axis=0)
        for i, (gain, loss) in enumerate(zip(gains, losses, strict=True)):
            total += 0.5**i * (gain + loss)
        return total


def _look(chain: Group) -> Look:
    return tuple(
        (kind, tuple(sorted(texts.items()))) for kind, texts in sorted(chain.labels.items())
    )


def _kind(
    groups: Sequence[Group],
    rule: LabelRule,
    rows: Sequence[tuple[int, tuple[tuple[str, int], ...]]],
    n_looks: int,
) -> _Kind:
    column: dict[str, int] = {}
    wanted = {text for _, texts in rows for text, _ in texts}
    shown = np.zeros(len(groups))
    entries: list[tuple[int, int, float]] = []
    for g, group in enumerate(groups):
        counts = group.labels.get(rule.kind)
        if not counts:
            continue
        shown[g] = total = counts.total()
        for text in sorted(wanted & counts.keys()) if len(wanted) < len(counts) else counts:
            if text in wanted:
                entries.append((g, column.setdefault(text, len(column)), counts[text] / total))
    totals = np.zeros(n_looks)
    found: list[tuple[int, int, float]] = []
    for number, texts in rows:
        totals[number] = total = sum(n for _, n in texts)
        found += [(column[t], number, n / total) for t, n in texts if t in column]
    g_of, t_of, part_of = _columns(entries)
    parts = _table(g_of, t_of, part_of, (len(groups), len(column)))
    return _Kind(rule, parts, shown, totals, *_columns(found))


def _table(
    row: IntArray, column: IntArray, value: FloatArray, shape: tuple[int, int]
) -> csc_array | FloatArray:
    """Each value in its place, which no other has."""
    if shape[0] * shape[1] <= FEW_CELLS:
        table = np.zeros(shape)
        table[row, column] = value
        return table
    from scipy.sparse import csc_array  # noqa: PLC0415

    return csc_array((value, (row, column)), shape)


def _columns(rows: Sequence[tuple[int, int, float]]) -> tuple[IntArray, IntArray, FloatArray]:
    first, second, third = zip(*rows, strict=True) if rows else ((), (), ())
    return (
        np.array(first, dtype=np.int64),
        np.array(second, dtype=np.int64),
        np.array(third, dtype=np.float64),
    )
