"""Flows to collectors and files: which format, where to, from one word.

`v9://127.0.0.1:9995` is a UDP collector, `v9:FILE` a file; a FILE alone tells its format by its
suffix. Formats: v5, v9, ipfix, and ipfix-uniflow (one record per direction).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from wiretell.errors import ConfigError
from wiretell.exporters.ipfix import Ipfix
from wiretell.exporters.message_sink import DEFAULT_RATE, FileSink, MessageSink, UdpSink
from wiretell.exporters.netflow5 import NetFlow5
from wiretell.exporters.netflow9 import NetFlow9

DATAGRAM_BYTES = 1400
"""Fits an Ethernet frame together with the headers of IP and UDP, over most tunnels too."""
FILE_MESSAGE_BYTES = 60_000

SUFFIXES = {".nf5": "v5", ".nf9": "v9", ".ipfix": "ipfix"}
_TARGET = re.compile(r"(?P<format>v5|v9|ipfix|ipfix-uniflow):(?P<rest>.+)")
_ENDPOINT = re.compile(r"//(?P<host>\[[^\]]+\]|[^:/]+):(?P<port>\d{1,5})/?")


class Codec(Protocol):
    """Makes messages of one format; it numbers them, so there is one per exporter."""

    name: str
    counters: dict[str, int]

    def messages(self, flows: pl.DataFrame) -> Iterator[bytes]:
        """The messages that tell of these flows."""


@dataclass(frozen=True)
class ExportTarget:
    """A format and a place: host and port of a collector, or a path."""

    format: str
    path: Path | None = None
    host: str = ""
    port: int = 0


def parse_target(word: str) -> ExportTarget:
    """What the word of `--export` asks for.

    Raises:
        ConfigError: it names no format, or no place.
    """
    found = _TARGET.fullmatch(word)
    if found is None:
        known = SUFFIXES.get(Path(word).suffix)
        if known is None or "://" in word:
            raise ConfigError(
                f"--export {word}: name a format and a place, as v9://HOST:PORT, ipfix:FILE or "
                f"FILE{', FILE'.join(SUFFIXES)} (formats: v5, v9, ipfix, ipfix-uniflow)"
            )
        return ExportTarget(known, Path(word))
    form, rest = found["format"], found["rest"]
    if not rest.startswith("//"):
        return ExportTarget(form, Path(rest))
    endpoint = _ENDPOINT.fullmatch(rest)
    if endpoint is None or not 0 < int(endpoint["port"]) < 65536:
        raise ConfigError(f"--export {word}: a collector is HOST:PORT")
    return ExportTarget(form, None, endpoint["host"].strip("[]"), int(endpoint["port"]))


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
