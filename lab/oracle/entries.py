"""The kernel's table of connections: read, emptied, and moved in time.

A capture of an hour is judged in a second: before a packet that comes G seconds after the last one
of its connection, that entry is made G seconds older; one that would have ended is deleted. How
much time it has left is kept here, to a fraction of a second: the kernel's own timer counts whole
ones. Whether a packet has renewed it since is read from that timer, which is therefore never set
to what the kernel itself sets.

Messages: `linux/netfilter/nfnetlink_conntrack.h`.
"""

from __future__ import annotations

import math
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from lab.oracle.datagrams import GRE, Ends, EntryKey
from lab.oracle.netlink import ACK, DONE, ERROR, Message, attribute, attributes, message
from lab.oracle.netlink import messages as parse

_SUBSYSTEM, _EXPECTATIONS = 1, 2
_NEW, _GET, _DELETE = 0, 1, 2
_TUPLE, _STATUS, _PROTOINFO, _TIMEOUT = 1, 3, 4, 7
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_PROTO_NUM, _PROTO_SPORT, _PROTO_DPORT = 1, 2, 3
_ICMP = {1: (4, 5, 6), 58: (7, 8, 9)}
"""Attributes for identifier, type and code."""
_SEEN_REPLY, _ASSURED = 2, 4
_FULL_S = frozenset({3, 10, 30, 60, 120, 180, 210, 300, 600, 432_000})
"""Timeouts that the kernel sets of itself (defaults of `nf_conntrack_*_timeout*`)."""
_SLOWEST_S = 2
"""Real time that may pass between two looks at an entry."""
_SOON_S = 6
"""No entry is to end of itself before it is deleted."""
_LONG_S = 50
_BATCH, _LARGEST = 64, 1 << 17

TCP_STATES = ("none", "syn_sent", "syn_recv", "established", "fin_wait", "close_wait",
              "last_ack", "time_wait", "close", "syn_sent2")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """What the table holds of a connection after a packet."""

    tcp_state: str | None
    timeout_s: int
    """Remaining time, rounded down."""
    assured: bool
    seen_reply: bool


def _family(ends: Ends) -> int:
    return socket.AF_INET6 if len(ends.src) == 16 else socket.AF_INET


@dataclass(frozen=True, slots=True)
class _Moved:
    """What an entry was left with when it was moved in time, and what its timer was set to."""

    left_s: float
    timer_s: int


def _entry(held: Message) -> Entry:
    status, timeout_s, tcp_state = 0, 0, None
    for kind, value in attributes(held.attributes):
        if kind == _STATUS:
            (status,) = struct.unpack("!I", value)
        elif kind == _TIMEOUT:
            (timeout_s,) = struct.unpack("!I", value)
        elif kind == _PROTOINFO:
            tcp_state = _tcp_state(value)
    return Entry(tcp_state, timeout_s, bool(status & _ASSURED), bool(status & _SEEN_REPLY))


def _tcp_state(protoinfo: memoryview) -> str | None:
    for kind, inner in attributes(protoinfo):
        for field, value in attributes(inner):
            if kind == 1 and field == 1:
                return TCP_STATES[value[0]]
    return None


def _tuple(ends: Ends) -> bytes:
    v6 = len(ends.src) == 16
    ips = attribute(3 if v6 else 1, ends.src) + attribute(4 if v6 else 2, ends.dst)
    proto = attribute(_PROTO_NUM, bytes([ends.proto]))
    if ends.proto in _ICMP:
        identifier, icmp_type, code = _ICMP[ends.proto]
        proto += attribute(identifier, struct.pack("!H", ends.sport))
        proto += attribute(icmp_type, bytes([ends.dport >> 8]))
        proto += attribute(code, bytes([ends.dport & 255]))
    elif ends.proto == GRE or ends.sport or ends.dport:
        proto += attribute(_PROTO_SPORT, struct.pack("!H", ends.sport))
        proto += attribute(_PROTO_DPORT, struct.pack("!H", ends.dport))
    both = attribute(_TUPLE_IP, ips, nested=True) + attribute(_TUPLE_PROTO, proto, nested=True)
    return attribute(_TUPLE, both, nested=True)


