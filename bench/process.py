"""Run a whole process and say what it cost."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """Wall-clock and CPU seconds (user and system, all threads), greatest resident memory."""

    wall_s: float
    cpu_s: float
    peak_rss_bytes: int


def run(command: Sequence[str]) -> Cost:
    """One run with output thrown away; RuntimeError with what it said where it fails.

    The kernel counts a parent's memory towards a child's peak, so the caller must stay small.
    """
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C", "NO_COLOR": "1"}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
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
