"""Processes that judge parts of an analysis, and how work comes to them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wiretell.devices.engine import Result, Work

AHEAD_SIDES = 150_000
"""Flow sides that wait to be judged for each process: none runs dry while windows are joined."""


def start_workers(jobs: int) -> ProcessPoolExecutor:
    """Processes that start at once, each with what judging needs."""
    # A forked copy of a program with threads may hang: new processes begin from nothing.
    workers = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
    with _environment(POLARS_MAX_THREADS="1", OPENBLAS_NUM_THREADS="1"):
        for _ in range(jobs):
            workers.submit(_ready)
    return workers


@contextmanager
def _environment(**wanted: str) -> Iterator[None]:
    """Processes that start meanwhile get these variables, where they are not set.

    Tables of an address are small: threads of their own in each process get in one another's way.
    """
    new = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            del os.environ[name]


def _ready() -> None:
    """Loads what judging needs."""
    import wiretell.devices.engine  # noqa: F401, PLC0415 - in the new process alone


def spread(
    workers: ProcessPoolExecutor,
    jobs: int,
    judge_work: Callable[[Work], Result],
    work: Iterable[Work],
) -> Iterator[Result]:
    """As `map`, in other processes: a piece of work is made when it is soon to be judged.

    A pool's own `map` makes and holds all pieces at once, which are as large as all flows.
    """
    under_way: deque[tuple[Future[Result], int]] = deque()
    ahead = 0
    try:
        for piece in work:
            under_way.append((workers.submit(judge_work, piece), piece.n_sides))
            ahead += piece.n_sides
            while under_way and (ahead > jobs * AHEAD_SIDES or under_way[0][0].done()):
                result, n_sides = under_way.popleft()
                ahead -= n_sides
                yield result.result()
        while under_way:
            yield under_way.popleft()[0].result()
    finally:
        for result, _ in under_way:
            result.cancel()
