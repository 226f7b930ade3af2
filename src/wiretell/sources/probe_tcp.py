"""Asks a listening service for TCP timestamps: one kept connection, keep-alives at chosen times.

The kernel opens and closes the connection as for any program; only the keep-alives are made here
(`protocols.tcp_keepalive`), because the kernel sends them once a second at most and at times of
its own.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
from collections import Counter
from collections.abc import Sequence

from wiretell.probing.reading import Reading
from wiretell.probing.sampler import Answered, Closed, Event, Opened, Reason
from wiretell.protocols.tcp_keepalive import (
    ACK,
    FIN,
    RST,
    SYN,
    Connection,
    Segment,
    keepalive,
    parse,
)
from wiretell.sources.probe_socket import RawSocket, monotonic_ns

OPEN_PATIENCE_NS = 3_500_000_000
"""A connection that takes longer is given up; the kernel repeats a SYN after 1 s and after 3."""
KERNEL = "TCP segments of the kernel"
"""SYNs, acknowledgements, FINs: what opening and ending a connection takes."""
_READ_BYTES = 65536
_RESET_AT_ONCE = struct.pack("ii", 1, 0)
_SEGMENTS_OUT = struct.Struct("@I")
_SEGMENTS_OUT_AT = 136
"""tcpi_segs_out in struct tcp_info (linux/tcp.h, since 4.2): segments sent, all of them."""
_TCP_INFO_BYTES = 192
MOST_LATE = 8
_BEHIND_MS = 2
"""The kernel's own next TSval must not be older than one of ours (PAWS, RFC 7323)."""


