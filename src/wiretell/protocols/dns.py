"""DNS: RFC 1035, AAAA: RFC 3596, SRV: RFC 2782; also mDNS (RFC 6762) and LLMNR (RFC 4795)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from wiretell.protocols.cursor import Cursor, ShortError

A, PTR, CNAME, TXT, AAAA, SRV = 1, 12, 5, 16, 28, 33

MAX_RECORDS = 128
"""Questions, and records of all sections, read from one message."""

_MAX_NAME_BYTES = 255
_MAX_TXT_BYTES = 512


@dataclass(frozen=True, slots=True)
class Question:
    """A name and type asked for."""

    name: str
    type: int


@dataclass(frozen=True, slots=True)
class Record:
    """A resource record; `value` is an address, a name or text, and empty for other types."""

    name: str
    type: int
    value: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message as far as it could be read; `whole` is false where it was cut or malformed."""

    id: int
    response: bool
    opcode: int
    rcode: int
    questions: tuple[Question, ...]
    answers: tuple[Record, ...]
    additional: tuple[Record, ...]
    whole: bool


def parse(data: bytes) -> Message | None:
    """Reads one message without transport framing; `None` where not even the header is there."""
    if len(data) < 12:
        return None
    flags = int.from_bytes(data[2:4], "big")
    counts = [int.from_bytes(data[i : i + 2], "big") for i in (4, 6, 8, 10)]
    at = Cursor(data, 12)
    questions: list[Question] = []
    sections: tuple[list[Record], list[Record], list[Record]] = ([], [], [])
    whole = True
    left = MAX_RECORDS
    try:
        for _ in range(min(counts[0], left)):
            name = read_name(at)
            questions.append(Question(name, at.u16()))
            at.u16()
        for section, count in zip(sections, counts[1:], strict=True):
            for _ in range(min(count, left)):
                section.append(_record(at))
                left -= 1
    except ShortError:
        whole = False
    return Message(
        id=int.from_bytes(data[:2], "big"),
        response=bool(flags & 0x8000),
        opcode=flags >> 11 & 15,
        rcode=flags & 15,
        questions=tuple(questions),
        answers=tuple(sections[0]),
        additional=tuple(sections[2]),
        whole=whole and sum(counts) <= MAX_RECORDS,
    )


def read_name(cursor: Cursor) -> str:
    """Reads a name, compressed or not, and leaves the cursor after it.

    A pointer must lead to before the place where the last jump landed, so no message loops. Dots
    and backslashes within a label are escaped with a backslash; the root is the empty name.
    """
    data, at, end = cursor.data, cursor.at, cursor.end
    labels: list[str] = []
    n_bytes, earliest, after = 0, at, -1
    while True:
        if at >= end:
            raise ShortError
        length = data[at]
        if length >= 0xC0:
            if at + 1 >= end:
                raise ShortError
            if after < 0:
                after = at + 2
            at = (length & 0x3F) << 8 | data[at + 1]
            if at >= earliest:
                raise ShortError
            earliest = at
            continue
        at += 1
        if length == 0:
            break
        n_bytes += length + 1
        if length > 63 or n_bytes > _MAX_NAME_BYTES or at + length > end:
            raise ShortError
        labels.append(_label(data[at : at + length]))
        at += length
    cursor.at = at if after < 0 else after
    return ".".join(labels)


def _label(data: bytes) -> str:
    if b"." in data or b"\\" in data:
        data = data.replace(b"\\", b"\\\\").replace(b".", b"\\.")
    return data.decode("utf-8", "replace")


def _record(at: Cursor) -> Record:
    name = read_name(at)
    kind = at.u16()
    at.take(6)  # class, time to live
    length = at.u16()
    start = at.at
    if length > at.left:
        raise ShortError
    at.at = start + length
    return Record(name, kind, _value(at.data, kind, start, start + length))


def _value(data: bytes, kind: int, start: int, end: int) -> str:
    """Text of the record's data; empty where its type is not one of ours or it is malformed."""
    n_bytes = end - start
    if kind == A and n_bytes == 4:
        return str(IPv4Address(data[start:end]))
    if kind == AAAA and n_bytes == 16:
        return str(IPv6Address(data[start:end]))
    try:
        if kind in (CNAME, PTR):
            return read_name(Cursor(data, start, end))
        if kind == SRV and n_bytes > 6:
            return read_name(Cursor(data, start + 6, end))
    except ShortError:
        return ""
    if kind == TXT:
        return _strings(data[start:end])
    return ""


def _strings(data: bytes) -> str:
    """Character strings of a TXT record, joined by spaces."""
    parts: list[str] = []
    rest = Cursor(data[:_MAX_TXT_BYTES])
    try:
        while rest.left:
            parts.append(rest.vector8().decode("utf-8", "replace"))
    except ShortError:
        pass
    return " ".join(parts)
