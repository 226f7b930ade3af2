"""The log of edits beside a saved report, which other processes may write too."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wiretell.devices.edit_log import EditLog, to_json
from wiretell.model.saved import EDITS
from wiretell.sources.saved import load_edits

LOCK = f".{EDITS}.lock"
"""Locked while the log is read, changed and written; it stays, empty."""

LOCK_WAIT_S = 2.0
"""Another process needs the lock for milliseconds; one that hangs must not hang this page."""
_RETRY_S = 0.02


class EditsFile:
    """`edits.json` in the folder of a saved report.

    What is in the file counts: between `locked` and `save` nobody else writes it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: bytes | None = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The block alone changes the log. Raises ValueError, in words, where that cannot be."""
        with self._in_words():
            lock = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            self._wait_for(lock)
            yield
        finally:
            os.close(lock)  # which unlocks it

    def news(self, log: EditLog) -> EditLog | None:
        """The log in the file where it is another than `log`; None: it is that, or there is none.

        Raises ConfigError where it is no log, ValueError where it cannot be read.
        """
        with self._in_words():
            try:
                text = (self._folder / EDITS).read_bytes()
            except FileNotFoundError:
                return None
            if text == self._read:
                return None
            found = load_edits(self._folder)
        self._read = text
        return None if found == log else found

    def save(self, log: EditLog) -> None:
        """A reader sees the old log or the new one, never half of it.

        Raises ValueError, in words, where it cannot be written; then the old one stays.
        """
        text = (json.dumps(to_json(log), indent=1) + "\n").encode()
        partial = self._folder / f".{EDITS}.{os.getpid()}.partial"
        with self._in_words():
            try:
                partial.write_bytes(text)
                partial.replace(self._folder / EDITS)
            finally:
                partial.unlink(missing_ok=True)
        self._read = text

    def _wait_for(self, lock: int) -> None:
        end = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                with self._in_words():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except _HeldError:
                if time.monotonic() > end:
                    raise
            time.sleep(_RETRY_S)

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except BlockingIOError as error:
            raise _HeldError(
                f"could not be saved: another process keeps the edits in {self._folder} locked;"
                " nothing was changed"
            ) from error
        except OSError as error:
            why = f"{self._folder}: {error.strerror or error}"
            if not self._folder.is_dir():
                why = f"the folder {self._folder} is gone"
            raise ValueError(f"could not be saved: {why}; nothing was changed") from error


class _HeldError(ValueError):
    """Another process has the lock."""
