"""Which file is to be read next while captures are still written: one file, or those of a folder.

A program that captures into several files (`tcpdump -C`, `-G`) closes one before it opens the
next; with `-W` it begins again with the first, with `-z gzip` it has each packed afterwards. So a
file is left when another has packets and it has not grown for a second, one that was left is read
again when it was written anew, and one that was read is not read again when it is packed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wiretell.sources.folder import first_packet_ns, regular_files_below
from wiretell.sources.growing import POLL_S, GrowingFile, head_of

SETTLED_S = 1.0
"""A file that has not grown for so long is left where another waits."""
_PACKED = (".gz", ".zst", ".xz", ".bz2", ".lz4")
_MOST_NAMES = 10_000
"""Files that are remembered as read: the latest."""
_RESTS = 10
"""A folder is not looked through more often than takes one part in so many of the time."""


@dataclass(frozen=True)
class _Left:
    """A file as it was when it was left."""

    device: int
    inode: int
    head: bytes
    n_bytes: int

    def is_rewritten(self, name: str, status: os.stat_result) -> bool:
        """Whether the name stands for another file now, or for the same one written anew."""
        if (status.st_dev, status.st_ino) != (self.device, self.inode):
            return True
        if status.st_size < self.n_bytes:
            return True
        return not head_of(name).startswith(self.head)


class Watch:
    """Names the files to be read, one after the other.

    `name` is a file, which is read anew when it was written anew, or a folder: files below it
    follow each other by the times of their first packets, then as they come. `tell` gets words
    for people. Raises OSError where there is no such file.
    """

    def __init__(self, name: str, tell: Callable[[str], None]) -> None:
        self._name = name
        self._tell = tell
        self._is_folder = Path(name).is_dir()
        self._left: dict[str, _Left] = {}
        self._grown: set[str] = set()
        self._read: dict[str, None] = {}
        self._looked: dict[str, tuple[tuple[int, int, int], int | None]] = {}
        self._waiting: list[str] = []
        self._current: str | None = None
        self._look_again_at = 0.0
        self._gone = ""
        os.stat(name)  # noqa: PTH116 - raises what there is to raise

    def next(self) -> str | None:
        """The file to be read now; None: there is none yet."""
        self._look()
        self._current = self._waiting.pop(0) if self._waiting else None
        if self._current is not None:
            self._read[self._current] = None
            if len(self._read) > _MOST_NAMES:
                del self._read[next(iter(self._read))]
        return self._current

    def is_over(self, file: GrowingFile) -> bool:
        """Whether a file of which all was read is to be left."""
        try:
            now = os.stat(file.name)  # noqa: PTH116
        except OSError:
            if self._gone != file.name:
                self._gone = file.name
                self._tell(f"{file.name} is gone")
            self._look()
            return bool(self._waiting)
        if self._as_read(file).is_rewritten(file.name, now):
            return True
        if not self._is_folder or time.time() - now.st_mtime < SETTLED_S:
            return False
        self._look()
        return bool(self._waiting)

    def leave(self, file: GrowingFile) -> None:
        """It is not read any further."""
        self._left[file.name] = self._as_read(file)
        self._current = None
        self._look_again_at = 0.0

    @staticmethod
    def _as_read(file: GrowingFile) -> _Left:
        status = file.status()
        return _Left(status.st_dev, status.st_ino, file.head, file.n_copied)

    def _look(self) -> None:
        """Finds the files that wait."""
        began = time.monotonic()
        if self._waiting or began < self._look_again_at:
            return
        names = regular_files_below(self._name) if self._is_folder else [self._name]
        statuses = {name: status for name in names if (status := _status(name)) is not None}
        self._left = {name: left for name, left in self._left.items() if name in statuses}
        self._looked = {name: seen for name, seen in self._looked.items() if name in statuses}
        self._grown &= statuses.keys()
        times_ns = {
            name: self._first_ns(name, status)
            for name, status in statuses.items()
            if name != self._current and self._is_new(name, status)
        }
        ready = [(time_ns, name) for name, time_ns in times_ns.items() if time_ns is not None]
        self._waiting = [name for _, name in sorted(ready)]
        took_s = time.monotonic() - began
        self._look_again_at = began + max(POLL_S / 2, _RESTS * took_s)

    def _is_new(self, name: str, status: os.stat_result) -> bool:
        left = self._left.get(name)
        if left is None:
            return not (name.endswith(_PACKED) and name.rpartition(".")[0] in self._read)
        try:
            if left.is_rewritten(name, status):
                self._tell(f"{name} was written anew: it is read from its beginning")
                del self._left[name]
                self._grown.discard(name)
                return True
        except OSError:
            return False
        if status.st_size > left.n_bytes and name not in self._grown:
            self._grown.add(name)
            self._tell(f"{name} grows although another file has begun: that is not read")
        return False

    def _first_ns(self, name: str, status: os.stat_result) -> int | None:
        """Time of the first packet. A file alone is read at once, whatever it holds."""
        if not self._is_folder:
            return 0
        known = (status.st_ino, status.st_size, status.st_mtime_ns)
        if name not in self._looked or self._looked[name][0] != known:
            self._looked[name] = (known, first_packet_ns(name))
        return self._looked[name][1]


def _status(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)  # noqa: PTH116
    except OSError:
        return None