def _unlike_the_kernels(seconds: int) -> int:
    """A time near it that, read back a little later, is none that the kernel sets.

    Long ones become shorter: where it finds more than 300 s, the kernel itself may cut them.
    """
    step = -1 if seconds >= _LONG_S else 1
    seconds = max(seconds, _SOON_S)
    while any(seconds + near in _FULL_S for near in range(-_SLOWEST_S, 2)):
        seconds += step
    return seconds


class Table:
    """The table of one namespace, over a netlink socket that it owns."""

    def __init__(self, sock: socket.socket) -> None:
        """A netlink socket of that namespace."""
        self._socket = sock
        self._socket.settimeout(5.0)
        self._seq = 0
        self._moved: dict[EntryKey, _Moved] = {}

    def close(self) -> None:
        self._socket.close()

    def flush(self) -> None:
        """Deletes all entries."""
        self._ask(_DELETE, ACK, socket.AF_UNSPEC, b"")

    def forget_expectations(self) -> None:
        """Deletes all that protocol modules expect."""
        self._ask(_DELETE, ACK, socket.AF_UNSPEC, b"", _EXPECTATIONS)

    def find(self, ends: Ends) -> Entry | None:
        """The entry that a packet between these ends belongs to, whichever way it goes."""
        entry = self._read(ends)
        return replace(entry, timeout_s=int(self._time_left(ends, entry))) if entry else None

    def age(self, wanted: Iterable[tuple[Ends, float]]) -> None:
        """Moves entries so many seconds towards their end."""
        changes = []
        for ends, seconds in wanted:
            entry = self._read(ends)
            if entry is None:
                continue
            left = self._time_left(ends, entry) - seconds
            if left <= 0:
                changes.append((_DELETE, ends, b""))
                continue
            timer_s = _unlike_the_kernels(math.ceil(left))
            self._moved[ends.entry_key] = _Moved(left, timer_s)
            changes.append((_NEW, ends, attribute(_TIMEOUT, struct.pack("!I", timer_s))))
        self._change(changes)

    def _read(self, ends: Ends) -> Entry | None:
        try:
            for answer in self._ask(_GET, ACK, _family(ends), _tuple(ends)):
                return _entry(answer)
        except FileNotFoundError:
            pass
        return None

    def _time_left(self, ends: Ends, entry: Entry) -> float:
        """Seconds that the entry lives on if no packet renews it."""
        reads = entry.timeout_s
        # What had 120 s a moment ago reads 119 or 120.
        if reads in _FULL_S or reads + 1 in _FULL_S:
            return reads + (reads not in _FULL_S)
        moved = self._moved.get(ends.entry_key)
        if moved and 0 <= moved.timer_s - reads <= _SLOWEST_S:
            return moved.left_s
        return reads

    def delete(self, all_ends: Iterable[Ends]) -> None:
        """Deletes the entries between these ends, where there are any."""
        self._moved.clear()
        self._change([(_DELETE, ends, b"") for ends in all_ends])

    def _change(self, changes: list[tuple[int, Ends, bytes]]) -> None:
        for at in range(0, len(changes), _BATCH):
            batch = changes[at : at + _BATCH]
            self._socket.send(
                b"".join(
                    message(_SUBSYSTEM, what, ACK, 0, _family(ends), 0, _tuple(ends) + more)
                    for what, ends, more in batch
                )
            )
            answered = 0
            while answered < len(batch):
                data = self._socket.recv(_LARGEST)
                try:
                    answered += sum(answer.kind == ERROR for answer in parse(data))
                except FileNotFoundError:  # there is none, or it ended meanwhile
                    answered += 1

    def _ask(
        self, what: int, flags: int, family: int, body: bytes, subsystem: int = _SUBSYSTEM
    ) -> Iterator[Message]:
        self._seq += 1
        seq = self._seq
        self._socket.send(message(subsystem, what, flags, seq, family, 0, body))
        answers: list[Message] = []
        while True:
            for answer in parse(self._socket.recv(_LARGEST)):
                if answer.seq != seq:
                    continue
                if answer.kind in (ERROR, DONE):
                    return iter(answers)
                answers.append(answer)
