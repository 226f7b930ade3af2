"""Text off the wire made safe to show: on terminals, in CSV files."""

from __future__ import annotations

import re
import unicodedata

_PLAIN = re.compile(r"[\x20-\x7e]*")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that steer a terminal, reorder or hide text, or mean nothing."""
_FORMULA_STARTS = ("=", "+", "-", "@")


def visible(text: str) -> str:
    r"""`text` with every character that is not plainly visible written as \xNN, \uNNNN, \UNNNNNNNN.

    Terminal escapes, line ends, marks of writing direction and zero-width characters are among
    them.
    """
    if _PLAIN.fullmatch(text):
        return text
    return "".join(_escaped(c) if unicodedata.category(c) in _HIDDEN else c for c in text)


def spreadsheet(text: str) -> str:
    """`visible` text that a spreadsheet takes as text, not as a formula: led by an apostrophe."""
    shown = visible(text)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA_STARTS) else shown


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters, an ellipsis in place of the rest."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
