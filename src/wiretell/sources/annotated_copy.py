"""Captures copied as pcapng, with a comment for each packet that belongs to a flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell._core import Annotator, Reader
from wiretell.sources.segments import SegmentStream

APPLICATION = "wiretell"


def copy_annotated(
    names: Sequence[str],
    filters: Mapping[int, bytes] | None,
    path: Path,
    *,
    addresses: Sequence[tuple[str, str]],
    comments: Callable[[pl.DataFrame], pl.Series],
) -> int:
    """Writes the captures `names` to `path`; how many packets.

    `addresses` are pairs of an address and its name; `comments` gives a text for each row of
    SEGMENTS. Raises OSError, CaptureError.
    """
    stream = SegmentStream(names, filters)
    frames = Reader(stream.readable, filters=filters)
    writer = Annotator(path, APPLICATION, addresses)
    for batch in stream.batches():
        if batch.packets.is_empty():
            continue
        rows = batch.segments.sort("packet")
        codes, texts = _coded(comments(rows))
        writer.consume(
            frames,
            batch.packets.height,
            rows["packet"].to_numpy().astype("<u8").tobytes(),
            codes.astype("<u4").tobytes(),
            texts,
        )
    writer.finish()
    return writer.counters()["packets"]


def _coded(texts: pl.Series) -> tuple[NDArray[np.uint32], list[str]]:
    """Each text once, and the place of each."""
    every = texts.unique(maintain_order=True)
    place = pl.DataFrame({"text": every}).with_row_index("code")
    codes = texts.to_frame("text").join(place, on="text", how="left", maintain_order="left")
    return codes["code"].to_numpy().astype(np.uint32), every.to_list()
