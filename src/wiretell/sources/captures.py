"""Captures opened as one stream, though some of them may be none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wiretell._core import Reader
from wiretell.errors import CaptureError


def open_captures(
    names: Sequence[str],
    filters: Mapping[int, bytes] | None,
    *,
    payloads: bool = False,
    checksums: bool = False,
) -> tuple[Reader, list[dict[str, object]]]:
    """A reader of all captures; of several, those that are none are left out and told as damage.

    `filters`, `payloads`, `checksums` as for the core's `Reader`. Raises CaptureError where not
    one of them is a capture, OSError where one cannot be opened.
    """
    unread: list[dict[str, object]] = []
    left = list(names)
    while True:
        try:
            reader = Reader(left, filters=filters, payloads=payloads, checksums=checksums)
            return reader, unread
        except CaptureError as error:
            left = [name for name in left if name != error.path]
            if not left:
                raise
            told = {"file": error.path, "packet": 0, "offset": error.offset}
            unread.append(told | {"kind": "unreadable", "message": error.message})
