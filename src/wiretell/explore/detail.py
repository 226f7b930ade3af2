"""Every packet of a stretch of time, where the view is close enough to draw them.

A whole capture is drawn from the report's samples, a few packets of each flow. A closer view
reads the packets themselves, saved beside the report in order of time; only the stretch that is
looked at is read.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from wiretell.sources.points import PointFiles

MOST_PACKETS = 1_500_000
"""Packets of a stretch that are read for one view."""
_FEW_PARTS = 16
"""So many files are all looked at."""
COLUMNS = ("time_ns", "flow_id", "side", "ipid", "tsval")


class Packets:
    """Files of the points table, in order of time."""

    def __init__(self, files: PointFiles) -> None:
        self._parts, self._rows = files.parts, files.part_rows
        self._spans: list[tuple[int, int, int]] | None = None
        self._inner: tuple[int, ...] | None = None
        """From where to where the middle third of a large capture lies."""

    def within(self, start_ns: int, end_ns: int) -> pl.DataFrame | None:
        """The packets of that time, `COLUMNS` in order of time; None: they are too many."""
        if self._are_too_many(start_ns, end_ns):
            return None
        first, last, n_most = self._range(start_ns, end_ns)
        if n_most > 4 * MOST_PACKETS:
            return None
        rows = (
            pl.scan_parquet(self._parts[first:last])
            .filter(pl.col("time_ns").is_between(start_ns, end_ns))
            .select(COLUMNS)
            .head(MOST_PACKETS + 1)
            .collect()
            if first < last
            else pl.DataFrame(schema=dict.fromkeys(COLUMNS, pl.Int64))
        )
        return rows if rows.height <= MOST_PACKETS else None

    def _are_too_many(self, start_ns: int, end_ns: int) -> bool:
        """True for most of a large capture: told by two files, before all are looked at."""
        if len(self._parts) < _FEW_PARTS or self._spans is not None:
            return False
        if self._inner is None:
            first, last = len(self._parts) // 3, -(len(self._parts) // 3) - 1
            (start, _), (_, end) = _ends([self._parts[first], self._parts[last]])
            is_large = sum(self._rows[first:last]) > 4 * MOST_PACKETS
            self._inner = (start, end) if start is not None and end is not None and is_large else ()
        return bool(self._inner) and start_ns <= self._inner[0] and self._inner[1] <= end_ns

    def _range(self, start_ns: int, end_ns: int) -> tuple[int, int, int]:
        """Places of the files that may hold packets of that time, and all rows of these."""
        spans = self._known_spans()
        # Files follow each other in time, but for packets that were captured out of order.
        first = bisect_left(spans, start_ns, key=lambda span: span[1])
        last = bisect_right(spans, end_ns, key=lambda span: span[0])
        return first, last, sum(n for _, _, n in spans[first:last])

    def _known_spans(self) -> list[tuple[int, int, int]]:
        """First and latest time up to there, and rows, of each file."""
        if self._spans is None:
            spans: list[tuple[int, int, int]] = []
            latest = -(1 << 63)
            for (start, end), n in zip(_ends(self._parts), self._rows, strict=True):
                latest = max(latest, end if end is not None else latest)
                spans.append((start if start is not None else latest, latest, n))
            earliest = 1 << 62
            for place in range(len(spans) - 1, -1, -1):
                earliest = min(earliest, spans[place][0])
                spans[place] = (earliest, *spans[place][1:])
            self._spans = spans
        return self._spans


def _ends(parts: Sequence[Path]) -> list[tuple[int | None, int | None]]:
    """First and last time of each file, whose rows are in order of time; None: it has none."""
    time = [pl.scan_parquet(part).select("time_ns") for part in parts]
    # One after the other: read together, whole columns are (measured with Polars 2.1).
    read = [end.collect() for each in time for end in (each.head(1), each.tail(1))]
    ends = [rows["time_ns"][0] if rows.height else None for rows in read]
    return list(zip(ends[::2], ends[1::2], strict=True))
