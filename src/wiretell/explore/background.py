"""Machines told apart beside a page that is open already, in processes of their own.

A thread of the server hands out the work; every step is told to the server's own thread, where
the workspace lives. The processes give way to the page and the browser, and end with the server,
however that ends.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread

from wiretell.devices.engine import Result, Work
from wiretell.devices.part import Stretch
from wiretell.errors import ConfigError
from wiretell.explore.held import Held, InMemory
from wiretell.explore.judging import Judging
from wiretell.exporter import Options
from wiretell.exporters import parquet
from wiretell.model.report import Report
from wiretell.pipeline import judge
from wiretell.sources.by_address import SavedByAddress

NICENESS = 10
WAITING = 1
"""Pieces of work that wait for each process: they are copied when they are handed out."""

ENDING_S = 60.0
"""How long an end waits for a report that is being saved."""

Step = Callable[[Judging], Judging]
Tell = Callable[[Step], None]
Deliver = Callable[[Held, Path | None, Step], None]


class Background:
    """Judges `measured`, and saves it in `folder` where one is given.

    `tell` hands a step of `Judging` to the server, `deliver` the report and where it was saved
    with the last of them; both are called from another thread.
    """

    def __init__(
        self,
        measured: Report,
        folder: Path | None,
        jobs: int,
        tell: Tell,
        deliver: Deliver,
    ) -> None:
        self._measured, self._folder, self._jobs = measured, folder, jobs
        self._tell, self._deliver = tell, deliver
        self._ended, self._lifeline = get_context("spawn").Pipe(duplex=False)
        self._thread = Thread(target=self._run, name="judging", daemon=True)
        self._stopped = False

    def start(self) -> None:
        """Begins; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it, and the processes; nothing is told any more."""
        self._stopped = True
        self._lifeline.close()
        if self._thread.is_alive():
            self._thread.join(timeout=ENDING_S)

    def _run(self) -> None:
        try:
            judged = self._judged()
            self._tell(Judging.saving)
            held, folder, problem = _kept(judged, self._folder)
            self._deliver(held, folder, lambda state: state.finished(problem))
        except Exception as error:  # whatever it is, the analyst is told and keeps the plots
            if not self._stopped:
                text = f"{type(error).__name__}: {error}"
                self._tell(lambda state: state.failed(text))

    def _judged(self) -> Report:
        with ProcessPoolExecutor(
            self._jobs,
            mp_context=get_context("spawn"),
            initializer=_give_way,
            initargs=(self._ended,),
        ) as pool:
            return judge(self._measured, spread=lambda do, work: self._spread(pool, do, work))

    def _spread(
        self, pool: ProcessPoolExecutor, do: Callable[[Work], Result], work: Iterable[Work]
    ) -> Iterator[Result]:
        """As `map`, with a few pieces on their way; tells how many addresses are judged."""
        on_their_way: deque[tuple[int, Future[Result]]] = deque()

        def first() -> Result:
            n, one = on_their_way.popleft()
            result = one.result()
            self._tell(lambda state: state.advanced(n))
            return result

        for piece in work:
            on_their_way.append((n_addresses(piece), pool.submit(do, piece)))
            while len(on_their_way) > self._jobs * (1 + WAITING):
                yield first()
        while on_their_way:
            yield first()


Beside = Callable[[Tell, Deliver], Background]
"""Makes it for a server."""


def n_addresses(work: Work) -> int:
    """How many addresses are judged when this piece of work is done."""
    return int(work.is_last) if isinstance(work, Stretch) else len(work.addresses)


def _kept(judged: Report, folder: Path | None) -> tuple[Held, Path | None, str]:
    """The report saved and read from there; else in memory, and why it could not be saved."""
    if folder is None:
        return InMemory(judged), None, ""
    try:
        parquet.write(judged, folder, Options())
        return SavedByAddress(folder), folder, ""
    except (OSError, ConfigError) as error:
        return InMemory(judged), None, f"The report could not be saved: {error}"


def _give_way(ended: Connection) -> None:
    """In each process: the page comes first, and the server's end is this one's."""
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server hears it too, and ends this
    Thread(target=_end_with_server, args=(ended,), daemon=True).start()


def _end_with_server(ended: Connection) -> None:
    """The pipe's other end is the server's alone: it closes when that stops, or dies."""
    with suppress(EOFError, OSError):
        ended.recv_bytes()
    os._exit(0)
