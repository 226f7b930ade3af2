"""How work comes to the processes that judge: in order, and no more ahead than is wanted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

import pytest

from wiretell import workers
from wiretell.workers import spread


@dataclass(frozen=True)
class Piece:
    """Stands for a part of the addresses."""

    name: int
    n_sides: int = 10


def spread_over(pool: ThreadPoolExecutor, judge: Any, work: Iterator[Piece]) -> Iterator[Any]:
    return spread(cast("Any", pool), 2, judge, cast("Any", work))


def test_results_come_in_the_order_of_the_work() -> None:
    later = threading.Event()

    def judge(piece: Piece) -> int:
        if piece.name == 0:
            assert later.wait(10.0)  # the first is done last
        elif piece.name == 5:
            later.set()
        return piece.name

    with ThreadPoolExecutor(2) as pool:
        assert list(spread_over(pool, judge, map(Piece, range(6)))) == [*range(6)]


def test_pieces_are_made_only_as_far_ahead_as_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "AHEAD_SIDES", 30)
    given: list[tuple[Piece, Future[int]]] = []

    class Pool:
        """Judges a piece when seven are there: 60 sides may wait, and one piece goes beyond."""

        def submit(self, judge: Any, piece: Piece) -> Future[int]:
            del judge
            given.append((piece, Future()))
            if len(given) == 7:
                given[0][1].set_result(0)
            return given[-1][1]

    results = spread(cast("Any", Pool()), 2, cast("Any", None), cast("Any", map(Piece, range(99))))
    assert next(results) == 0
    assert [piece.name for piece, _ in given] == [*range(7)]


def test_what_waits_is_not_judged_when_a_piece_fails() -> None:
    given: list[Future[int]] = []

    class Pool:
        """The second piece fails, all others wait."""

        def submit(self, judge: Any, piece: Piece) -> Future[int]:
            del judge
            given.append(Future())
            if piece.name == 4:
                given[0].set_result(0)
                given[1].set_exception(MemoryError("no more"))
            return given[-1]

    results = spread(cast("Any", Pool()), 1, cast("Any", None), cast("Any", map(Piece, range(5))))
    with pytest.raises(MemoryError, match="no more"):
        list(results)
    assert [waiting.cancelled() for waiting in given[2:]] == [True] * 3
