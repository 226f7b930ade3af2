"""Every packet of captures that were measured already, kept as points in files.

A report is there sooner without them: its samples draw the first view, and these the close ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wiretell._core import Reader
from wiretell.sources.bpf import compile_filter
from wiretell.sources.captures import open_captures, opened
from wiretell.sources.points import PointKeeper
from wiretell.sources.segments import tracker

BATCH_PACKETS = 1 << 18


@dataclass(frozen=True)
class Kept:
    """Captures of which every packet is kept, in the folder `place`, which is made.

    `filter` is a tcpdump expression.
    """

    captures: tuple[str, ...]
    filter: str | None
    place: Path


def keep(kept: Kept) -> dict[str, int]:
    """Makes the files; what the connection tracker counted meanwhile.

    The rows are those that `pipeline.measure` keeps. Raises OSError, CaptureError, ConfigError.
    """
    names = list(kept.captures)
    filters = compile_filter(kept.filter) if kept.filter else None
    reader, unread = open_captures(names, filters)
    fields = Reader(opened(names, unread), filters=filters)
    tracked = tracker("linux", None)
    with PointKeeper(fields, kept.place) as keeper:
        while n := tracked.consume(reader, BATCH_PACKETS):
            tracked.drain_flows()
            keeper.add(n, tracked.drain_segments())
        tracked.finish()
        keeper.source()
    return tracked.counters()
