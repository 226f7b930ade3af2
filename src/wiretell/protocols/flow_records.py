"""Records of NetFlow and IPFIX as columns: all records of a template at once.

Numbers may be shorter than their element is defined (RFC 7011, 6.2): any length is read. Times
become nanoseconds since 1970, whatever clock the exporter tells them by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv6Address

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.protocols.flow_elements import VARIABLE, Element, elements
from wiretell.protocols.flow_messages import Chunk, Layout, Sets, Stream

Bytes2d = NDArray[np.uint8]

_NS_PER_MS, _NS_PER_S = 1_000_000, 1_000_000_000
_NTP_EPOCH_S = 2_208_988_800
_AHEAD_MS = 3_600_000
"""An uptime this far after the header's may be a jitter of clocks; further, it wrapped before."""
_UNKNOWN_NS = np.iinfo(np.int64).min

_COUNTS = {"pkts": pl.UInt64, "bytes": pl.UInt64, "tos": pl.UInt8, "tcp_flags": pl.UInt16} | {
    "ttl_min": pl.UInt8,
    "ttl_max": pl.UInt8,
    "mac": pl.String,
    "first": pl.Int64,
    "last": pl.Int64,
}
RECORDS = pl.Schema(
    {
        "stream": pl.UInt32,
        "order": pl.UInt64,
        "proto": pl.UInt8,
        "src": pl.String,
        "dst": pl.String,
        "sport": pl.UInt16,
        "dport": pl.UInt16,
        "icmp_type": pl.UInt8,
        "icmp_code": pl.UInt8,
        "vlan": pl.UInt16,
        "end_reason": pl.UInt8,
        "direction": pl.UInt8,
        **_COUNTS,
        **{f"reverse_{name}": dtype for name, dtype in _COUNTS.items()},
    }
)
"""A flow record; `reverse_` is the other direction of the same record (RFC 5103), mostly null."""


def read_sets(sets: Sets, numbers: Mapping[Stream, int]) -> tuple[pl.DataFrame, int]:
    """All flow records of these sets in the order they came, and how many could not be read.

    `numbers` are what column `stream` holds. A record without two addresses is no flow's and
    counts as unread, as one whose fields of varying length run beyond its set.
    """
    tables, n_unread = [], 0
    for (stream, layout), chunks in sets.items():
        table, n_bad = _read(layout, chunks)
        n_unread += n_bad
        table = table.with_columns(pl.lit(numbers[stream], pl.UInt32).alias("stream"))
        known = table.filter(pl.col("src").is_not_null() & pl.col("dst").is_not_null())
        n_unread += table.height - known.height
        tables.append(known.select(RECORDS.names()))
    if not tables:
        return pl.DataFrame(schema=RECORDS), n_unread
    return pl.concat(tables).sort("order", maintain_order=True), n_unread


def _read(layout: Layout, chunks: Sequence[Chunk]) -> tuple[pl.DataFrame, int]:
    """Records of one template; the second: how many were cut."""
    if layout.varies:
        cells, sizes, n_bad = _varying(layout, chunks)
    else:
        cells, sizes = _fixed(layout, chunks)
        n_bad = 0
    n_rows = sum(sizes)
    per_record = np.repeat(np.arange(len(chunks)), sizes)
    export_ns = np.array([chunk.export_ns for chunk in chunks], np.int64)[per_record]
    boots = [_UNKNOWN_NS if chunk.boot_ns is None else chunk.boot_ns for chunk in chunks]
    boot_ns = np.array(boots, np.int64)[per_record]
    columns: dict[str, pl.Series] = {
        "order": pl.Series(np.array([chunk.order for chunk in chunks], np.uint64)[per_record])
    }
    ranks: dict[str, int] = {}
    for field, values in cells.items():
        element = elements()[field]
        if element.rank >= ranks.get(element.column, len(elements())):
            continue
        read = _column(element, values, export_ns, boot_ns)
        if read is not None:
            columns[element.column] = read
            ranks[element.column] = element.rank
    _complete(columns)
    empty = {name: pl.Series([None] * n_rows, dtype=dtype) for name, dtype in RECORDS.items()}
    made = {
        name: columns[name].cast(dtype, strict=False) if name in columns else empty[name]
        for name, dtype in RECORDS.items()
    }
    return pl.DataFrame(made), n_bad


def _complete(columns: dict[str, pl.Series]) -> None:
    """What one column says of another: type and code in one number, durations, one TTL."""
    if "icmp" in columns and "icmp_type" not in columns:
        columns["icmp_type"] = columns["icmp"] // 256
        columns["icmp_code"] = columns["icmp"] % 256
    for prefix in ("", "reverse_"):
        if f"{prefix}ttl_min" in columns:
            columns.setdefault(f"{prefix}ttl_max", columns[f"{prefix}ttl_min"])
        first, last = columns.get(f"{prefix}first"), columns.get(f"{prefix}last")
        for unit, factor in (("ms", _NS_PER_MS), ("us", 1000)):
            lasted = columns.get(f"{prefix}duration_{unit}")
            if lasted is None:
                continue
            length_ns = lasted.clip(0, 2**31).cast(pl.Int64) * factor
            if first is not None and last is None:
                columns[f"{prefix}last"] = last = first + length_ns
            elif last is not None and first is None:
                columns[f"{prefix}first"] = first = last - length_ns


