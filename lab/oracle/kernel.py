"""What Linux's connection tracking says of each packet of a capture."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType

from lab.oracle.datagrams import Datagram, Ends, EntryKey
from lab.oracle.entries import Entry, Table
from lab.oracle.namespace import (
    ENTERED_GROUP,
    IN_MAC,
    REASON_GROUP,
    VERDICT_GROUP,
    Namespace,
)
from lab.oracle.netlink import ACK, ERROR, NETLINK_NETFILTER, attribute, attributes, message
from lab.oracle.netlink import messages as parse

_NFLOG = 4
_PACKET_MSG, _CONFIG_MSG = 0, 1
_CMD, _MODE, _QTHRESH = 1, 2, 5
_BIND = b"\x01"
_COPY_META = 1
_MARK, _PREFIX = 2, 10
_SO_RCVBUFFORCE, _RECEIVE_BYTES = 33, 1 << 25
_SO_MARK = 36
_WINDOW = 128
"""Packets sent before their verdicts are read."""
_PATIENCE_S = 5.0
_ASKED_AGAIN_S = 0.25
_EXPECTATION_S = 600.0
"""More than any module but SIP's registrations expects anything for; so long a silence ends it."""
_WORTH_A_LOOK_NS = 250_000_000
_STREAM_S = 2.1
"""Conntrack takes UDP heard both ways for a stream once two seconds of its own clock are over."""
_OTHER_MAC = bytes.fromhex("020000000001")
_SENTINEL_MARK = 0xFFFFFFFF

# Its flags are no combination that TCP knows, so it leaves no entry: a TCP header between two
# addresses kept for documentation, without any flag. What is logged before it, is logged.
_SENTINEL = bytes.fromhex(
    "45000028000040004006b608c0000263c00002640009000900000000000000005000000000000000"
)


class OracleError(RuntimeError):
    """The kernel did not answer as expected: no verdict can be told."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The kernel's word on one packet."""

    number: int
    """Of the frame in its capture, from 1."""
    ct_state: str | None
    """new, established, related, invalid, untracked; None: the kernel dropped or held it before."""
    reply: bool
    reason: str
    """In the kernel's own words. It also names things that it accepts."""
    trouble: str
    """Why it was not fed, or is not comparable; empty for all others."""
    entry: Entry | None = None
    """Only where asked for."""

    @property
    def comparable(self) -> bool:
        return self.ct_state is not None and not self.trouble


