"""Messages of NetFlow v5, v9 and IPFIX taken apart: headers, templates, sets of records.

Source: Cisco, "NetFlow Export Datagram Format" (v5); RFC 3954 (v9); RFC 7011 (IPFIX). Any bytes
may come: nothing raises, memory is bounded, and whatever is not understood is counted. Records
are not read here but kept in sets of one template: `flow_records` reads a whole set at once.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from wiretell.protocols.flow_elements import VARIABLE, Field, elements, netflow5_fields

MAX_TEMPLATES = 4096
MAX_STREAMS = 1024
MAX_FIELDS = 512
MAX_RECORD_BYTES = 65_535

_HEADER5 = struct.Struct("!HHIIIIBBH")
_HEADER9 = struct.Struct("!HHIIII")
_HEADER10 = struct.Struct("!HHIII")
_SET = struct.Struct("!HH")
_RECORD5_BYTES = 48
_FIRST_DATA_SET = 256
_TEMPLATE_SETS = {9: (0, 1), 10: (2, 3)}
"""Set numbers of templates and of options templates."""
_SYSTEM_INIT_MS = 160
"""systemInitTimeMilliseconds: IPFIX tells uptimes against it."""
_SAMPLING = frozenset({34, 50})
"""samplingInterval, samplerRandomInterval."""
_NS_PER_S, _NS_PER_MS = 1_000_000_000, 1_000_000


@dataclass(frozen=True)
class Stream:
    """Who numbers messages: an exporter's address and, within it, engine or domain."""

    exporter: str
    version: int
    domain: int


@dataclass(frozen=True)
class Layout:
    """What a template says of its records; options records describe the exporter, not a flow."""

    fields: tuple[Field, ...]
    is_options: bool = False

    @cached_property
    def least_bytes(self) -> int:
        """Length of a record, or of the shortest one where some field's length varies."""
        return sum(1 if f.length == VARIABLE else f.length for f in self.fields)

    @cached_property
    def varies(self) -> bool:
        """Whether some field tells its length itself."""
        return any(f.length == VARIABLE for f in self.fields)

    @cached_property
    def tells_flows(self) -> bool:
        """Whether a record has both addresses: without them it is no flow's."""
        known = elements()
        keys = ((f.enterprise, f.number) for f in self.fields)
        return {"src", "dst"} <= {known[key].column for key in keys if key in known}


@dataclass(frozen=True)
class Chunk:
    """Records of one message: their bytes, and the clocks of its header."""

    order: int
    body: bytes
    export_ns: int
    boot_ns: int | None
    """When the exporter started, by its header; None where the format does not say (IPFIX)."""


Sets = dict[tuple[Stream, Layout], list[Chunk]]


@dataclass
class _Numbering:
    """What the next message of a stream should be numbered; None: anything."""

    expected: int | None = None
    n_records: int = 0
    n_messages: int = 0
    n_lost: int = 0
    boot_ns: int | None = None
    """When the exporter started, where it told that in an options record."""
    sampling: int = 1
    """One in so many packets was looked at."""