class TcpChannel:
    """One service of one host. `ports` are tried in order until one accepts with timestamps."""

    modulus = 2**32
    nominal_hz = None

    def __init__(self, address: str, ports: Sequence[int]) -> None:
        self.address = address
        self.port: int | None = None
        self.sent: Counter[str] = Counter()
        self._ports = list(ports)
        self._raw = RawSocket(address, socket.IPPROTO_TCP)
        self._stream: socket.socket | None = None
        self._connection: Connection | None = None
        self._began_ns = 0
        self._is_open = False
        self._first_tsval = 0  # of the near end, in its SYN
        self._sequence = 0
        self._acknowledgement = 0
        self._heard_tsval = 0
        self._awaited: tuple[int, int] | None = None  # when, and the TSval to be echoed
        self._late: list[int] = []  # TSvals of keep-alives that nobody waits for any more
        self._ending: list[socket.socket] = []

    def filenos(self) -> Sequence[int]:
        """See `Channel`."""
        return (self._raw.fileno(),)

    def open(self) -> None:
        """See `Channel`.

        From the port of the connection before, where that is free: stacks that draw the offset
        of their timestamps from addresses and ports then show the old one again.
        """
        self._leave()
        near = None if self._connection is None else self._connection.near_port
        self._began_ns = monotonic_ns()
        try:
            stream = self._begin(near)
        except OSError:
            if near is None:
                raise
            stream = self._begin(None)
        self._stream = stream
        address, near_port = stream.getsockname()[:2]
        self._connection = Connection(address, near_port, self.address, self._ports[0])

    def _begin(self, near_port: int | None) -> socket.socket:
        """A socket that connects."""
        is_v4 = ipaddress.ip_address(self.address).version == 4
        stream = socket.socket(socket.AF_INET if is_v4 else socket.AF_INET6, socket.SOCK_STREAM)
        try:
            stream.setblocking(False)
            if near_port is not None:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                stream.bind(("0.0.0.0" if is_v4 else "::", near_port))
            with contextlib.suppress(BlockingIOError):
                stream.connect((self.address, self._ports[0]))
        except OSError:
            stream.close()
            raise
        return stream

    def send(self) -> int:
        """See `Channel`."""
        if self._connection is None or not self._is_open:
            raise ConnectionError("no open connection")
        elapsed_ms = (monotonic_ns() - self._began_ns) // 1_000_000
        tsval = (self._first_tsval + max(0, elapsed_ms - _BEHIND_MS)) % 2**32
        segment = keepalive(
            self._connection, self._sequence, self._acknowledgement, tsval, self._heard_tsval
        )
        if self._awaited is not None:
            self._late = [*self._late[1 - MOST_LATE :], self._awaited[1]]
        sent_ns = self._raw.send(segment)
        self.sent["TCP keep-alive"] += 1
        self._awaited = (sent_ns, tsval)
        return sent_ns

    def receive(self) -> list[Event]:
        """See `Channel`."""
        events: list[Event] = []
        for arrived_ns, data in self._raw.receive():
            segment = parse(data)
            if segment is not None and self._is_ours(segment):
                event = self._heard(segment, arrived_ns)
                events += [event] if event else []
        if self._stream is not None and not self._is_open and not events:
            events += self._given_up()
        elif self._stream is not None:
            self._read_away()
        self._reap()
        return events

    def _is_ours(self, segment: Segment) -> bool:
        ports = (segment.source_port, segment.destination_port)
        own = self._connection
        return own is not None and ports == (own.far_port, own.near_port)

    def _heard(self, segment: Segment, arrived_ns: int) -> Event | None:
        if segment.flags & RST:
            return self._refused(arrived_ns)
        if segment.flags & (SYN | ACK) == SYN | ACK:
            return self._accepted(segment, arrived_ns)
        if not self._is_open:
            return None
        if segment.n_payload or segment.flags & FIN:
            self._acknowledgement = segment.next_sequence
        if segment.flags & FIN:
            self._leave()
            return Closed(arrived_ns)
        if segment.timestamps is None or segment.n_payload:
            return None
        return self._stamped(segment.timestamps, arrived_ns)

    def _accepted(self, segment: Segment, arrived_ns: int) -> Event | None:
        if self._is_open:
            return None  # repeated: our acknowledgement was lost
        if segment.timestamps is None:
            self._leave()
            return Closed(arrived_ns, Reason.NO_TIMESTAMPS, final=True)
        self._is_open = True
        self.port = self._ports[0]
        self._heard_tsval, self._first_tsval = segment.timestamps
        # The SYN's own number: one before the next that would be sent.
        self._sequence = (segment.acknowledgement - 1) % 2**32
        self._acknowledgement = segment.next_sequence
        return Opened(arrived_ns)

    def _stamped(self, timestamps: tuple[int, int], arrived_ns: int) -> Event | None:
        self._heard_tsval, echoed = timestamps
        if self._awaited is None or echoed in self._late:
            return None  # it answers a keep-alive that was given up, or none
        sent_ns, _ = self._awaited
        if arrived_ns < sent_ns:
            return None
        self._awaited = None
        return Answered(Reading(sent_ns, arrived_ns, timestamps[0]))

    def _refused(self, arrived_ns: int, why: Reason = Reason.REFUSED) -> Event:
        if not self._is_open and self.port is None and len(self._ports) > 1:
            self._ports = self._ports[1:]
        self._leave()
        return Closed(arrived_ns, why)

    def _given_up(self) -> list[Event]:
        now_ns = monotonic_ns()
        if now_ns - self._began_ns <= OPEN_PATIENCE_NS:
            return []
        return [self._refused(now_ns, Reason.SILENT)]

    def _read_away(self) -> None:
        """A greeting fills the window if nobody reads it."""
        with contextlib.suppress(OSError):
            while self._stream is not None and self._stream.recv(_READ_BYTES):
                pass

    def _leave(self) -> None:
        """Sends our FIN, where there is a connection; the rest of its end is seen to later."""
        stream, self._stream = self._stream, None
        self._is_open, self._awaited = False, None
        if stream is None:
            return
        n_before = _segments_out(stream)
        with contextlib.suppress(OSError):
            stream.shutdown(socket.SHUT_WR)
        if _segments_out(stream) < n_before:  # never connected: the kernel has forgotten it all
            self.sent[KERNEL] += n_before
            stream.close()
        else:
            self._ending.append(stream)

    def _reap(self) -> None:
        """Gives back the connections that have ended, and counts what was sent on them."""
        for stream in self._ending.copy():
            try:
                while stream.recv(_READ_BYTES):
                    pass
            except BlockingIOError:
                continue
            except OSError:
                pass
            self._ending.remove(stream)
            self.sent[KERNEL] += _segments_out(stream)
            stream.close()

    def finish(self) -> bool:
        """See `Channel`: our FIN first, then the other side's."""
        self._leave()
        self._reap()
        return not self._ending

    def close(self) -> None:
        """See `Channel`. What did not end by itself is reset: nothing is sent afterwards."""
        self._leave()
        for stream in self._ending:
            self.sent[KERNEL] += _segments_out(stream)
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
            with contextlib.suppress(OSError):
                stream.getpeername()  # only a connection is reset by a segment
                self.sent[KERNEL] += 1
            stream.close()
        self._ending = []
        self._raw.close()


def _segments_out(stream: socket.socket) -> int:
    info = stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    if len(info) < _SEGMENTS_OUT_AT + _SEGMENTS_OUT.size:
        return 0
    (count,) = _SEGMENTS_OUT.unpack_from(info, _SEGMENTS_OUT_AT)
    return int(count)
