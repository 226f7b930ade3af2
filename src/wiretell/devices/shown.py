"""What sets of sides show: labels counted, with one object for all sets that write alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from wiretell.signal import Labels

IntArray = NDArray[np.int64]
Shown = dict[str, Counter[str]]

RADIX = 1 << 16
"""Numbers below this are sorted by NumPy in linear time, as 16-bit integers."""
SHORT = 32
"""Sets with more labels than these seldom have the same as another."""
MANY_OF = 16
"""A set with this share of the texts that there are, or more, is counted as an array."""


def home_of(parts: Sequence[Sequence[int]], n_sides: int = 0) -> IntArray:
    """Side -> number of its part; -1 for a side of none. Has `n_sides` at least."""
    sizes = [len(part) for part in parts]
    sides = np.fromiter(chain.from_iterable(parts), dtype=np.int64, count=sum(sizes))
    home = np.full(max(int(sides.max(initial=-1)) + 1, n_sides), -1, dtype=np.int64)
    home[sides] = np.repeat(np.arange(len(parts)), sizes)
    return home


def shown_by(home: IntArray, n_parts: int, labels: Labels) -> list[Shown]:
    """Kind -> text -> how many sides of each part show it, in the order of the labels.

    `home` is as of `home_of`. Parts of the same labels share one object, which is not to be
    changed. Labels of sides in no part, or beyond `home`, are left out.
    """
    if not len(labels) or not n_parts:
        return [{} for _ in range(n_parts)]
    side, code = labels.side, labels.code
    part = home[np.minimum(side, len(home) - 1)]
    outside = (side >= len(home)) | (part < 0)
    if outside.any():
        part, code = part[~outside], code[~outside]
    counts = np.bincount(part, minlength=n_parts)
    code = code[np.argsort(part.astype(np.uint16 if n_parts <= RADIX else np.int64), kind="stable")]
    ends = [0, *np.cumsum(counts).tolist()]
    counting = _Counting(labels.shown, code)
    return [counting.of(begin, end) for begin, end in pairwise(ends)]


class _Counting:
    """Labels that are counted, stretch by stretch of `code`."""

    def __init__(self, shown: Sequence[tuple[str, str]], code: IntArray) -> None:
        self._shown, self._code = shown, code
        self._bytes = memoryview(code.astype(np.int32).tobytes())
        self._known: dict[bytes, Shown] = {}
        self._lone: dict[tuple[int, int], Counter[str]] = {}

    def of(self, begin: int, end: int) -> Shown:
        if end - begin > SHORT:
            return self._counted(begin, end)
        key = bytes(self._bytes[4 * begin : 4 * end])
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._counted(begin, end)
        return found

    def _counts(self, begin: int, end: int) -> Iterable[tuple[int, int]]:
        """(code, how often) in order of first sight."""
        code = self._code[begin:end]
        if len(code) * MANY_OF < len(self._shown) or len(code) <= SHORT:
            return Counter(code.tolist()).items()
        counts = np.bincount(code)
        first = np.full(len(counts), len(code))
        first[code[::-1]] = np.arange(len(code))[::-1]
        seen = np.flatnonzero(counts)
        seen = seen[np.argsort(first[seen])]
        return zip(seen.tolist(), counts[seen].tolist(), strict=True)

    def _counted(self, begin: int, end: int) -> Shown:
        found: Shown = {}
        several: set[str] = set()
        for row in self._counts(begin, end):
            kind, text = self._shown[row[0]]
            texts = found.get(kind)
            if texts is None:
                lone = self._lone.get(row)
                if lone is None:
                    lone = self._lone[row] = Counter({text: row[1]})
                found[kind] = lone
                continue
            if kind not in several:
                texts = found[kind] = Counter(texts)
                several.add(kind)
            texts[text] = row[1]
        return found
