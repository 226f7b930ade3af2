"""Machines told apart beside a page that is open already, in processes of their own; one of them
keeps every packet for close views.

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
from dataclasses import replace
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
from wiretell.sources.kept_points import Kept, keep
from wiretell.sources.points import PointFiles

NICENESS = 10
WAITING = 1
"""Pieces of work that wait for each process: they are copied when they are handed out."""

ENDING_S = 60.0
"""How long an end waits for a report that is being saved."""

Step = Callable[[Judging], Judging]
Tell = Callable[[Step], None]
Deliver = Callable[[Held, Path | None, Step], None]
Show = Callable[[PointFiles, Step], None]


class Background:
    """Judges `measured`, and saves it in `folder` where one is given.

    `tell` hands a step of `Judging` to the server, `deliver` the report and where it was saved
    with the last of them, `show` the packets of `kept`; all are called from other threads.
    """

    def __init__(
        self,
        measured: Report,
        folder: Path | None,
        jobs: int,
        tell: Tell,
        deliver: Deliver,
        show: Show,
        kept: Kept | None = None,
    ) -> None:
        self._measured, self._folder, self._jobs = measured, folder, jobs
        self._tell, self._deliver, self._show = tell, deliver, show
        self._kept = kept
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
            held, folder, problem = _saved(judged, self._folder)
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
            counted = self._begin_to_keep(pool)
            judged = judge(self._measured, spread=lambda do, work: self._spread(pool, do, work))
        # The processes have ended: every packet is kept, or never will be.
        if counted is None or self._kept is None or counted.exception() is not None:
            return judged
        counters = {**counted.result(), **judged.provenance["counters"]}
        provenance = {**judged.provenance, "counters": counters}
        return replace(judged, points=PointFiles(self._kept.place), provenance=provenance)

    def _begin_to_keep(self, pool: ProcessPoolExecutor) -> Future[dict[str, int]] | None:
        """One of the processes keeps every packet, which are shown as soon as it is done."""
        if self._kept is None:
            return None
        kept = self._kept

        def done(counted: Future[dict[str, int]]) -> None:
            if self._stopped:
                return
            try:
                counted.result()
                packets = PointFiles(kept.place)
            except Exception as error:  # the page goes on with a few packets of each flow
                text = f"{type(error).__name__}: {error}"
                self._tell(lambda state: state.packets_read(text))
            else:
                self._show(packets, Judging.packets_read)

        counted = pool.submit(keep, kept)
        counted.add_done_callback(done)
        return counted

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


Beside = Callable[[Tell, Deliver, Show], Background]
"""Makes it for a server."""


def n_addresses(work: Work) -> int:
    """How many addresses are judged when this piece of work is done."""
    return int(work.is_last) if isinstance(work, Stretch) else len(work.addresses)


def _saved(judged: Report, folder: Path | None) -> tuple[Held, Path | None, str]:
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