class Kernel:
    """A namespace whose connection tracking is asked; a context manager.

    `settings` are files of `/proc/sys/net/netfilter`, such as `nf_conntrack_tcp_loose`. `helpers`
    assigns the protocol modules (FTP, SIP, ...) to their usual ports.
    """

    def __init__(
        self, settings: Mapping[str, int | str] | None = None, *, helpers: bool = False
    ) -> None:
        """Raises OSError, CommandError where no namespace can be built (`needs.py` says why)."""
        self._helpers = helpers
        self._closing = contextlib.ExitStack()
        with contextlib.ExitStack() as closing:
            self._namespace = Namespace(settings or {}, helpers=helpers)
            closing.callback(self._namespace.close)
            self._in = closing.enter_context(self._namespace.injector())
            self._log = closing.enter_context(self._namespace.netlink(NETLINK_NETFILTER))
            self._table = Table(self._namespace.netlink(NETLINK_NETFILTER))
            closing.callback(self._table.close)
            self._seen: dict[EntryKey, tuple[Ends, int]] = {}
            self._listen()
            self._awaken()
            self._closing = closing.pop_all()

    def __enter__(self) -> Kernel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets the namespace go."""
        self._closing.close()

    def set(self, settings: Mapping[str, int | str]) -> None:
        """Changes settings for the captures to come. Raises OSError."""
        self._namespace.set(settings)

    def judge(
        self, capture: Sequence[Datagram], *, entries: bool = False, waits: bool = False
    ) -> list[Verdict]:
        """One verdict per frame, on an empty table. Raises OracleError.

        With `entries` the table is read after each packet, which takes ten times as long. With
        `waits` silences pass in real time, up to 2.1 s each: UDP becomes a stream only so.
        """
        self._empty()
        verdicts: list[Verdict] = []
        with _one_processor():
            for window in self._windows(capture, 1 if entries else _WINDOW, waits):
                told = self._told(window)
                for datagram in window:
                    verdict = _verdict(datagram, told.get(datagram.number, []))
                    if entries and datagram.ends and verdict.ct_state:
                        verdict = replace(verdict, entry=self._table.find(datagram.ends))
                    verdicts.append(verdict)
        return verdicts

    def _empty(self) -> None:
        """Deletes what the last capture left. Deleting all at once would walk the whole table."""
        self._table.delete(ends for ends, _ in self._seen.values())
        self._seen.clear()
        if self._namespace.n_entries():
            self._table.flush()

    def _windows(
        self, capture: Sequence[Datagram], most: int, waits: bool
    ) -> Iterator[list[Datagram]]:
        """Packets to send at one go; entries are moved in time before they are handed out."""
        window: list[Datagram] = []
        before_ns = capture[0].time_ns if capture else 0
        for datagram in capture:
            late = list(self._late(datagram))
            silence_s = (datagram.time_ns - before_ns) * 1e-9
            if window and (late or len(window) == most or silence_s > _STREAM_S):
                yield window
                window = []
            if waits and silence_s > _STREAM_S:
                time.sleep(_STREAM_S)
            if self._helpers and silence_s > _EXPECTATION_S:
                self._table.forget_expectations()
            before_ns = datagram.time_ns
            self._table.age(late)
            window.append(datagram)
        if window:
            yield window

    def _late(self, datagram: Datagram) -> Iterator[tuple[Ends, float]]:
        """Ends whose entry's time has passed since its last packet, and seconds of it.

        What passed is carried on until it is worth a look. Time that runs backwards stands still.
        """
        for ends in (datagram.ends, datagram.quoted):
            if ends is None:
                continue
            key = ends.entry_key
            if key not in self._seen:
                if ends is datagram.ends:
                    self._seen[key] = ends, datagram.time_ns
                continue
            known, then_ns = self._seen[key]
            passed_ns = datagram.time_ns - then_ns
            if passed_ns >= _WORTH_A_LOOK_NS:
                self._seen[key] = known, datagram.time_ns
                yield known, passed_ns * 1e-9

    def _listen(self) -> None:
        self._log.settimeout(_PATIENCE_S)
        self._log.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BYTES)
        for group in (REASON_GROUP, VERDICT_GROUP, ENTERED_GROUP):
            for attr in (
                attribute(_CMD, _BIND),
                attribute(_MODE, struct.pack("!IBx", 0, _COPY_META)),
                attribute(_QTHRESH, struct.pack("!I", 1)),
            ):
                self._log.send(message(_NFLOG, _CONFIG_MSG, ACK, 1, 0, group, attr))
                if [answer.kind for answer in parse(self._log.recv(4096))] != [ERROR]:
                    raise OracleError("the kernel's log cannot be read")

    def _awaken(self) -> None:
        """Waits until a packet gets through: on a busy machine devices come up late."""
        self._log.settimeout(_ASKED_AGAIN_S)
        for _ in range(int(_PATIENCE_S / _ASKED_AGAIN_S)):
            with contextlib.suppress(OracleError):
                self._told(())
                break
        # What was asked in vain may be answered late, and would be taken for a later answer.
        with contextlib.suppress(TimeoutError):
            while True:
                self._log.recv(1 << 16)
        self._log.settimeout(_PATIENCE_S)

    def _told(self, window: Iterable[Datagram]) -> dict[int, list[tuple[int, str]]]:
        """(log group, words) about each packet, by its number."""
        for datagram in window:
            if datagram.data:
                self._send(datagram.number, datagram.data)
        self._send(_SENTINEL_MARK, _SENTINEL)
        told: dict[int, list[tuple[int, str]]] = {}
        while True:
            try:
                data = self._log.recv(1 << 16)
            except TimeoutError:
                raise OracleError("no verdict came back") from None
            for heard in parse(data):
                if heard.kind != _NFLOG << 8 | _PACKET_MSG:
                    continue
                mark, words = 0, ""
                for kind, value in attributes(heard.attributes):
                    if kind == _MARK:
                        (mark,) = struct.unpack("!I", value)
                    elif kind == _PREFIX:
                        words = bytes(value).rstrip(b"\0").decode("ascii", "replace").strip()
                        words = words.removeprefix("nf_ct_proto_").lstrip("0123456789: ")
                told.setdefault(mark, []).append((heard.resource, words))
                if mark == _SENTINEL_MARK and heard.resource == VERDICT_GROUP:
                    return told

    def _send(self, mark: int, packet: bytes) -> None:
        self._in.setsockopt(socket.SOL_SOCKET, _SO_MARK, struct.pack("=I", mark))
        kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
        self._in.send(IN_MAC + _OTHER_MAC + kind + packet)


def _verdict(datagram: Datagram, told: list[tuple[int, str]]) -> Verdict:
    words: dict[int, str] = {}
    for group, heard in told:
        words[group] = f"{words[group]}; {heard}" if group in words else heard
    state, _, way = words.get(VERDICT_GROUP, "").partition(" ")
    trouble = datagram.trouble
    if not trouble and state == "new" and ENTERED_GROUP not in words:
        trouble = "not_forwarded"
    reason = words.get(REASON_GROUP, "")
    return Verdict(datagram.number, state or None, way == "reply", reason, trouble)


@contextlib.contextmanager
def _one_processor() -> Iterator[None]:
    """Packets of one sender keep their order if all go through the queue of one processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {ctypes.CDLL(None).sched_getcpu()})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
