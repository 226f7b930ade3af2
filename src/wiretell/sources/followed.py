"""Flows of captures that are still written, as they end.

One tracker goes on from file to file; each has a reader of its own, which waits for what is yet
to come. Time is that of the packets: a flow that times out is handed out when a packet comes that
is late enough.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from threading import Event, Timer
from typing import Any

from wiretell._core import Reader
from wiretell.errors import CaptureError
from wiretell.sources.growing import POLL_S, GrowingFile
from wiretell.sources.timeouts import Timeouts
from wiretell.sources.tracked import Ended, TrackedCaptures
from wiretell.sources.watch import Watch

_RECORD_BYTES = 1 << 18
"""Longer records are next to none: so many bytes ahead hold a whole one."""
_DRAIN_S = 0.1
"""Behind the file's end, flows are handed out so often."""
MOST_FILES = 1000
"""Files, and places of damage, that are remembered: the latest."""


class FollowedCaptures(TrackedCaptures):
    """Flows of a file that grows, or of the files of a folder, until `stop` or a limit.

    `seconds` is how long to follow, None: for ever; `tell` gets words for people when the file
    changes. The other settings are as for `TrackedCaptures`. Raises OSError, CaptureError,
    ConfigError: the second from `batches`, where the only file is no capture.
    """

    def __init__(
        self,
        path: str,
        *,
        tell: Callable[[str], None] = lambda _: None,
        seconds: float | None = None,
        filter: str | None = None,
        timeouts: Timeouts | None = None,
        max_packets: int | None = None,
        analysis: bool = True,
        clocks: bool = True,
        connection: bool = True,
        ct: str | None = None,
    ) -> None:
        self._watch = Watch(path, tell)
        self._path = path
        self._stopped = Event()
        self._growing: GrowingFile | None = None
        self.n_packets = 0
        """Tracked so far."""
        self._read_counters: Counter[str] = Counter()
        self._files: deque[dict[str, object]] = deque(maxlen=MOST_FILES)
        self._damage: deque[dict[str, object]] = deque(maxlen=MOST_FILES)
        self._timer = None if seconds is None else Timer(seconds, self.stop)
        super().__init__(
            [path],
            filter=filter,
            timeouts=timeouts,
            max_packets=max_packets,
            analysis=analysis,
            clocks=clocks,
            connection=connection,
            ct=ct,
        )
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()

    def stop(self) -> None:
        """Reads no further; what was read is handed out, with the flows still alive."""
        self._stopped.set()
        if (growing := self._growing) is not None:
            growing.stop()

    def close(self) -> None:
        """Reads no more."""
        if self._timer is not None:
            self._timer.cancel()
        self.stop()
        super().close()

    def _open(self, paths: Any, filters: Mapping[int, bytes] | None) -> None:
        """Nothing yet: files are opened as they come."""
        self._filters = filters

    def _told_by_readers(self) -> dict[str, Any]:
        return {
            "files": list(self._files),
            "counters": dict(self._read_counters),
            "damage": list(self._damage),
        }

    def _track(self) -> Iterator[Ended]:
        while not self._stopped.is_set() and self._portions.next():
            name = self._watch.next()
            if name is None:
                self._stopped.wait(POLL_S)
                continue
            try:
                growing = GrowingFile(name, self._watch.is_over)
            except OSError:
                if name == self._path:
                    raise
                continue  # gone since it was seen
            self._growing = growing
            if self._stopped.is_set():
                growing.stop()
            try:
                yield from self._followed(growing)
            finally:
                growing.close()
                self._growing = None
        self._tracker.finish()
        yield self._so_far(1)

    def _followed(self, growing: GrowingFile) -> Iterator[Ended]:
        """The flows that end while one file is read."""
        try:
            reader = Reader([growing.pipe], filters=self._filters)
        except CaptureError as error:
            if growing.name == self._path and not self._stopped.is_set():
                raise CaptureError(growing.name, error.offset, error.message) from None
            self._tell_unread(growing, error)
            return
        finally:
            growing.opened()
        drained_at = time.monotonic()
        while (wanted := self._ahead(reader, growing)) and (
            n := self._tracker.consume(reader, wanted)
        ):
            self.n_packets += n
            self._portions.came(n)
            now = time.monotonic()
            if reader.position()[0] >= growing.n_bytes or now - drained_at >= _DRAIN_S:
                drained_at = now
                ended = self._so_far(1)
                if ended.flows is not None:
                    yield ended
        self._watch.leave(growing)
        self._keep_what_is_told(growing, reader)

    def _ahead(self, reader: Reader, growing: GrowingFile) -> int:
        """How many packets are surely there, at least 1: who asks for more waits for them, and
        flows that ended wait with him. With a filter nobody knows.
        """
        n_bytes = growing.n_bytes - reader.position()[0]
        n = 1 if self._filters is not None else max(1, n_bytes // _RECORD_BYTES)
        return min(n, self._portions.next())

    def _so_far(self, least: int) -> Ended:
        flows = self._tracker.drain_flows(least)
        self._tracker.drain_samples()
        return Ended(flows, 0, None, self.n_packets)

    def _tell_unread(self, growing: GrowingFile, error: CaptureError) -> None:
        self._watch.leave(growing)
        if not self._stopped.is_set():
            told = {"file": growing.name, "packet": 0, "offset": error.offset}
            self._damage.append(told | {"kind": "unreadable", "message": error.message})

    def _keep_what_is_told(self, growing: GrowingFile, reader: Reader) -> None:
        """Remembers of a file what `provenance` tells. Where reading was stopped in the middle of
        a record, that is no damage.
        """
        self._files += [told | {"path": growing.name} for told in reader.files()]
        damage = [told | {"file": growing.name} for told in reader.damage()]
        whole = [told for told in damage if told["kind"] != "cut" or not self._stopped.is_set()]
        self._damage += whole
        self._read_counters.update(reader.counters())
        self._read_counters["damaged"] -= len(damage) - len(whole)
        if growing.failure is not None:
            told = {"file": growing.name, "packet": self.n_packets, "offset": growing.n_copied}
            self._damage.append(told | {"kind": "read", "message": str(growing.failure.strerror)})
