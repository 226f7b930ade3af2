"""Frames of a capture file: pcap in both byte orders and resolutions, pcapng; plain or gzip.

Apart from the reader that superpositions are meant to test. A damaged file gives the frames before
the damage; `Frames.damaged` says so.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LONGEST_FRAME = 1 << 20
_INTERFACE, _ENHANCED = 1, 6
_IF_TSRESOL, _IF_TSOFFSET = 9, 14
_NS = 10**9
_CLASSIC = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}
"""Magic number -> nanoseconds per unit of the fraction."""


class FrameError(ValueError):
    """Not a capture of a known format."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes kept of one frame, its time, its length on the wire, its LINKTYPE_ number."""

    time_ns: int
    data: bytes
    n_wire_bytes: int
    link_type: int


@dataclass(frozen=True)
class Frames:
    """All frames of a file in their order, and whether it ends in damage."""

    frames: tuple[Frame, ...]
    damaged: bool


@dataclass(frozen=True)
class _Interface:
    link_type: int
    units_per_s: int
    offset_s: int


class _DamageError(Exception):
    """The file goes on, but not as its format says."""


def read_frames(path: Path) -> Frames:
    """Raises `FrameError` for what is not a capture, `OSError` if it cannot be read."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise FrameError(f"{path}: damaged gzip: {error}") from None
    frames: list[Frame] = []
    try:
        frames.extend(_walk(path, data))
    except (_DamageError, struct.error):
        return Frames(tuple(frames), damaged=True)
    return Frames(tuple(frames), damaged=False)


def _walk(path: Path, data: bytes) -> Iterator[Frame]:
    if len(data) >= 24:
        for order in "<>":
            (magic,) = struct.unpack_from(f"{order}I", data)
            if magic in _CLASSIC:
                return _classic(data, order, _CLASSIC[magic])
        if data[:4] == b"\n\r\r\n":
            return _blocks(data)
    raise FrameError(f"{path}: neither pcap nor pcapng")


def _classic(data: bytes, order: str, unit_ns: int) -> Iterator[Frame]:
    link_type = struct.unpack_from(f"{order}I", data, 20)[0] & 0xFFFF
    at = 24
    while at < len(data):
        seconds, fraction, n_kept, n_wire = struct.unpack_from(f"{order}IIII", data, at)
        at += 16
        if n_kept > _LONGEST_FRAME or at + n_kept > len(data):
            raise _DamageError
        yield Frame(seconds * _NS + fraction * unit_ns, data[at : at + n_kept], n_wire, link_type)
        at += n_kept


def _blocks(data: bytes) -> Iterator[Frame]:
    order, at = "<", 0
    interfaces: list[_Interface] = []
    while at < len(data):
        if data[at : at + 4] == b"\n\r\r\n":
            order = "<" if data[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
        kind, size = struct.unpack_from(f"{order}II", data, at)
        if size < 12 or size % 4 or at + size > len(data):
            raise _DamageError
        body = data[at + 8 : at + size - 4]
        if kind == _INTERFACE:
            interfaces.append(_interface(body, order))
        elif kind == _ENHANCED:
            number, high, low, n_kept, n_wire = struct.unpack_from(f"{order}IIIII", body)
            if number >= len(interfaces) or n_kept > len(body) - 20:
                raise _DamageError
            interface = interfaces[number]
            time_ns = (high << 32 | low) * _NS // interface.units_per_s + interface.offset_s * _NS
            yield Frame(time_ns, body[20 : 20 + n_kept], n_wire, interface.link_type)
        # A simple packet has no time: it cannot be placed.
        at += size


def _interface(body: bytes, order: str) -> _Interface:
    (link_type,) = struct.unpack_from(f"{order}H", body)
    units_per_s, offset_s, at = 10**6, 0, 8
    while at + 4 <= len(body):
        code, length = struct.unpack_from(f"{order}HH", body, at)
        value = body[at + 4 : at + 4 + length]
        if code == 0:
            break
        if code == _IF_TSRESOL and value:
            units_per_s = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif code == _IF_TSOFFSET and length == 8:
            (offset_s,) = struct.unpack(f"{order}q", value)
        at += 4 + length + -length % 4
    return _Interface(link_type, units_per_s, offset_s)
