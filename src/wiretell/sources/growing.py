"""A file that still grows, as a pipe: its end is the pipe's end only when it is told to be.

The core's reader takes the pipe as it takes any capture, and waits in it for what is yet to come,
a record that is half there included.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

POLL_S = 0.2
"""How often it is looked whether the file has grown."""
HEAD_BYTES = 64
"""The file header and the time of the first packet: files that share them are one."""
_CHUNK_BYTES = 1 << 18


class GrowingFile:
    """Copies a file into a pipe, and what is added to it later, in a thread of its own.

    Where there is nothing more to copy, `is_over` is asked every `POLL_S` seconds; if it says so,
    or after `stop`, the pipe ends. It holds no more of the file than the pipe does. `failure` is
    why it could not be read on. Close it, whatever happens. Raises OSError.
    """

    def __init__(self, name: str, is_over: Callable[[GrowingFile], bool]) -> None:
        self.name = name
        self.head = b""
        """The first bytes that were copied."""
        self.n_copied = 0
        self.n_bytes = 0
        """How long the file was when it was last looked at."""
        self.failure: OSError | None = None
        self._is_over = is_over
        self._file = os.open(name, os.O_RDONLY)
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)  # who writes must hear of `stop`
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="follow", daemon=True)
        self._thread.start()

    @property
    def pipe(self) -> str:
        """The name under which the pipe can be opened, until `opened`."""
        return f"/dev/fd/{self._reading}"

    def opened(self) -> None:
        """The reader has the pipe: when that lets go of it, nothing more is copied."""
        os.close(self._reading)
        self._reading = -1

    def status(self) -> os.stat_result:
        """Of the file that is copied, whatever its name stands for by now."""
        return os.fstat(self._file)

    def stop(self) -> None:
        """Ends the pipe where it is."""
        self._stopped.set()

    def close(self) -> None:
        """Ends the pipe and the thread."""
        if self._reading >= 0:
            self.opened()
        self.stop()
        self._thread.join()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _run(self) -> None:
        try:
            self._copy()
        except BrokenPipeError:
            pass  # the reader wants no more
        except OSError as error:
            self.failure = error
        finally:
            os.close(self._writing)

    def _copy(self) -> None:
        while not self._stopped.is_set():
            self.n_bytes = self.status().st_size
            chunk = os.pread(self._file, _CHUNK_BYTES, self.n_copied)
            if chunk:
                self.head += chunk[: HEAD_BYTES - len(self.head)]
                self._write(chunk)
            elif self._is_over(self):
                return
            else:
                self._stopped.wait(POLL_S)

    def _write(self, chunk: bytes) -> None:
        left = memoryview(chunk)
        while left and not self._stopped.is_set():
            _, free, _ = select.select([], [self._writing], [], POLL_S)
            if free:
                n = os.write(self._writing, left)
                left = left[n:]
                self.n_copied += n


def head_of(name: str) -> bytes:
    """The first bytes of a file, at most `HEAD_BYTES`. Raises OSError."""
    with Path(name).open("rb") as file:
        return file.read(HEAD_BYTES)
