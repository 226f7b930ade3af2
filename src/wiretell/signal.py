"""What a signal is and what it hands on: observations, links between flow sides, labels, clocks.

A *side* is one end of a flow: the unit that is attributed to a machine. For one address the
sides are numbered 0..n-1 in order of time (the table of `devices.sides`); every signal speaks of
sides by that number. New signals add rows to these lists, never new kinds of list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, overload

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.stats.joint_rate import Edges


class Link(NamedTuple):
    """One argument that two sides are the same machine: a counter goes on from `a` to `b`.

    `counter` names a dense counter, one that every flow of a machine steps; its marks are handed
    on as a `Counter`. Empty where some flows do not step it.
    """

    signal: str
    a: int
    b: int
    bits: float
    reason: str
    counter: str = ""


class Links(Sequence[Link]):
    """Links with their columns as arrays: `ends` has `a` and `b` of each."""

    def __init__(self, links: Sequence[Link]) -> None:
        self._links = links
        rows: list[Sequence[Any]] = list(zip(*links, strict=True)) or [()] * 6
        self.signals: Sequence[str] = rows[0]
        self.ends = np.array(rows[1:3], dtype=np.int64).T
        self.bits = np.array(rows[3], dtype=np.float64)
        self.reasons: Sequence[str] = rows[4]
        self.dense = np.array([bool(name) for name in rows[5]], dtype=bool)

    @classmethod
    def of(cls, links: Sequence[Link]) -> Links:
        """The same links, in the same order."""
        return links if isinstance(links, Links) else cls(links)

    def __len__(self) -> int:
        """Number of links."""
        return len(self._links)

    @overload
    def __getitem__(self, at: int) -> Link: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Link]: ...

    def __getitem__(self, at: int | slice) -> Link | Sequence[Link]:
        """One link, or several."""
        return self._links[at]

    def __iter__(self) -> Iterator[Link]:
        """All of them."""
        return iter(self._links)


@dataclass(frozen=True, slots=True)
class Label:
    """Handwriting of one side. Equal labels of a kind speak for one machine, others against."""

    side: int
    kind: str
    text: str


class Labels(Sequence[Label]):
    """Labels as columns: an address of many flows has millions, of few different texts.

    `side` and `code` have a row per label; `shown` has kind and text of each code.
    """

    def __init__(
        self,
        side: NDArray[np.int64],
        code: NDArray[np.int64],
        shown: Sequence[tuple[str, str]],
    ) -> None:
        self.side, self.code, self.shown = side, code, shown

    @classmethod
    def of(cls, labels: Iterable[Label]) -> Labels:
        """The same labels, in the same order."""
        if isinstance(labels, Labels):
            return labels
        known: dict[tuple[str, str], int] = {}
        rows = [(x.side, known.setdefault((x.kind, x.text), len(known))) for x in labels]
        side, code = np.array(rows, dtype=np.int64).reshape(-1, 2).T
        return cls(side, code, list(known))

    @classmethod
    def together(cls, parts: Iterable[Iterable[Label]]) -> Labels:
        """All labels of the parts, one part after the other."""
        known: dict[tuple[str, str], int] = {}
        sides, codes = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
        for part in parts:
            labels = cls.of(part)
            if len(labels):
                place = [known.setdefault(x, len(known)) for x in labels.shown]
                sides.append(labels.side)
                codes.append(np.array(place, dtype=np.int64)[labels.code])
        return cls(np.concatenate(sides), np.concatenate(codes), list(known))

    def __len__(self) -> int:
        """Number of labels."""
        return len(self.side)

    @overload
    def __getitem__(self, at: int) -> Label: ...

    @overload
    def __getitem__(self, at: slice) -> Labels: ...

    def __getitem__(self, at: int | slice) -> Label | Labels:
        """One label, or several as columns."""
        if isinstance(at, slice):
            return Labels(self.side[at], self.code[at], self.shown)
        return Label(int(self.side[at]), *self.shown[self.code[at]])

    def __iter__(self) -> Iterator[Label]:
        """Labels as objects."""
        for side, code in zip(self.side.tolist(), self.code.tolist(), strict=True):
            yield Label(side, *self.shown[code])


@dataclass(frozen=True)
class LabelRule:
    """How labels of one kind are weighed, group against group.

    `bits_equal` is what sharing a label says for one machine, `bits_other` (negative) what
    sharing none says against it once both groups showed `sure_after` labels each. Both are
    rates in the world at large, not on the address: a household seldom owns two alike.
    """

    kind: str
    bits_equal: float
    bits_other: float
    words: str
    sure_after: int = 4


@dataclass(frozen=True)
class Clock:
    """One clock line: sides that read the same clock, or one side with a clock of its own offset.

    `scope` says what the offset is common to: "host" (several destinations on one line),
    "destination" (several flows, all to one destination), "flow" (a single flow).
    Times are seconds since the earliest packet of all. `edges` is what a joint fit over several
    clocks of one machine needs (`stats.joint_rate`); None where no rate shows.
    """

    sides: tuple[int, ...]
    scope: str
    hz: float
    nominal_hz: float
    skew_ppm: float
    error_ppm: float
    n_readings: int
    first_s: float
    last_s: float
    v_first: int
    v_last: int
    peer: str = ""
    edges: Edges | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Hold:
    """A connection of a kind of which a machine keeps one at a time, from `first_s` to `last_s`."""

    side: int
    kind: str
    first_s: float
    last_s: float


class Marks(NamedTuple):
    """Where sides met a counter: a row per side; times in s."""

    side: NDArray[np.int64]
    start_s: NDArray[np.float64]
    first: NDArray[np.int64]
    end_s: NDArray[np.float64]
    last: NDArray[np.int64]

    def of(self, rows: NDArray[np.int64]) -> Marks:
        """These rows."""
        return Marks(
            self.side[rows],
            self.start_s[rows],
            self.first[rows],
            self.end_s[rows],
            self.last[rows],
        )


Mark = tuple[tuple[float, int], tuple[float, int]]


class MarksBySide(Mapping[int, Mark]):
    """`Marks` as a mapping: side -> (time s, value) at its first and at its last packet."""

    def __init__(self, columns: Marks) -> None:
        self.columns = columns

    @cached_property
    def _each(self) -> dict[int, Mark]:
        side, *ends = (column.tolist() for column in self.columns)
        start_s, first, end_s, last = ends
        begin, end = zip(start_s, first, strict=True), zip(end_s, last, strict=True)
        return dict(zip(side, zip(begin, end, strict=True), strict=True))

    def __getitem__(self, side: int) -> Mark:
        """The mark of one side."""
        return self._each[side]

    def __iter__(self) -> Iterator[int]:
        """The sides."""
        return iter(self.columns.side.tolist())

    def __len__(self) -> int:
        """Number of sides."""
        return len(self.columns.side)


@dataclass(frozen=True)
class Counter:
    """A counter that every flow of a machine steps, and where each side met it.

    `marks` is side -> (time s, value) at its first and at its last packet; values are modulo
    `modulus`. Between two flows of one machine it advances by at most `slack` and
    `per_second` times the time between them. `name` tells counters of one signal apart.
    """

    signal: str
    modulus: int
    slack: int
    per_second: float
    marks: Mapping[int, Mark]
    name: str = ""

    @cached_property
    def columns(self) -> Marks:
        """The marks as columns, in order of time."""
        if isinstance(self.marks, MarksBySide):
            told = self.marks.columns
        else:
            side = np.fromiter(self.marks, dtype=np.int64, count=len(self.marks))
            rows = [(*begin, *end) for begin, end in self.marks.values()]
            start_s, first, end_s, last = np.array(rows, dtype=np.float64).reshape(-1, 4).T
            told = Marks(side, start_s, first.astype(np.int64), end_s, last.astype(np.int64))
        order = np.lexsort((told.last, told.end_s, told.first, told.start_s))
        return told.of(order)


@dataclass(frozen=True)
class Steps:
    """All ways in which a dense counter may go on, rivals included: edges from side to later side.

    `bits` is what each edge says by itself, before its rivals are asked; `words(i)` is the reason
    of edge i. Counters of one machine advance together, so where several are known the edges are
    weighed against all of them before the likeliest are chosen.
    """

    signal: str
    counter: str
    tail: NDArray[np.int64]
    head: NDArray[np.int64]
    bits: NDArray[np.float64]
    words: Callable[[int], str]


@dataclass(frozen=True)
class Scores:
    """What one signal says about one address."""

    links: Sequence[Link] = ()
    labels: Sequence[Label] = ()
    rules: Sequence[LabelRule] = ()
    clocks: Sequence[Clock] = ()
    counters: Sequence[Counter] = ()
    holds: Sequence[Hold] = ()
    steps: Sequence[Steps] = ()
    regimes: Mapping[int, str] = field(default_factory=dict)
    """Side -> regime of this signal's quantity there, in words."""


Extract = Callable[[pl.DataFrame], pl.DataFrame]
"""Batch of flows with payloads -> OBSERVATIONS rows."""

Score = Callable[[pl.DataFrame, pl.DataFrame], Scores]
"""(sides of one address, OBSERVATIONS of that address) -> scores."""

ScoreEach = Callable[[pl.DataFrame, NDArray[np.int64]], list[Scores]]
"""(sides of several addresses, row where each begins and the end) -> scores of each.

For signals that read no observations. `number` begins anew with each address.
"""


@dataclass(frozen=True)
class Signal:
    """A named signal; either half may be absent.

    `score_each` gives what `score` does, sooner where addresses are many and small.
    `of_servers`: it also argues about addresses that only answer. What the others read (ports
    and handwriting of clients) is not there to be read.
    """

    name: str
    extract: Extract | None = None
    score: Score | None = None
    score_each: ScoreEach | None = None
    of_servers: bool = False
