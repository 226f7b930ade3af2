"""Captures below a folder, told from other files by their first bytes, in order of time."""

from __future__ import annotations

import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from wiretell._core import Reader
from wiretell.errors import CaptureError

CAPTURE_NAME = re.compile(
    r".\.(pcap|pcapng|cap|ntar|dump|dmp)\d*(\.(gz|zst|xz|bz2|lz4))?$", re.IGNORECASE
)
"""What captures are called; files called otherwise may be captures too."""
_N_THREADS = 4
"""Files looked into at a time: what it takes is the disk's time."""
_PCAP = ("a1b2c3d4", "d4c3b2a1", "a1b23c4d", "4d3cb2a1", "a1b2cd34", "34cdb2a1")
_PCAPNG = "0a0d0d0a"
_PACKED = ("1f8b", "28b52ffd", "fd377a58", "425a68", "04224d18")  # gz, zst, xz, bz2, lz4
_MAGIC_BYTES = 4
_MAGIC = tuple(bytes.fromhex(digits) for digits in (*_PCAP, _PCAPNG))
_PACKED_MAGIC = tuple(bytes.fromhex(digits) for digits in _PACKED)


@dataclass(frozen=True)
class Folder:
    """Names of the files below a folder."""

    captures: tuple[str, ...]
    """By the time of their first packet; those of which it is not known last, by name."""
    others: tuple[str, ...]
    """Files that are no captures, by name."""


def captures_below(folder: str | os.PathLike[str]) -> Folder:
    """All files below `folder`, links to folders aside.

    A damaged or empty file counts as a capture where its name or its first bytes say so: whoever
    reads it tells what is wrong. Raises OSError where the folder cannot be listed.
    """
    names = regular_files_below(os.fspath(folder))
    with ThreadPoolExecutor(_N_THREADS) as pool:
        times_ns = dict(zip(names, pool.map(first_packet_ns, names), strict=True))
    known = sorted((time_ns, name) for name, time_ns in times_ns.items() if time_ns is not None)
    marked = {
        name: is_named_or_marked(name) for name, time_ns in times_ns.items() if time_ns is None
    }
    return Folder(
        (*(name for _, name in known), *(name for name, is_one in marked.items() if is_one)),
        tuple(name for name, is_one in marked.items() if not is_one),
    )


def first_packet_ns(name: str) -> int | None:
    """Time of the first packet, in ns UTC; None where there is none, or no capture."""
    try:
        if not (CAPTURE_NAME.search(name) or _begins(name, _MAGIC + _PACKED_MAGIC)):
            return None
        batch = Reader([name]).packets(1)
    except (CaptureError, OSError):
        return None
    if batch is None:
        return None
    import polars as pl  # noqa: PLC0415 - not needed where no folder is named

    return int(pl.DataFrame(batch)["time_ns"][0])


def is_named_or_marked(name: str) -> bool:
    """Whether a file's name or its first bytes say that it is a capture."""
    if CAPTURE_NAME.search(name):
        return True
    try:
        return _begins(name, _MAGIC)
    except OSError:
        return False


def _begins(name: str, marks: tuple[bytes, ...]) -> bool:
    with Path(name).open("rb") as file:
        return file.read(_MAGIC_BYTES).startswith(marks)


def regular_files_below(folder: str) -> list[str]:
    """Regular files, by name: a pipe would be waited on. Raises OSError."""
    found: list[str] = []
    for place, folders, files in os.walk(folder, onerror=_raise):
        folders.sort()
        found += [str(Path(place, file)) for file in files]
    return sorted(name for name in found if _is_regular(name))


def _is_regular(name: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(name).st_mode)  # noqa: PTH116 - links are followed
    except OSError:
        return False


def _raise(error: OSError) -> None:
    raise error
