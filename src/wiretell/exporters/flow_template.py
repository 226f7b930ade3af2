"""Templates of flow records, and rows packed by them: big-endian, a structured array at once.

Which element of a record holds which column of a row is in `flow_templates.toml`.
"""

from __future__ import annotations

import struct
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiretell.exporters.direction_rows import Array, Rows
from wiretell.protocols.flow_elements import REVERSE, Field, elements, number_of

NS_PER_S = 1_000_000_000
_NTP_EPOCH_S = 2_208_988_800
"""Seconds from 1900 to 1970 (RFC 5905)."""
_REVERSE = "reverse_"


@dataclass(frozen=True)
class Template:
    """Number and fields of a kind of record; `columns` are the columns of rows they hold."""

    number: int
    fields: tuple[Field, ...]
    columns: tuple[str, ...]

    @property
    def dtype(self) -> np.dtype[np.void]:
        """A record as a structured type without gaps."""
        return np.dtype([(f"f{i}", *_type(field)) for i, field in enumerate(self.fields)])

    def packed(self, rows: Rows) -> NDArray[np.void]:
        """The rows as records; a number too great for its field is the greatest it holds."""
        records = np.zeros(len(rows["proto"]), self.dtype)
        for i, (field, column) in enumerate(zip(self.fields, self.columns, strict=True)):
            values = rows[column]
            if values.dtype == np.int64:
                values = values.clip(0, min(256**field.length, 2**63) - 1)
            records[f"f{i}"] = values
        return records

    def described(self) -> bytes:
        """The template record (RFC 7011, 3.4.1; without enterprises it is RFC 3954's)."""
        words = [struct.pack("!HH", self.number, len(self.fields))]
        for field in self.fields:
            if field.enterprise:
                word = struct.pack("!HHI", field.number | 0x8000, field.length, field.enterprise)
            else:
                word = struct.pack("!HH", field.number, field.length)
            words.append(word)
        return b"".join(words)


@cache
def netflow9_template(version: int) -> Template:
    """The record of NetFlow v9 for an IP version."""
    parts = _layouts()
    layout = [*parts["address"][str(version)], *parts["netflow9"]["record"]]
    return _template(256 + version, layout + parts["icmp"][str(version)])


@cache
def ipfix_template(version: int, *, biflow: bool) -> Template:
    """The record of IPFIX for an IP version: one direction, or both (RFC 5103)."""
    parts = _layouts()
    icmp = parts["icmp"][str(version)]
    direction = [*parts["ipfix"]["direction"], *icmp]
    back = [[name, _REVERSE + column, length] for name, column, length in direction]
    # The way there comes last: nfdump 1.7 lets the last of two elements of one number count,
    # whatever their enterprise (its counters aside).
    layout = [*parts["address"][str(version)], *parts["ipfix"]["key"], *back * biflow, *direction]
    return _template(256 + version + 10 * biflow, layout)


def with_times(rows: Rows) -> Rows:
    """The rows with the times of both directions in the forms that IPFIX has."""
    forms: dict[str, Array] = {}
    for time in ("first", "last"):
        for prefix in ("", _REVERSE):
            forms[f"{prefix}{time}_ms"] = milliseconds(rows[prefix + time])
            forms[f"{prefix}{time}_ntp"] = ntp_time(rows[prefix + time])
    return {**rows, **forms}


def milliseconds(time_ns: Array) -> NDArray[np.int64]:
    """Times in whole milliseconds, not later than they were."""
    return np.asarray(time_ns, np.int64) // 1_000_000


def ntp_time(time_ns: Array) -> NDArray[np.uint64]:
    """Seconds since 1900 in the upper half, their fraction in the lower (RFC 7011, 6.1.9).

    A fraction is rounded up, so that rounding down gives the nanosecond back.
    """
    seconds, rest = np.divmod(np.asarray(time_ns, np.int64), NS_PER_S)
    fraction = -((-rest << 32) // NS_PER_S)
    upper = (seconds + _NTP_EPOCH_S).astype(np.uint64) << np.uint64(32)
    return np.asarray(upper | fraction.astype(np.uint64))


def _template(number: int, layout: Sequence[Sequence[Any]]) -> Template:
    fields = tuple(
        Field(number_of(name), length, REVERSE if column.startswith(_REVERSE) else 0)
        for name, column, length in layout
    )
    return Template(number, fields, tuple(column for _, column, _ in layout))


@cache
def _layouts() -> Mapping[str, Any]:
    text = files(__package__).joinpath("flow_templates.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _type(field: Field) -> tuple[object, ...]:
    kind = elements()[0, field.number].kind
    if kind in ("ipv4", "ipv6", "mac"):
        return ("u1", (field.length,))
    return (f">u{field.length}",)
