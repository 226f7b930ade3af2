"""Points made of a capture's packets, kept in memory or in files, read again.

Two readers go over the captures side by side: the tracker's says which flow a packet belongs
to, the other has the fields.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import polars as pl

from wiretell._core import ArrowBatch, Reader
from wiretell.errors import ConfigError
from wiretell.model.points import POINTS, PointSource
from wiretell.sources.segments import packets_again

PART_ROWS = 1 << 20
"""Rows of one file."""
GROUP_ROWS = 1 << 17
"""Rows of a Parquet row group, the least that is read of a file."""
MAX_WAITING = 1 << 18
"""Segments that wait for their acknowledgement, the latest; older ones get no round trip."""
_FIELDS = ("wire_len", "payload_len", "ttl", "ipid", "tsval", "sport", "dport", "flags", "seq")
_SYN = 0x02
_MAX_WINDOW = 2**32 - 1


class PointMaker:
    """Points of one batch of packets after the other."""

    def __init__(self) -> None:
        self._waiting: pl.DataFrame | None = None

    def points(self, packets: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
        """Rows of POINTS, of rows of PACKETS and of SEGMENTS for the same packets."""
        own = segments.select("packet", "time_ns", "flow_id", "side", "window_bytes")
        rows = _with_fields(own, packets).join(
            self._round_trips(segments), on="packet", how="left", maintain_order="left"
        )
        syn = (pl.col("flags") & _SYN) != 0
        return rows.with_columns(
            pl.when(syn).then("seq").alias("isn"),
            pl.col("window_bytes").clip(upper_bound=_MAX_WINDOW).cast(pl.UInt32),
        ).select(POINTS.schema.names())

    def _round_trips(self, segments: pl.DataFrame) -> pl.DataFrame:
        """packet, rtt_ns: the first acknowledgements of the very end of a segment.

        As tcptrace takes them; segments sent again are left out, since nobody knows which of
        them is meant (Karn and Partridge, 1987).
        """
        is_new = (pl.col("next_seq_rel") != pl.col("seq_rel")) & ~pl.col("analysis").list.eval(
            pl.element().str.contains("retrans")
        ).list.any()
        # What is left is small: the columns are chosen before the rows.
        sent = (
            segments.select(
                "flow_id",
                (1 - pl.col("side")).alias("side"),
                pl.col("next_seq_rel").alias("ack_rel"),
                pl.col("time_ns").alias("sent_ns"),
                is_new=is_new,
            )
            .filter("is_new")
            .drop("is_new")
        )
        key = ["flow_id", "side", "ack_rel"]
        waiting = pl.concat([self._waiting, sent]) if self._waiting is not None else sent
        waiting = waiting.unique(key, keep="first", maintain_order=True)
        answered = (
            segments.select("packet", "time_ns", *key)
            .filter(pl.col("ack_rel").is_not_null())
            .join(waiting, on=key, how="inner", maintain_order="left")
            .filter(pl.col("time_ns") >= pl.col("sent_ns"))
            .unique(key, keep="first", maintain_order=True)
        )
        self._waiting = waiting.join(answered, on=key, how="anti", maintain_order="left").tail(
            MAX_WAITING
        )
        return answered.select("packet", rtt_ns=pl.col("time_ns") - pl.col("sent_ns"))


def _with_fields(own: pl.DataFrame, packets: pl.DataFrame) -> pl.DataFrame:
    """These rows with the fields of their packets, which are mostly numbered without a gap."""
    fields = packets.select(_FIELDS)
    if own.height and packets.height:
        first, last = int(packets["number"][0]), int(packets["number"][-1])
        lowest, highest = (int(own["packet"].min()), int(own["packet"].max()))  # type: ignore[arg-type]
        if last - first + 1 == packets.height and first <= lowest and highest <= last:
            place = (own["packet"] - first).cast(pl.UInt32)
            return own.hstack(fields[place].get_columns())
    numbered = fields.with_columns(packet=packets["number"])
    return own.join(numbered, on="packet", how="inner", maintain_order="left")


class PointKeeper:
    """Keeps the points of a capture while another thread tracks it.

    `fields` is a reader of its own over the same captures; `place` a folder to be made for the
    points, or True: in memory. One batch is worked on while the tracker takes the next.
    """

    def __init__(self, fields: Reader, place: str | os.PathLike[str] | bool) -> None:
        self._fields = fields
        self._make = PointMaker()
        self._keep = PointFrames() if isinstance(place, bool) else PointWriter(Path(place))
        self._pool = ThreadPoolExecutor(1)
        self._working: Future[None] | None = None

    def __enter__(self) -> PointKeeper:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the thread."""
        self._pool.shutdown(cancel_futures=True)

    def add(self, n: int, segments: ArrowBatch | None) -> None:
        """Takes the next `n` packets, which the tracker has just folded, and their segments."""
        self._wait()
        self._working = self._pool.submit(self._work, n, segments)

    def source(self) -> PointSource:
        """All of them, to be read."""
        self._wait()
        return self._keep if isinstance(self._keep, PointFrames) else self._keep.close()

    def _wait(self) -> None:
        if self._working is not None:
            self._working.result()

    def _work(self, n: int, segments: ArrowBatch | None) -> None:
        packets = packets_again(self._fields, n)
        if segments is not None:
            self._keep.add(self._make.points(packets, pl.DataFrame(segments)))


