"""Packets as they were captured, into a pcap file with nanoseconds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from wiretell._core import PcapWriter, Reader
from wiretell.errors import ConfigError

BATCH_PACKETS = 1 << 18


def write_capture(
    reader: Reader,
    target: Path,
    *,
    max_packets: int | None = None,
    say: Callable[[int], None] = lambda _: None,
) -> dict[str, int]:
    """Writes what `reader` lets through, at most `max_packets`; `packets` and `times_clamped`.

    A file appears only when it is whole; a pipe or a device is written as it is. `say` is told
    how many packets are written. Raises OSError; ConfigError for a second link type, of which
    the format has one.
    """
    in_place = target.exists() and not target.is_file()
    path = target if in_place else target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        writer = PcapWriter(path)
        n_packets = 0
        while wanted := _wanted(max_packets, n_packets):
            n = writer.consume(reader, wanted)
            n_packets += n
            say(n_packets)
            if n < wanted:
                break
        writer.finish()
        if not in_place:
            path.replace(target)
    except ValueError as error:
        raise ConfigError(f"{target}: {error}; let a filter choose one kind") from error
    finally:
        if not in_place:
            path.unlink(missing_ok=True)
    return writer.counters()


def _wanted(max_packets: int | None, n_packets: int) -> int:
    return BATCH_PACKETS if max_packets is None else min(BATCH_PACKETS, max_packets - n_packets)
