"""Run a whole process and say what it cost."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO


@dataclass(frozen=True)
class Cost:
    """Wall-clock and CPU seconds (user and system, all threads), greatest resident memory."""

    wall_s: float
    cpu_s: float
    peak_rss_bytes: int


def run(command: Sequence[str], *, fed_by: Sequence[str] = (), cores: Collection[int] = ()) -> Cost:
    """One run with output thrown away; RuntimeError with what it said where it fails.

    `fed_by` is a command whose output is its input, and whose cost is not counted; `cores` are
    those that it may use, all where none are named. The kernel counts a parent's memory towards a
    child's peak, so the caller must stay small.
    """
    with ExitStack() as stack:
        source: IO[bytes] | int = subprocess.DEVNULL
        if fed_by:
            feeder = stack.enter_context(subprocess.Popen(fed_by, stdout=subprocess.PIPE))
            assert feeder.stdout is not None
            source = feeder.stdout
        return _run(command, source, cores)


def _run(command: Sequence[str], source: IO[bytes] | int, cores: Collection[int]) -> Cost:
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C", "NO_COLOR": "1"}
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores or allowed)
    try:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=source,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    finally:
        os.sched_setaffinity(0, allowed)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure over some runs."""
    return Cost(
        statistics.median(cost.wall_s for cost in costs),
        statistics.median(cost.cpu_s for cost in costs),
        int(statistics.median(cost.peak_rss_bytes for cost in costs)),
    )