class PointFrames:
    """Points kept in memory."""

    def __init__(self, frames: Sequence[pl.DataFrame] = ()) -> None:
        self._frames = list(frames)

    def add(self, rows: pl.DataFrame) -> None:
        """Keeps these rows too."""
        self._frames.append(rows)

    @property
    def n_rows(self) -> int:
        """How many there are."""
        return sum(frame.height for frame in self._frames)

    def batches(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """All rows, as they were added."""
        for frame in self._frames:
            yield frame.select(columns)

    def save(self, folder: Path) -> None:
        """Makes `folder` and writes the files of the table into it."""
        writer = PointWriter(folder)
        for frame in self._frames:
            writer.add(frame)
        writer.close()


class PointWriter:
    """Writes points into a new folder, a file for each `PART_ROWS`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._waiting: list[pl.DataFrame] = []
        self._n_waiting = 0
        self._n_parts = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Takes rows in the order of the capture."""
        self._waiting.append(rows)
        self._n_waiting += rows.height
        while self._n_waiting >= PART_ROWS:
            waiting = pl.concat(self._waiting)
            self._write(waiting.head(PART_ROWS))
            self._waiting = [waiting.slice(PART_ROWS)]
            self._n_waiting -= PART_ROWS

    def close(self) -> PointFiles:
        """Writes what is left; the folder to be read again."""
        if self._n_waiting or not self._n_parts:
            self._write(pl.concat(self._waiting) if self._waiting else POINTS.empty())
        self._waiting = []
        return PointFiles(self._folder)

    def _write(self, rows: pl.DataFrame) -> None:
        in_order = rows["time_ns"].is_sorted()
        ordered = rows if in_order else rows.sort("time_ns", maintain_order=True)
        ordered.write_parquet(
            self._folder / f"{self._n_parts:06}.parquet",
            compression="lz4",
            statistics=True,
            row_group_size=GROUP_ROWS,
        )
        self._n_parts += 1


class PointFiles:
    """The points of a saved report. Raises ConfigError where its files are not such."""

    def __init__(self, folder: Path) -> None:
        self._parts = sorted(folder.glob("*.parquet"))
        try:
            for part in self._parts:
                if pl.read_parquet_schema(part) != dict(POINTS.schema):
                    raise ConfigError(f"{part}: its columns are not those of the table points")
            counts = [
                pl.scan_parquet(part).select(pl.len()).collect().item() for part in self._parts
            ]
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise ConfigError(f"{folder}: not readable Parquet files: {error}") from error
        self._part_rows: list[int] = counts
        self._n_rows: int = sum(counts)

    @property
    def part_rows(self) -> list[int]:
        """Rows of each file."""
        return list(self._part_rows)

    @property
    def parts(self) -> list[Path]:
        """Its files, in order of time."""
        return list(self._parts)

    @property
    def n_rows(self) -> int:
        """How many there are."""
        return self._n_rows

    def batches(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """All rows, a file at a time."""
        with ThreadPoolExecutor(1) as pool:
            waiting: list[Future[pl.DataFrame]] = []
            for part in self._parts:
                waiting.append(pool.submit(_read, part, columns))
                if len(waiting) > 1:  # the next is read while the caller works on this
                    yield waiting.pop(0).result()
            for last in waiting:
                yield last.result()

    def save(self, folder: Path) -> None:
        """Makes `folder` and puts the files into it, by hard links where that is possible."""
        folder.mkdir(parents=True)
        for part in self._parts:
            try:
                os.link(part, folder / part.name)
            except OSError:
                shutil.copyfile(part, folder / part.name)


def _read(part: Path, columns: Sequence[str]) -> pl.DataFrame:
    return pl.read_parquet(part, columns=list(columns), memory_map=False)
