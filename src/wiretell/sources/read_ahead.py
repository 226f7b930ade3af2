"""Items of an iterator, made in a thread of their own ahead of who takes them."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

_POLL_S = 0.1
"""How often a thread that waits for room, or for an item, looks up."""
_PATIENCE_S = 0.5
"""How long `close` waits for the item being made: one that waits for a silent pipe never comes."""


class ReadAhead(Generic[T]):
    """Begins at once; has at most `n_items` made that were not taken. Close it, whatever happens.

    It gains where making an item, or using it, leaves Python's lock to others.
    """

    def __init__(self, items: Iterator[T], n_items: int = 2) -> None:
        self._items = items
        self._queue: Queue[tuple[T] | BaseException | None] = Queue(n_items)
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="read-ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        """The items; what making one raised is raised here."""
        while True:
            try:
                # Not for ever: a wait without end may not notice a signal (Ctrl-C).
                made = self._queue.get(timeout=_POLL_S)
            except Empty:
                continue
            if made is None:
                return
            if isinstance(made, BaseException):
                raise made
            yield made[0]

    def close(self) -> None:
        """Makes no more items; the one being made is waited for, but not for long."""
        self._stopped.set()
        while True:
            try:
                self._queue.get_nowait()
            except Empty:
                break
        self._thread.join(_PATIENCE_S)

    def _run(self) -> None:
        try:
            for item in self._items:
                if not self._put((item,)):
                    return
            self._put(None)
        except BaseException as error:  # raised again by who takes the items
            self._put(error)

    def _put(self, made: tuple[T] | BaseException | None) -> bool:
        """False: nobody wants it."""
        while not self._stopped.is_set():
            try:
                self._queue.put(made, timeout=_POLL_S)
            except Full:
                continue
            return True
        return False
