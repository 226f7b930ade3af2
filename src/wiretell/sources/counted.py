"""Totals of the flows of captures: the tracker alone, without a row or a table.

What a flow is, and when it ends, is decided by the same tracker as everywhere; it keeps of a flow
what that takes. No library of tables is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from wiretell._core import FlowCounter
from wiretell.sources.captures import open_captures
from wiretell.sources.portions import Portions
from wiretell.sources.read_ahead import ReadAhead
from wiretell.sources.timeouts import Timeouts


class CountedCaptures:
    """Totals of captures. Raises OSError, CaptureError, ConfigError when made.

    Reading begins at once, beside whoever made it: close it in the end.
    """

    def __init__(
        self,
        paths: Sequence[str],
        *,
        filter: str | None = None,
        timeouts: Timeouts | None = None,
        max_packets: int | None = None,
        batch_packets: int = 1 << 20,
        progress: Callable[[int, int | None, int], None] | None = None,
    ) -> None:
        self._filter = filter
        self._reader, self._unread = open_captures(paths, _compiled(filter))
        self._counter = FlowCounter(**(timeouts or Timeouts()).settings())
        self._portions = Portions(batch_packets, max_packets)
        self._progress = progress or (lambda *_: None)
        self._counted = ReadAhead(self._count())

    def totals(self) -> tuple[dict[str, int], dict[int, int]]:
        """Totals, and flows by number of IP protocol, as `FlowCounter` has them; reads all."""
        for told in self._counted:
            self._progress(*told)
        return self._counter.totals(), self._counter.protocols()

    def provenance(self) -> Mapping[str, Any]:
        """As of `TrackedCaptures` but for the version; known in full after `totals`."""
        return {
            "filter": self._filter,
            "files": self._reader.files(),
            "counters": self._reader.counters() | self._counter.counters(),
            "weirds": self._counter.weirds(),
            "damage": [*self._unread, *self._reader.damage()],
        }

    def close(self) -> None:
        """Reads no more."""
        self._counted.close()

    def _count(self) -> Iterator[tuple[int, int | None, int]]:
        n_packets = 0
        while wanted := self._portions.next():
            n = self._counter.consume(self._reader, wanted)
            n_packets += n
            self._portions.came(n)
            yield (*self._reader.position(), n_packets)
            if n < wanted:
                break
        self._counter.finish()


def _compiled(expression: str | None) -> Mapping[int, bytes] | None:
    if expression is None:
        return None
    from wiretell.sources.bpf import compile_filter  # noqa: PLC0415 - loads libpcap

    return compile_filter(expression)