@dataclass
class MessageReader:
    """Takes messages one by one and keeps their records in sets until they are taken away.

    `counters`: messages, records (those of varying length uncounted), option_records, templates,
    and what went wrong: not_flow_messages, cut_messages, bad_sets, bad_templates,
    sets_without_template, records_of_no_flow (their template has no addresses),
    templates_refused, streams_refused, reordered, lost (by sequence numbers: records of v5 and
    IPFIX, messages of v9).
    """

    counters: Counter[str] = field(default_factory=Counter)
    _templates: dict[tuple[Stream, int], Layout] = field(default_factory=dict)
    _numbering: dict[Stream, _Numbering] = field(default_factory=dict)
    _sets: Sets = field(default_factory=dict)
    _n_waiting: int = 0

    @property
    def n_waiting(self) -> int:
        """Records that were not taken away yet, at most."""
        return self._n_waiting

    def take(self) -> Sets:
        """The records since the last call."""
        sets, self._sets, self._n_waiting = self._sets, {}, 0
        return sets

    def streams(self) -> list[Mapping[str, str | int]]:
        """Who sent how much, and how much of it is missing by the sequence numbers."""
        return [
            {
                "exporter": stream.exporter,
                "version": stream.version,
                "domain": stream.domain,
                "messages": numbering.n_messages,
                "records": numbering.n_records,
                "lost": numbering.n_lost,
                "sampling": numbering.sampling,
            }
            for stream, numbering in self._numbering.items()
        ]

    def numbers(self) -> Mapping[Stream, int]:
        """The place of each stream in `streams`."""
        return {stream: place for place, stream in enumerate(self._numbering)}

    def push(self, message: bytes, exporter: str = "") -> bool:
        """Takes a message; False where it is none of NetFlow or IPFIX."""
        version = int.from_bytes(message[:2], "big") if len(message) >= 2 else 0
        read = {5: self._version5, 9: self._version9, 10: self._version10}.get(version)
        if read is None or not read(message, exporter):
            self.counters["not_flow_messages"] += 1
            return False
        self.counters["messages"] += 1
        return True

    def _version5(self, message: bytes, exporter: str) -> bool:
        if len(message) < _HEADER5.size:
            return False
        _, n, uptime, seconds, rest_ns, sequence, kind, engine, sampling = _HEADER5.unpack_from(
            message
        )
        stream = self._stream(exporter, 5, kind << 8 | engine)
        if stream is None:
            return True
        body = message[_HEADER5.size :][: n * _RECORD5_BYTES]
        n_whole = len(body) // _RECORD5_BYTES
        self.counters["cut_messages"] += n_whole < n
        self._numbering[stream].sampling = max(1, sampling & 0x3FFF)
        export_ns = seconds * _NS_PER_S + rest_ns
        self._number(stream, sequence, n)
        layout = Layout(netflow5_fields())
        self._keep(stream, layout, body, export_ns, export_ns - uptime * _NS_PER_MS)
        return True

    def _version9(self, message: bytes, exporter: str) -> bool:
        if len(message) < _HEADER9.size:
            return False
        _, _, uptime, seconds, sequence, domain = _HEADER9.unpack_from(message)
        stream = self._stream(exporter, 9, domain)
        if stream is not None:
            self._number(stream, sequence, 1)
            export_ns = seconds * _NS_PER_S
            boot_ns = export_ns - uptime * _NS_PER_MS
            self._sets_of(stream, message[_HEADER9.size :], export_ns, boot_ns)
        return True

    def _version10(self, message: bytes, exporter: str) -> bool:
        if len(message) < _HEADER10.size:
            return False
        _, length, seconds, sequence, domain = _HEADER10.unpack_from(message)
        if length < _HEADER10.size:
            return False
        self.counters["cut_messages"] += length > len(message)
        stream = self._stream(exporter, 10, domain)
        if stream is not None:
            body = message[_HEADER10.size : length]
            n_records = self._sets_of(stream, body, seconds * _NS_PER_S, None)
            self._number(stream, sequence, n_records)
        return True

    def _stream(self, exporter: str, version: int, domain: int) -> Stream | None:
        stream = Stream(exporter, version, domain)
        if stream not in self._numbering:
            if len(self._numbering) >= MAX_STREAMS:
                self.counters["streams_refused"] += 1
                return None
            self._numbering[stream] = _Numbering()
        self._numbering[stream].n_messages += 1
        return stream

    def _number(self, stream: Stream, sequence: int, n: int | None) -> None:
        """Compares a sequence number with the one due; `n` are numbered by this message."""
        numbering = self._numbering[stream]
        if numbering.expected is not None and sequence != numbering.expected:
            missing = (sequence - numbering.expected) % 2**32
            if missing < 2**31:
                numbering.n_lost += missing
                self.counters["lost"] += missing
            else:  # late, or the exporter started anew
                self.counters["reordered"] += 1
        numbering.expected = None if n is None else (sequence + n) % 2**32

    def _sets_of(
        self, stream: Stream, body: bytes, export_ns: int, boot_ns: int | None
    ) -> int | None:
        """Reads the sets of a message; records in it, None where that cannot be told."""
        n_records: int | None = 0
        at = 0
        while at + _SET.size <= len(body):
            number, length = _SET.unpack_from(body, at)
            if length < _SET.size or at + length > len(body):
                self.counters["bad_sets"] += 1
                return None
            content = body[at + _SET.size : at + length]
            at += length
            if number >= _FIRST_DATA_SET:
                n = self._data_set(stream, number, content, export_ns, boot_ns)
                n_records = None if n is None or n_records is None else n_records + n
            elif number == _TEMPLATE_SETS[stream.version][0]:
                self._templates_of(stream, content)
            elif number == _TEMPLATE_SETS[stream.version][1]:
                self._options_templates_of(stream, content)
            else:
                self.counters["bad_sets"] += 1
        return n_records

    def _data_set(
        self, stream: Stream, number: int, content: bytes, export_ns: int, boot_ns: int | None
    ) -> int | None:
        layout = self._templates.get((stream, number))
        if layout is None:
            self.counters["sets_without_template"] += 1
            return None
        return self._keep(stream, layout, content, export_ns, boot_ns)

    def _keep(
        self, stream: Stream, layout: Layout, body: bytes, export_ns: int, boot_ns: int | None
    ) -> int | None:
        """Keeps the records of a set; how many, None where their length varies."""
        n = None if layout.varies else len(body) // layout.least_bytes
        counter = "option_records" if layout.is_options else "records"
        self.counters[counter] += n or 0
        self._numbering[stream].n_records += n or 0
        if not layout.varies:
            body = body[: (n or 0) * layout.least_bytes]
        if layout.is_options:
            self._options(stream, layout, body)
        elif not layout.tells_flows:
            self.counters["records_of_no_flow"] += n or 0
        elif body:
            known_boot_ns = self._numbering[stream].boot_ns if boot_ns is None else boot_ns
            chunk = Chunk(self.counters["messages"], body, export_ns, known_boot_ns)
            self._sets.setdefault((stream, layout), []).append(chunk)
            self._n_waiting += len(body) // layout.least_bytes
        return n

    def _options(self, stream: Stream, layout: Layout, body: bytes) -> None:
        """What the first of these options records says of the exporter itself."""
        if layout.varies or not body:
            return
        at = 0
        for part in layout.fields:
            value = int.from_bytes(body[at : at + part.length], "big")
            at += part.length
            if part.enterprise or not 0 < part.length <= 8:
                continue
            if part.number == _SYSTEM_INIT_MS and 0 < value < 2**43:
                self._numbering[stream].boot_ns = value * _NS_PER_MS
            elif part.number in _SAMPLING and value > 0:
                self._numbering[stream].sampling = value

    def _templates_of(self, stream: Stream, content: bytes) -> None:
        """Template records (RFC 7011, 3.4.1): number, count of fields, fields."""
        at = 0
        while at + 4 <= len(content):
            number, n_fields = struct.unpack_from("!HH", content, at)
            if number == 0 and n_fields == 0:
                return  # padding
            at += 4
            if n_fields == 0:  # withdrawn (RFC 7011, 8.1)
                self._templates.pop((stream, number), None)
                continue
            found = _fields(content, at, n_fields, stream.version)
            if found is None:
                self.counters["bad_templates"] += 1
                return
            fields, at = found
            self._learn(stream, number, Layout(fields))

    def _options_templates_of(self, stream: Stream, content: bytes) -> None:
        """Options templates: v9 tells bytes of scope and options, IPFIX counts of fields."""
        at = 0
        while at + 6 <= len(content):
            number, first, second = struct.unpack_from("!HHH", content, at)
            n_fields = (first + second) // 4 if stream.version == 9 else first
            if number == 0:
                return
            if n_fields == 0:
                self._templates.pop((stream, number), None)
                at += 4
                continue
            found = _fields(content, at + 6, n_fields, stream.version)
            if found is None:
                self.counters["bad_templates"] += 1
                return
            fields, at = found
            self._learn(stream, number, Layout(fields, is_options=True))

    def _learn(self, stream: Stream, number: int, layout: Layout) -> None:
        if number < _FIRST_DATA_SET or not 0 < layout.least_bytes <= MAX_RECORD_BYTES:
            self.counters["bad_templates"] += 1
            return
        if (stream, number) not in self._templates:
            if len(self._templates) >= MAX_TEMPLATES:
                self.counters["templates_refused"] += 1
                return
            self.counters["templates"] += 1
        self._templates[stream, number] = layout


def _fields(
    content: bytes, at: int, n_fields: int, version: int
) -> tuple[tuple[Field, ...], int] | None:
    """The fields from `at` on and where they end; None where the set ends before."""
    if n_fields > MAX_FIELDS:
        return None
    fields = []
    for _ in range(n_fields):
        if at + 4 > len(content):
            return None
        number, length = struct.unpack_from("!HH", content, at)
        at += 4
        enterprise = 0
        if version == 10 and number & 0x8000:
            if at + 4 > len(content):
                return None
            (enterprise,) = struct.unpack_from("!I", content, at)
            number &= 0x7FFF
            at += 4
        if version == 9 and length == VARIABLE:
            return None  # v9 has no fields of varying length
        fields.append(Field(number, length, enterprise))
    return tuple(fields), at
