"""Where export messages go: a UDP collector, paced, or a file.

A file of IPFIX is the messages one after the other (RFC 5655). Messages of NetFlow do not say how
long they are, so in a file `FILE_MAGIC` comes first and each has its length before it (4 bytes,
big-endian).
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Protocol

from wiretell.model.flow_messages import FILE_MAGIC

BURST_MESSAGES = 16
"""Sent without a pause: they fit into a collector's receive buffer of the usual 208 kB."""
DEFAULT_RATE = 20_000
"""Messages a second, thirty flows in each."""


class MessageSink(Protocol):
    """Takes messages; `close` when there are no more."""

    def send(self, messages: Iterable[bytes]) -> None:
        """Sends or writes the messages in order."""

    def close(self) -> None:
        """Ends; a file appears only now."""

    def abandon(self) -> None:
        """Ends without a result: a file that is not whole is removed."""


class UdpSink:
    """Sends each message as a datagram, in bursts that the collector's buffer can take.

    Raises `OSError` where the collector cannot be reached. UDP tells of losses nowhere: the
    sequence numbers let the collector see them.
    """

    def __init__(self, host: str, port: int, *, messages_per_s: int = DEFAULT_RATE) -> None:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[
            0
        ]
        self._socket = socket.socket(family, kind, protocol)
        try:
            self._socket.connect(address)
        except OSError:
            self._socket.close()
            raise
        self._seconds_each = 1 / messages_per_s
        self._free_at = time.monotonic()
        self._n_in_burst = 0

    def send(self, messages: Iterable[bytes]) -> None:
        """Sends the messages, at most as many a second as were agreed."""
        for message in messages:
            self._socket.send(message)
            self._n_in_burst += 1
            if self._n_in_burst == BURST_MESSAGES:
                self._pause()

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()

    abandon = close

    def _pause(self) -> None:
        """Waits until the bursts so far are within the rate; a late one does not make up time."""
        self._free_at += self._n_in_burst * self._seconds_each
        self._n_in_burst = 0
        wait_s = self._free_at - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        else:
            self._free_at -= wait_s


class FileSink:
    """Writes messages into a file, which appears under its name when it is whole."""

    def __init__(self, path: Path, *, framed: bool) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        self._framed = framed
        self._file: BinaryIO = self._partial.open("wb")
        if framed:
            self._file.write(FILE_MAGIC)

    def send(self, messages: Iterable[bytes]) -> None:
        """Writes the messages."""
        for message in messages:
            if self._framed:
                self._file.write(struct.pack("!I", len(message)))
            self._file.write(message)

    def close(self) -> None:
        """Gives the file its name."""
        self._file.close()
        self._partial.replace(self._path)

    def abandon(self) -> None:
        """Removes what was written."""
        self._file.close()
        self._partial.unlink(missing_ok=True)
