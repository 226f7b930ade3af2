"""The three exceptions; everything else the wire sends is data (a `weird` code and a counter)."""

from __future__ import annotations


class WiretellError(Exception):
    """Base of the two errors that wiretell raises itself (wrong arguments are `ValueError`)."""


class CaptureError(WiretellError):
    """A capture cannot be opened at all: not a capture, or of an unknown format.

    Damage inside a capture is not an exception: it is kept in the report
    (`Report.provenance["damage"]`) and the command ends with exit code 1.
    """

    def __init__(self, path: str, offset: int, message: str) -> None:
        super().__init__(f"{path}: {message} (byte {offset})")
        self.path = path
        self.offset = offset
        self.message = message


class ConfigError(WiretellError):
    """A setting, a filter or a needed library is wrong or missing; the message names the remedy."""
