"""Ways to ask a host for its clock: what a channel does, and the one by ICMP."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from wiretell.probing.reading import Reading
from wiretell.probing.sampler import Answered, Closed, Event, Reason
from wiretell.protocols import icmp_timestamp
from wiretell.sources.probe_socket import RawSocket


class Channel(Protocol):
    """One host's clock behind sockets. `sent` counts packets by kind, from `close` on all."""

    address: str
    port: int | None
    sent: Counter[str]

    def filenos(self) -> Sequence[int]:
        """Sockets that may have something to read."""

    def open(self) -> None:
        """Begins to connect; `receive` tells what came of it. Raises OSError."""

    def send(self) -> int:
        """Asks once; when, in ns of the monotonic clock. Raises OSError."""

    def receive(self) -> list[Event]:
        """What happened since."""

    def finish(self) -> bool:
        """Begins or goes on to end what is open; True when nothing is open any more."""

    def close(self) -> None:
        """Ends everything now."""


class IcmpChannel:
    """Asks by ICMP timestamp requests (RFC 792): the system's clock, ms since midnight."""

    modulus = icmp_timestamp.DAY_MS
    nominal_hz = 1000.0

    def __init__(self, address: str, number: int) -> None:
        self.address = address
        self.port: int | None = None
        self.sent: Counter[str] = Counter()
        self._socket = RawSocket(address, socket.IPPROTO_ICMP)
        self._identifier = (os.getpid() + number) & 0xFFFF
        self._sequence = 0
        self._awaited: dict[int, int] = {}
        self._orders: tuple[icmp_timestamp.Order, ...] = ("big", "little")

    def filenos(self) -> Sequence[int]:
        """See `Channel`."""
        return (self._socket.fileno(),)

    def open(self) -> None:
        """There is nothing to open."""

    def send(self) -> int:
        """See `Channel`."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        now_ms = time.time_ns() // 1_000_000 % icmp_timestamp.DAY_MS
        message = icmp_timestamp.request(self._identifier, self._sequence, now_ms)
        sent_ns = self._socket.send(message)
        self.sent["ICMP timestamp request"] += 1
        # Only the last one counts: an answer that comes after patience is gone is late for good.
        self._awaited = {self._sequence: sent_ns}
        return sent_ns

    def receive(self) -> list[Event]:
        """See `Channel`."""
        events: list[Event] = []
        for arrived_ns, message in self._socket.receive():
            found = icmp_timestamp.parse(message)
            if found is None or found.kind != icmp_timestamp.REPLY:
                continue
            if found.identifier != self._identifier or found.sequence not in self._awaited:
                continue
            sent_ns = self._awaited.pop(found.sequence)
            stamp = self._read(found.receive)
            if stamp is None:
                events.append(Closed(arrived_ns, Reason.NO_UNIT, final=True))
            elif arrived_ns >= sent_ns:
                events.append(Answered(Reading(sent_ns, arrived_ns, stamp)))
        return events

    def _read(self, stamp: int) -> int | None:
        """Its time of day; an order of bytes that gave none once is not tried again."""
        read = {order: icmp_timestamp.day_ms(stamp, order) for order in self._orders}
        self._orders = tuple(order for order, value in read.items() if value is not None)
        return read[self._orders[0]] if self._orders else None

    def finish(self) -> bool:
        """See `Channel`."""
        return True

    def close(self) -> None:
        """See `Channel`."""
        self._socket.close()
