"""Draws in parallel processes, each judged by every method; results as they come."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

from bench.accuracy.records import Record, failed

_THREADS = ("POLARS_MAX_THREADS", "RAYON_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
"""One thread a process: the processes fill the cores, and times do not depend on the load."""


@dataclass(frozen=True)
class Task:
    """One draw and the methods that are to judge it; `blanks` are their empty records."""

    row: str
    seed: int
    blanks: tuple[Record, ...]
    cache: Path | None


def judge(task: Task) -> list[Record]:
    """The records of one draw, in the order of its methods. A failure becomes a record."""
    # Here, so that a process reads the number of threads before it loads what uses them.
    from bench.accuracy.answers import material  # noqa: PLC0415
    from bench.accuracy.captures import drawn  # noqa: PLC0415
    from bench.accuracy.measure import measured  # noqa: PLC0415
    from bench.accuracy.methods import METHODS  # noqa: PLC0415

    done: list[Record] = []
    try:
        with drawn(task.row, task.seed, task.cache) as capture:
            found = material(capture)
            where = str(capture.path.relative_to(task.cache)) if task.cache else ""
            for blank in task.blanks:
                try:
                    answer = METHODS[blank.method](found)
                    done.append(measured(replace(blank, capture=where), answer, found))
                except Exception as error:  # shown in the table, and by the exit code
                    done.append(failed(blank, error))
    except Exception as error:
        done = [failed(blank, error) for blank in task.blanks]
    return done


def run(tasks: Sequence[Task], n_jobs: int) -> Iterator[list[Record]]:
    """Judge all tasks; results come in any order and are the same for any `n_jobs`.

    A process that dies fails the draws that were under way; the others go on in new processes.
    """
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    if n_jobs == 1:
        yield from map(judge, tasks)
        return
    left = deque(tasks)
    while left:
        yield from _while_whole(left, n_jobs)


def _while_whole(left: deque[Task], n_jobs: int) -> Iterator[list[Record]]:
    """Takes tasks from `left` until it is empty or the pool of processes broke."""
    waiting: dict[Future[list[Record]], Task] = {}
    broken = False
    spawn = multiprocessing.get_context("spawn")  # a fork of threads that hold locks may hang
    with ProcessPoolExecutor(n_jobs, mp_context=spawn) as pool:
        while waiting or (left and not broken):
            try:
                while left and not broken and len(waiting) < n_jobs:
                    future = pool.submit(judge, left[0])
                    waiting[future] = left.popleft()
            except BrokenProcessPool:
                broken = True
            finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                task = waiting.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool as error:
                    broken = True
                    yield [failed(blank, error) for blank in task.blanks]
