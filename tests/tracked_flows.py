"""Captures and frames through the tracker, as one table each of flows and samples."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from wiretell._core import Reader, Tracker

Frame = tuple[int, int, bytes]
"""Time in ns, link type, bytes."""

NO_BATCH = 1 << 40


def drain(tracker: Tracker, tables: list[list[pl.DataFrame]]) -> None:
    """Appends what ended to `tables`: flows, samples."""
    for rows, batch in zip(tables, (tracker.drain_flows(), tracker.drain_samples()), strict=True):
        if batch is not None:
            rows.append(pl.DataFrame(batch))


def _whole(tables: list[list[pl.DataFrame]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    flows, samples = (pl.concat(rows) if rows else pl.DataFrame() for rows in tables)
    return flows.sort("flow_id") if flows.width else flows, samples


def track(
    paths: Iterable[Path], *, batch: int = NO_BATCH, **limits: Any
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Flows by id, and samples, of captures read `batch` packets at a time."""
    reader, tracker = Reader([os.fspath(path) for path in paths]), Tracker(**limits)
    tables: list[list[pl.DataFrame]] = [[], []]
    while tracker.consume(reader, batch):
        drain(tracker, tables)
    tracker.finish()
    drain(tracker, tables)
    return _whole(tables)


def push(
    frames: Iterable[Frame], *, drain_every: int = NO_BATCH, **limits: Any
) -> tuple[pl.DataFrame, pl.DataFrame, Tracker]:
    """The same of frames pushed one at a time, drained after every `drain_every`; the tracker."""
    tracker = Tracker(**limits)
    tables: list[list[pl.DataFrame]] = [[], []]
    for number, (time_ns, link_type, data) in enumerate(frames, 1):
        tracker.push(time_ns, link_type, data)
        if number % drain_every == 0:
            drain(tracker, tables)
    tracker.finish()
    drain(tracker, tables)
    return *_whole(tables), tracker
