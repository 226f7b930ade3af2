"""A reading position in bytes that cannot run past the end unnoticed."""

from __future__ import annotations

from collections.abc import Iterator


class ShortError(Exception):
    """The bytes end before the field does; every parser catches it, no caller ever sees it."""


class Cursor:
    """Big-endian fields of `data` from `at` up to (not including) `end`."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        """Starts at `at`; `end` is clipped to the data."""
        self.data = data
        self.at = at
        self.end = len(data) if end is None else min(end, len(data))

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return self.end - self.at

    def take(self, n_bytes: int) -> bytes:
        """The next `n_bytes` bytes, all of them."""
        at = self.at
        if n_bytes > self.end - at:
            raise ShortError
        self.at = at + n_bytes
        return self.data[at : at + n_bytes]

    def u8(self) -> int:
        """An unsigned byte."""
        at = self.at
        if at >= self.end:
            raise ShortError
        self.at = at + 1
        return self.data[at]

    def u16(self) -> int:
        """An unsigned 16-bit number."""
        return int.from_bytes(self.take(2), "big")

    def u24(self) -> int:
        """An unsigned 24-bit number."""
        return int.from_bytes(self.take(3), "big")

    def u32(self) -> int:
        """An unsigned 32-bit number."""
        return int.from_bytes(self.take(4), "big")

    def vector8(self) -> bytes:
        """Bytes preceded by their length in one byte."""
        return self.take(self.u8())

    def vector16(self) -> bytes:
        """Bytes preceded by their length in two bytes."""
        return self.take(self.u16())

    def fields16(self) -> Iterator[tuple[int, bytes]]:
        """A 16-bit code and a `vector16`, again and again; ShortError where one does not fit."""
        data, end = self.data, self.end
        while self.at < end:
            at = self.at + 4
            if at > end:
                raise ShortError
            after = at + (data[at - 2] << 8 | data[at - 1])
            if after > end:
                raise ShortError
            self.at = after
            yield data[at - 4] << 8 | data[at - 3], data[at:after]
