"""Header fields, `Name: value` line by line, as HTTP, SSDP and SIP write them (RFC 9112)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FIELD_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}\Z")
_MAX_FIELDS = 128


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one header.

    `values`: lower-case name to its values, in order. `end`: offset after the blank line, or of
    the input's end where there is none. `cut`: name of the field whose line has no end, if any.
    `whole`: the blank line was seen. `proper`: every complete line was a field.
    """

    values: dict[bytes, list[bytes]]
    end: int
    cut: bytes | None
    whole: bool
    proper: bool

    def first(self, name: bytes) -> bytes | None:
        """First value of a field, or `None`."""
        found = self.values.get(name)
        return found[0] if found else None


def read_fields(data: bytes, start: int = 0) -> Fields:
    """Reads header fields from `start` to the blank line or the end of `data`.

    Folded lines (RFC 9112 section 5.2) are joined to the field before them. A value whose line
    does not end is kept as far as it goes and its name is given as `cut`.
    """
    values: dict[bytes, list[bytes]] = {}
    last: list[bytes] | None = None
    at, proper = start, True
    for _ in range(_MAX_FIELDS):
        line_end = data.find(b"\n", at)
        line = data[at:] if line_end < 0 else data[at:line_end]
        if line.endswith(b"\r"):
            line = line[:-1]
        if not line and line_end >= 0:
            return Fields(values, line_end + 1, None, True, proper)
        name, colon, value = line.partition(b":")
        if line[:1] in (b" ", b"\t") and last:
            last[-1] += b" " + line.strip()
        elif colon and _FIELD_NAME.match(name):
            last = values.setdefault(name.lower(), [])
            last.append(value.strip())
        elif line_end >= 0:
            proper = False
        if line_end < 0:
            cut = name.lower() if colon else None
            return Fields(values, len(data), cut, False, proper)
        at = line_end + 1
    return Fields(values, at, None, False, proper)