def _fixed(
    layout: Layout, chunks: Sequence[Chunk]
) -> tuple[dict[tuple[int, int], Bytes2d], list[int]]:
    """The bytes of each known field, a row per record, and how many records each chunk has."""
    length = layout.least_bytes
    rows = np.frombuffer(b"".join(chunk.body for chunk in chunks), np.uint8).reshape(-1, length)
    cells: dict[tuple[int, int], Bytes2d] = {}
    at = 0
    for field in layout.fields:
        if (field.enterprise, field.number) in elements():
            cells.setdefault((field.enterprise, field.number), rows[:, at : at + field.length])
        at += field.length
    return cells, [len(chunk.body) // length for chunk in chunks]


def _varying(
    layout: Layout, chunks: Sequence[Chunk]
) -> tuple[dict[tuple[int, int], Bytes2d], list[int], int]:
    """The same where some fields tell their length; of those only the places are looked at."""
    wanted = [
        (i, (field.enterprise, field.number), field.length)
        for i, field in enumerate(layout.fields)
        if field.length != VARIABLE and (field.enterprise, field.number) in elements()
    ]
    places: list[list[int]] = []
    sizes, n_bad, base = [], 0, 0
    for chunk in chunks:
        n_before = len(places)
        at = 0
        while at + layout.least_bytes <= len(chunk.body):
            found = _places(layout, chunk.body, at)
            if found is None:
                n_bad += 1
                break
            starts, at = found
            places.append([base + start for start in starts])
        sizes.append(len(places) - n_before)
        base += len(chunk.body)
    data = np.frombuffer(b"".join(chunk.body for chunk in chunks), np.uint8)
    starts_of = np.array(places, np.int64).reshape(-1, len(layout.fields))
    cells: dict[tuple[int, int], Bytes2d] = {}
    for i, key, length in wanted:
        cells.setdefault(key, data[starts_of[:, i, None] + np.arange(length)])
    return cells, sizes, n_bad


def _places(layout: Layout, body: bytes, at: int) -> tuple[list[int], int] | None:
    """Where each field of the record at `at` starts, and where the record ends."""
    starts = []
    for field in layout.fields:
        length = field.length
        if length == VARIABLE:
            if at >= len(body):
                return None
            length, at = body[at], at + 1
            if length == 255:
                length, at = int.from_bytes(body[at : at + 2], "big"), at + 2
        starts.append(at)
        at += length
        if at > len(body):
            return None
    return starts, at


def _column(
    element: Element, cells: Bytes2d, export_ns: NDArray[np.int64], boot_ns: NDArray[np.int64]
) -> pl.Series | None:
    """The values of a field; None where its length does not fit what it is."""
    length = cells.shape[1]
    if element.kind == "ipv4":
        return _ipv4(cells) if length == 4 else None
    if element.kind == "ipv6":
        return _ipv6(cells) if length == 16 else None
    if element.kind == "mac":
        return _mac(cells) if length == 6 else None
    if not 0 < length <= 8:
        return None
    numbers = _unsigned(cells)
    if element.kind == "unsigned":
        return pl.Series(numbers)
    return _time(element.kind, numbers, export_ns, boot_ns)


def _unsigned(cells: Bytes2d) -> NDArray[np.uint64]:
    padded = np.zeros((len(cells), 8), np.uint8)
    padded[:, 8 - cells.shape[1] :] = cells
    return padded.view(">u8").astype(np.uint64).reshape(-1)


def _time(
    kind: str,
    numbers: NDArray[np.uint64],
    export_ns: NDArray[np.int64],
    boot_ns: NDArray[np.int64],
) -> pl.Series:
    """Nanoseconds since 1970; null where the exporter's start is not known or nothing was sent."""
    if kind == "ntp":
        seconds = (numbers >> np.uint64(32)).astype(np.int64) - _NTP_EPOCH_S
        fraction = (numbers & np.uint64(0xFFFF_FFFF)).astype(np.int64)
        time_ns = seconds * _NS_PER_S + (fraction * _NS_PER_S >> 32)
        known = numbers != 0
    elif kind == "uptime_ms":
        up_ms = (export_ns - np.where(boot_ns == _UNKNOWN_NS, 0, boot_ns)) // _NS_PER_MS
        # 32 bits that wrap: how long before the message was written, or a little after it.
        ago_ms = (up_ms - numbers.astype(np.int64)) % 2**32
        ago_ms = np.where(ago_ms > 2**32 - _AHEAD_MS, ago_ms - 2**32, ago_ms)
        time_ns = export_ns - ago_ms * _NS_PER_MS
        known = boot_ns != _UNKNOWN_NS
    elif kind == "ago_us":
        time_ns = export_ns - numbers.clip(0, 2**40).astype(np.int64) * 1000
        known = np.ones(len(numbers), np.bool_)
    else:
        factor = _NS_PER_MS if kind == "ms" else _NS_PER_S
        most = np.uint64(2**63 // factor - 1)
        time_ns = np.minimum(numbers, most).astype(np.int64) * factor
        known = (numbers != 0) & (numbers <= most)
    times = pl.DataFrame({"time_ns": time_ns, "known": known})
    return times.select(pl.when("known").then("time_ns")).to_series()


def _ipv4(cells: Bytes2d) -> pl.Series:
    parts = pl.DataFrame({str(i): cells[:, i] for i in range(4)})
    return parts.select(pl.concat_str(pl.all(), separator=".")).to_series()


def _ipv6(cells: Bytes2d) -> pl.Series:
    return _each_once(cells, lambda row: str(IPv6Address(row)))


def _mac(cells: Bytes2d) -> pl.Series:
    """Link addresses; zeros say that it is unknown."""
    return _each_once(cells, lambda row: row.hex(":") if any(row) else None)


def _each_once(cells: Bytes2d, read: Callable[[bytes], str | None]) -> pl.Series:
    """Reads each different value once."""
    whole = np.ascontiguousarray(cells).view(f"V{cells.shape[1]}").reshape(-1)
    different, place = np.unique(whole, return_inverse=True)
    texts = pl.Series([read(value.tobytes()) for value in different], dtype=pl.String)
    return texts.gather(place)
