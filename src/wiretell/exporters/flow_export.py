"""Flows to collectors and files.

Formats: v5, v9, ipfix, and ipfix-uniflow (one record per direction); the places are those of
`export_target`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import polars as pl

from wiretell.exporters.export_target import ExportTarget
from wiretell.exporters.ipfix import Ipfix
from wiretell.exporters.message_sink import DEFAULT_RATE, FileSink, MessageSink, UdpSink
from wiretell.exporters.netflow5 import NetFlow5
from wiretell.exporters.netflow9 import NetFlow9

DATAGRAM_BYTES = 1400
"""Fits an Ethernet frame together with the headers of IP and UDP, over most tunnels too."""
FILE_MESSAGE_BYTES = 60_000


class Codec(Protocol):
    """Makes messages of one format; it numbers them, so there is one per exporter."""

    name: str
    counters: dict[str, int]

    def messages(self, flows: pl.DataFrame) -> Iterator[bytes]:
        """The messages that tell of these flows."""


def codec(form: str, *, to_file: bool) -> Codec:
    """The encoder of a format; in a file templates are told once and messages are longer."""
    n_bytes = FILE_MESSAGE_BYTES if to_file else DATAGRAM_BYTES
    refresh = 0 if to_file else 20
    made: Mapping[str, Callable[[], Codec]] = {
        "v5": NetFlow5,
        "v9": lambda: NetFlow9(max_bytes=n_bytes, refresh=refresh),
        "ipfix": lambda: Ipfix(max_bytes=n_bytes, refresh=refresh),
        "ipfix-uniflow": lambda: Ipfix(max_bytes=n_bytes, refresh=refresh, biflow=False),
    }
    return made[form]()


class FlowExport:
    """Sends flows to one target as they end."""

    def __init__(self, target: ExportTarget, *, messages_per_s: int = DEFAULT_RATE) -> None:
        self.target = target
        self._codec = codec(target.format, to_file=target.path is not None)
        self._sink: MessageSink = (
            UdpSink(target.host, target.port, messages_per_s=messages_per_s)
            if target.path is None
            else FileSink(target.path, framed=not target.format.startswith("ipfix"))
        )

    @property
    def counters(self) -> Mapping[str, int]:
        """messages, records, and what the format could not tell."""
        return self._codec.counters

    def write(self, flows: pl.DataFrame) -> None:
        """Sends these flows."""
        self._sink.send(self._codec.messages(flows))

    def close(self) -> None:
        """No more flows."""
        self._sink.close()

    def abandon(self) -> None:
        """Ends early: no file is left."""
        self._sink.abandon()
