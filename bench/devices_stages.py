"""Where the processor time of `wiretell devices` goes: seconds of each stage, in one process.

    python -m bench.devices_stages CAPTURE...

A stage is told without the stages inside it. Threads of the core and of Polars are in "other
threads"; the loop of plain Python beside them says how busy the machine was: on a quiet one
it takes the same each time.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import wraps
from importlib import import_module
from typing import Any

from wiretell import pipeline
from wiretell.model.report import Report
from wiretell.signals import ALL

STAGES = (
    ("wiretell.pipeline", "_measure", "tracking, samples and flows put in order"),
    ("wiretell.devices.engine", "find_devices", "sides in order, tables put together"),
    ("wiretell.devices.engine", "_judge_part", "rows gathered into tables"),
    ("wiretell.devices.engine", "_evidence", "evidence put together"),
    ("wiretell.devices.engine", "judge", "judge: clients"),
    ("wiretell.devices.engine", "judge_server", "judge: servers"),
    ("wiretell.devices.engine", "explain", "explain"),
    ("wiretell.devices.engine", "_clock_facts", "observations of clocks"),
)
LOOP = 5_000_000


class Clock:
    """Gathers seconds of this thread by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inside: list[float] = [0.0]

    def timed(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        """The same function, its time told as `stage`."""

        @wraps(function)
        def run(*args: Any, **more: Any) -> Any:
            begin = time.thread_time()
            self._inside.append(0.0)
            try:
                return function(*args, **more)
            finally:
                took = time.thread_time() - begin
                self.seconds[stage] += took - self._inside.pop()
                self._inside[-1] += took

        return run


@contextmanager
def replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    """`module.name` is `value` meanwhile."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def stages(captures: list[str]) -> tuple[Report, dict[str, float], float]:
    """The report, CPU seconds by stage, and of the whole process."""
    clock = Clock()
    signals = []
    for signal in ALL:
        parts: dict[str, Any] = {}
        for half, words in (("extract", "payloads"), ("score", "score"), ("score_each", "score")):
            function = getattr(signal, half)
            if function is not None:
                parts[half] = clock.timed(function, f"{words}: {signal.name}")
        signals.append(replace(signal, **parts))
    with ExitStack() as stack:
        stack.enter_context(replaced(pipeline, "ALL", tuple(signals)))
        for home, name, stage in STAGES:
            module = import_module(home)
            timed = clock.timed(getattr(module, name), stage)
            stack.enter_context(replaced(module, name, timed))
        begin = time.process_time()
        report = pipeline.analyze(captures)
        total = time.process_time() - begin
    clock.seconds["other threads"] = total - sum(clock.seconds.values())
    return report, dict(clock.seconds), total


def loop_seconds() -> float:
    """CPU seconds of a loop of plain Python."""
    begin, x = time.process_time(), 0
    for i in range(LOOP):
        x += i
    return time.process_time() - begin


def main(captures: list[str]) -> None:
    before = loop_seconds()
    report, seconds, total = stages(captures)
    loop = (before + loop_seconds()) / 2
    print(
        f"{total:.2f} CPU s for {report.flows.height:,} flows of {report.addresses.height:,}"
        f" addresses; the loop took {loop:.2f} s\n"
    )
    print("| stage | CPU s | share |\n|---|--:|--:|")
    for stage, each in sorted(seconds.items(), key=lambda item: -item[1]):
        if each >= 0.005 * total:
            print(f"| {stage} | {each:.2f} | {each / total:.0%} |")


if __name__ == "__main__":
    main(sys.argv[1:])
