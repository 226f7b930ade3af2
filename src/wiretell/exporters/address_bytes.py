"""Addresses and link addresses of a table as bytes, without a step per row in Python."""

from __future__ import annotations

import socket
from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

_LENGTHS = {socket.AF_INET: 4, socket.AF_INET6: 16}


def ip_bytes(texts: pl.Series, family: socket.AddressFamily) -> NDArray[np.uint8]:
    """Shape (rows, 4 or 16): the addresses of one family as they are on the wire."""
    return _each_once(texts, _LENGTHS[family], lambda text: socket.inet_pton(family, text))


def mac_bytes(texts: pl.Series) -> NDArray[np.uint8]:
    """Shape (rows, 6): link addresses; unknown ones are zero."""
    known = texts.fill_null("00:00:00:00:00:00")
    return _each_once(known, 6, lambda text: bytes.fromhex(text.replace(":", "")))


def _each_once(texts: pl.Series, length: int, read: Callable[[str], bytes]) -> NDArray[np.uint8]:
    """Reads each different text once: a capture has fewer addresses than flows."""
    different = texts.unique(maintain_order=True)
    table = np.frombuffer(b"".join(map(read, different)), np.uint8).reshape(-1, length)
    numbers = pl.Series(np.arange(len(different), dtype=np.uint32))
    place = texts.replace_strict(different, numbers).to_numpy()
    return np.asarray(table[place])
