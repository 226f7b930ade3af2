"""Flows that others measured: NetFlow v5, v9 and IPFIX from files, captures, or the network.

Files: messages behind `FILE_MAGIC`, as `exporters.message_sink` writes them, and IPFIX files
(RFC 5655). Captures: their UDP datagrams; one of which only the first fragment has its header is
counted as cut. The network: a UDP port of this machine.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from wiretell.errors import CaptureError
from wiretell.model.flow_messages import FILE_MAGIC
from wiretell.protocols.biflows import flows_of
from wiretell.protocols.flow_messages import MessageReader
from wiretell.protocols.flow_records import RECORDS, read_sets
from wiretell.sources.bpf import compile_filter
from wiretell.sources.captures import open_captures
from wiretell.sources.message_file import IPFIX_VERSION

MAX_MESSAGE_BYTES = 65_535
_IPFIX_HEADER_BYTES = 16
_TAKE_RECORDS = 100_000
_UDP = 17
_BATCH_PACKETS = 1 << 16
_POLL_S = 0.2
_REST_S = 1.0
"""What lies in the socket at the end is read for so long, for exporters may never pause."""
_RECEIVE_BUFFER_BYTES = 8 << 20

Message = tuple[bytes, str]
"""A message and who sent it."""


class FlowMessages:
    """Flows that a stream of messages tells of.

    `about` is joined to the provenance; it may be filled while messages are read.
    """

    def __init__(self, messages: Iterator[Message], about: Mapping[str, Any]) -> None:
        self._messages = messages
        self._about = about
        self._reader = MessageReader()
        self._n_unread = 0
        self._n_flows = 0
        self._n_packets = 0

    def batches(self) -> Iterator[pl.DataFrame]:
        """All flows at once, by the time of their start: both directions must have come."""
        flows = flows_of(self._records())
        self._n_flows = flows.height
        self._n_packets = int((flows["orig_pkts"] + flows["resp_pkts"]).sum())
        if flows.height:
            yield flows

    def provenance(self) -> Mapping[str, Any]:
        """As of a capture, and `streams`: who sent how many messages, how many were lost."""
        counters = dict(self._reader.counters) | {
            "unread_records": self._n_unread,
            "flows": self._n_flows,
            "packets": self._n_packets,
        }
        return {
            "version": version("wiretell"),
            "filter": None,
            "files": [],
            "counters": counters,
            "weirds": {},
            "damage": [],
            "streams": self._reader.streams(),
            **self._about,
        }

    def close(self) -> None:
        """Nothing goes on beside `batches`."""

    def _records(self) -> pl.DataFrame:
        tables = [pl.DataFrame(schema=RECORDS)]
        for message, exporter in self._messages:
            self._reader.push(message, exporter)
            if self._reader.n_waiting >= _TAKE_RECORDS:
                tables.append(self._take())
        return pl.concat([*tables, self._take()])

    def _take(self) -> pl.DataFrame:
        records, n_unread = read_sets(self._reader.take(), self._reader.numbers())
        self._n_unread += n_unread
        return records


def from_files(paths: Sequence[Path]) -> FlowMessages:
    """Flows in files of messages. Raises OSError where one cannot be opened."""
    damage: list[dict[str, object]] = []

    def messages() -> Iterator[Message]:
        for path in paths:
            with path.open("rb") as file:
                yield from _of_file(file, path, damage)

    files = [{"path": str(path), "format": "flow messages"} for path in paths]
    return FlowMessages(messages(), {"files": files, "damage": damage})


def from_captures(paths: Sequence[str], *, filter: str | None = None) -> FlowMessages:
    """Flows told by the UDP datagrams in captures. Raises OSError, CaptureError, ConfigError."""
    words = f"udp and ({filter})" if filter else "udp"
    reader, unread = open_captures(paths, compile_filter(words), payloads=True)
    about: dict[str, Any] = {"filter": filter}

    def messages() -> Iterator[Message]:
        while (batch := reader.packets(_BATCH_PACKETS)) is not None:
            told = pl.DataFrame(batch).filter(
                (pl.col("proto") == _UDP) & pl.col("sport").is_not_null()
            )
            yield from told.select("payload", pl.format("{}:{}", "src", "sport")).iter_rows()
        about["files"], about["damage"] = reader.files(), [*unread, *reader.damage()]

    return FlowMessages(messages(), about)


class CollectedFlows(FlowMessages):
    """Flows that exporters send to a UDP port, until one of the limits, or `stop`.

    After `stop` what has come already is still read, `max_messages` of it at most. Raises
    `OSError` where the port is taken.
    """

    def __init__(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        max_seconds: float | None = None,
        max_messages: int | None = None,
    ) -> None:
        super().__init__(self._heard(max_seconds, max_messages), {})
        self._listening = _listening(host, port)
        self._stopped = False

    def stop(self) -> None:
        """No more is waited for; may be called from a signal's handler."""
        self._stopped = True

    def close(self) -> None:
        """Leaves the port."""
        self._listening.close()

    def _heard(self, max_seconds: float | None, n_left: int | None) -> Iterator[Message]:
        until = float("inf") if max_seconds is None else time.monotonic() + max_seconds
        while n_left != 0:
            now = time.monotonic()
            if self._stopped:
                until = min(until, now)
            if now > until + _REST_S:
                return
            self._listening.settimeout(0 if now >= until else _POLL_S)
            try:
                message, sender = self._listening.recvfrom(MAX_MESSAGE_BYTES)
            except TimeoutError:
                continue
            except BlockingIOError:
                return
            yield message, f"{sender[0]}:{sender[1]}"
            n_left = None if n_left is None else n_left - 1


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_DGRAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening


def _of_file(file: BinaryIO, path: Path, damage: list[dict[str, object]]) -> Iterator[Message]:
    """The messages of one file; where it is cut or corrupt its rest is told as damage."""
    n_messages = 0
    framed = file.read(len(FILE_MAGIC)) == FILE_MAGIC
    if not framed:
        file.seek(0)
    while True:
        offset = file.tell()
        head = file.read(4)
        if not head:
            if n_messages == 0 and not framed:
                raise CaptureError(str(path), 0, "empty")
            return
        length = int.from_bytes(head, "big") if framed else int.from_bytes(head[2:], "big")
        rest = length if framed else length - 4
        is_odd = length > MAX_MESSAGE_BYTES or (not framed and length < _IPFIX_HEADER_BYTES)
        message = b"" if len(head) < 4 or is_odd else file.read(rest)
        if len(message) < max(rest, 1) or (not framed and head[:2] != IPFIX_VERSION):
            told = {"file": str(path), "packet": n_messages, "offset": offset}
            damage.append(told | {"kind": "cut", "message": "no whole message here"})
            return
        n_messages += 1
        yield (message if framed else head + message), str(path)
