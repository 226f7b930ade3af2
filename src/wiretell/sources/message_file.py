"""Files of flow export messages, told by their first bytes without reading them."""

from __future__ import annotations

from pathlib import Path

from wiretell.model.flow_messages import FILE_MAGIC

IPFIX_VERSION = b"\x00\x0a"
"""The first bytes of an IPFIX message (RFC 7011), and so of a file of them (RFC 5655)."""


def is_message_file(path: Path) -> bool:
    """True for a file that begins as one of export messages."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(len(FILE_MAGIC))
    return head == FILE_MAGIC or head[:2] == IPFIX_VERSION
