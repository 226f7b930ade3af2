"""Captures opened as one stream, though some of them may be none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from wiretell._core import Reader
from wiretell.errors import CaptureError

STDIN = "-"


def open_captures(
    names: Sequence[str],
    filters: Mapping[int, bytes] | None,
    *,
    payloads: bool = False,
    checksums: bool = False,
) -> tuple[Reader, list[dict[str, object]]]:
    """A reader of all captures; of several, those that cannot be read are left out and told as
    damage.

    `filters`, `payloads`, `checksums` as for the core's `Reader`. Raises CaptureError where not
    one of them is a capture, OSError where the only one cannot be opened or one is not there.
    """
    left, unread = list(names), list[dict[str, object]]()
    if STDIN in left and len(left) > 1:  # what was read of it is gone: open it once
        left, unread = _readable(left)
    while True:
        try:
            reader = Reader(left, filters=filters, payloads=payloads, checksums=checksums)
            return reader, unread
        except (CaptureError, OSError) as error:
            if len(left) == 1 or isinstance(error, FileNotFoundError):
                raise
            n_before = len(left)
            left, told = _readable(left)
            unread += told
            if len(left) == n_before:  # standard input is no capture
                left = [name for name in left if name != _name_of(error)]
                unread.append(_told(error))
            if not left or len(left) == n_before:
                raise


def opened(names: Sequence[str], unread: Iterable[Mapping[str, object]]) -> list[str]:
    """Of the captures those that :func:`open_captures` did not leave out."""
    left_out = {told["file"] for told in unread}
    return [name for name in names if name not in left_out]


def _readable(names: Sequence[str]) -> tuple[list[str], list[dict[str, object]]]:
    """Those that can be opened, and what is wrong with the others."""
    left: list[str] = []
    unread: list[dict[str, object]] = []
    for name in names:
        try:
            if name != STDIN:
                Reader([name])
        except FileNotFoundError:
            raise
        except (CaptureError, OSError) as error:
            unread.append(_told(error))
        else:
            left.append(name)
    return left, unread


def _name_of(error: CaptureError | OSError) -> str:
    return error.path if isinstance(error, CaptureError) else str(error.filename)


def _told(error: CaptureError | OSError) -> dict[str, object]:
    if isinstance(error, CaptureError):
        offset, message = error.offset, error.message
    elif isinstance(error, PermissionError):
        offset, message = 0, "no permission; make it readable (chmod u+r) or use sudo"
    else:
        offset, message = 0, str(error.strerror)
    told: dict[str, object] = {"file": _name_of(error), "packet": 0, "offset": offset}
    return told | {"kind": "unreadable", "message": message}
